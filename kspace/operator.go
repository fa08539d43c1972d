package kspace

import "fmt"

// Cartesian is single-coil Cartesian sampling, A = M F. A Aᴴ is the identity on acquired samples, so A⁺ = Aᴴ and Aᴴ A is an
// orthogonal projector.
type Cartesian struct {
	mask Mask
	ny   int
	fft  *FFT2
}

// NewCartesian returns the operator for images (ny, len(mask)).
func NewCartesian(ny int, mask Mask) *Cartesian {
	return &Cartesian{mask, ny, NewFFT2(ny, len(mask))}
}

// Shape implements Operator.
func (a *Cartesian) Shape() (nc, ny, nx int) { return 1, a.ny, len(a.mask) }

// Mask returns the acquired columns.
func (a *Cartesian) Mask() Mask { return a.mask }

// Forward implements Operator.
func (a *Cartesian) Forward(dst Data, x Image) {
	mustFit(a, dst, x)
	a.fft.Forward(dst.Val, x.Pix)
	a.mask.Apply(dst)
}

// Adjoint implements Operator.
func (a *Cartesian) Adjoint(dst Image, y Data) {
	mustFit(a, y, dst)
	copy(dst.Pix, y.Val)
	a.mask.Apply(Data{1, dst.Ny, dst.Nx, dst.Pix})
	a.fft.Inverse(dst.Pix, dst.Pix)
}

// Sense is multi-coil Cartesian sampling, A = M F S with coil sensitivity maps S (Pruessmann et al., MRM 1999). With
// Σ|S|² ≤ 1, as EstimateMaps gives, ‖A‖ ≤ 1.
type Sense struct {
	mask Mask
	maps Data
	fft  *FFT2
	coil Image
}

// NewSense returns the operator for the given maps (nc, ny, nx) and a mask of nx columns.
func NewSense(maps Data, mask Mask) *Sense {
	if len(mask) != maps.Nx {
		panic(fmt.Sprintf("kspace: mask of %d columns for maps (%d, %d, %d)", len(mask), maps.Nc, maps.Ny, maps.Nx))
	}
	return &Sense{mask, maps, NewFFT2(maps.Ny, maps.Nx), NewImage(maps.Ny, maps.Nx)}
}

// Shape implements Operator.
func (a *Sense) Shape() (nc, ny, nx int) { return a.maps.Nc, a.maps.Ny, a.maps.Nx }

// Mask returns the acquired columns.
func (a *Sense) Mask() Mask { return a.mask }

// Maps returns the sensitivity maps (nc, ny, nx), which must not be changed.
func (a *Sense) Maps() Data { return a.maps }

// Forward implements Operator.
func (a *Sense) Forward(dst Data, x Image) {
	mustFit(a, dst, x)
	byRows(a.maps.Ny, a.maps.Nx, func(from, to int) {
		for c := range a.maps.Nc {
			k := dst.Coil(c).Pix[from:to]
			expand(k, x.Pix[from:to], a.maps, c, from)
			a.fft.rows.Forward(k, k, len(k)/x.Nx, 1, x.Nx)
			a.mask.Apply(Data{1, len(k) / x.Nx, x.Nx, k})
		}
	})
	for c := range a.maps.Nc {
		k := dst.Coil(c).Pix
		a.fft.cols.Forward(k, k, x.Nx, x.Nx, 1)
	}
}

// Adjoint implements Operator.
func (a *Sense) Adjoint(dst Image, y Data) {
	mustFit(a, y, dst)
	clear(dst.Pix)
	for c := range a.maps.Nc {
		a.fft.cols.Inverse(a.coil.Pix, y.Coil(c).Pix, y.Nx, y.Nx, 1)
		byRows(y.Ny, y.Nx, func(from, to int) {
			coil := a.coil.Pix[from:to]
			a.mask.Apply(Data{1, len(coil) / y.Nx, y.Nx, coil})
			a.fft.rows.Inverse(coil, coil, len(coil)/y.Nx, 1, y.Nx)
			combine(dst.Pix[from:to], coil, a.maps, c, from)
		})
	}
}

// byRows calls f, with several ranges of pixels at the same time, for all of an image: as many rows as are transformed side by side.
func byRows(ny, nx int, f func(from, to int)) {
	Parallel(Processors(), (ny+lanes-1)/lanes, func(_, from, to int) {
		for ; from < to; from++ {
			f(from*lanes*nx, min((from+1)*lanes, ny)*nx)
		}
	})
}

// expand writes S_c x to dst for some pixels of an image, the first of which is number at. No maps are one coil of 1.
func expand(dst, x []complex64, maps Data, c, at int) {
	if maps.Nc == 0 {
		copy(dst, x)
		return
	}
	for i, s := range maps.Coil(c).Pix[at:][:len(x)] {
		dst[i] = s * x[i]
	}
}

// combine adds S_c* y to dst, the adjoint of expand.
func combine(dst, y []complex64, maps Data, c, at int) {
	if maps.Nc == 0 {
		Add(dst, 1, y)
		return
	}
	for i, s := range maps.Coil(c).Pix[at:][:len(y)] {
		dst[i] += complex(real(s), -imag(s)) * y[i]
	}
}

// Apply sets the columns of d that m does not mark to zero.
func (m Mask) Apply(d Data) {
	for row := 0; row < len(d.Val); row += d.Nx {
		for x, on := range m {
			if !on {
				d.Val[row+x] = 0
			}
		}
	}
}

func mustFit(a Operator, y Data, x Image) {
	nc, ny, nx := a.Shape()
	if y.Nc != nc || y.Ny != ny || y.Nx != nx || x.Ny != ny || x.Nx != nx {
		panic(fmt.Sprintf("kspace: operator (%d, %d, %d) on k-space (%d, %d, %d) and image (%d, %d)", nc, ny, nx, y.Nc, y.Ny, y.Nx, x.Ny, x.Nx))
	}
}
