package kspace

import (
	"math"
	"math/cmplx"
)

// RSS writes the root sum of squares over coils of coil images (nc, ny, nx) to dst and returns it; a nil dst is allocated.
func RSS(dst []float32, coils Data) []float32 {
	n := coils.Ny * coils.Nx
	if dst == nil {
		dst = make([]float32, n)
	}
	for i := range n {
		var sum float64
		for c := range coils.Nc {
			v := coils.Val[c*n+i]
			sum += float64(real(v))*float64(real(v)) + float64(imag(v))*float64(imag(v))
		}
		dst[i] = float32(math.Sqrt(sum))
	}
	return dst
}

// EstimateMaps estimates coil sensitivity maps (nc, ny, nx) from the central columns [lo, hi) of k-space and as many rows, which are to be
// fully sampled. It is the adaptive combination of Walsh, Gmitro and Marcellin (MRM 2000): at each pixel the
// dominant eigenvector of the coil covariance over a neighbourhood of the low-resolution images. Maps satisfy Σ|S|² = 1; their
// phase is relative to the coil with most signal, which leaves the image's own phase in the image.
func EstimateMaps(y Data, lo, hi int) Data {
	low := lowResolution(y, lo, hi)
	best := strongest(low)
	maps := NewData(y.Nc, y.Ny, y.Nx)
	covariances := newColumnSums(low, max(2, min(y.Ny, y.Nx)/64))
	parts := Processors()
	pixels := make([]eigen, parts)
	for p := range pixels {
		pixels[p] = newEigen(y.Nc)
	}
	for row := range y.Ny {
		Parallel(parts, y.Nx, func(_, from, to int) { covariances.moveTo(row, from, to) })
		Parallel(parts, y.Nx, func(part, from, to int) {
			e := pixels[part]
			for x := from; x < to; x++ {
				covariances.box(e.matrix, x)
				e.dominant()
				turn := phase(e.vector[best])
				for c, v := range e.vector {
					maps.Val[(c*y.Ny+row)*y.Nx+x] = complex64(v * complex(real(turn), -imag(turn)))
				}
			}
		})
	}
	return maps
}

// MapsMemory returns the bytes that EstimateMaps takes for the covariances of nc coils at nx columns, beside images of the size of
// its data.
func MapsMemory(nc, nx int) int64 { return 16 * int64(nx) * int64(nc) * int64(nc) }

// lowResolution returns the coil images of the central columns lo…hi and as many rows, Hann-windowed against ringing.
func lowResolution(y Data, lo, hi int) Data {
	low := NewData(y.Nc, y.Ny, y.Nx)
	half := max(float64(hi-lo)/2, 1)
	window := func(i, n int) float64 {
		d := math.Abs(float64(i-n/2)) / (half + 1)
		if d >= 1 {
			return 0
		}
		return 0.5 + 0.5*math.Cos(math.Pi*d)
	}
	fft := NewFFT2(y.Ny, y.Nx)
	for c := range y.Nc {
		k, src := low.Coil(c).Pix, y.Coil(c).Pix
		for row := range y.Ny {
			for x := lo; x < hi; x++ {
				i := row*y.Nx + x
				k[i] = complex(float32(window(row, y.Ny)*window(x, y.Nx)), 0) * src[i]
			}
		}
		fft.Inverse(k, k)
	}
	return low
}

// strongest returns the coil with most energy.
func strongest(coils Data) (best int) {
	var top float64
	for c := range coils.Nc {
		if n := Norm(coils.Coil(c).Pix); n > top {
			best, top = c, n
		}
	}
	return best
}

func phase(v complex128) complex128 {
	if m := math.Hypot(real(v), imag(v)); m > 0 {
		return v / complex(m, 0)
	}
	return 1
}

// eigen finds the dominant eigenvector of a Hermitian matrix (n, n), of which the lower triangle is given.
type eigen struct {
	matrix, vector, next []complex128
}

func newEigen(n int) eigen {
	return eigen{make([]complex128, n*n), make([]complex128, n), make([]complex128, n)}
}

const (
	powerSteps = 12    // at most: where there is noise alone no direction is the dominant one
	powerDone  = 1e-16 // squared change of a step after which there are no more: below the rounding of the maps
)

// dominant makes vector the unit eigenvector of the largest eigenvalue, by power iteration from the column of the largest diagonal element.
func (e eigen) dominant() {
	n, m, top := len(e.vector), e.matrix, 0
	for r := range n {
		if real(m[r*n+r]) > real(m[top*n+top]) {
			top = r
		}
		for c := range r {
			m[c*n+r] = cmplx.Conj(m[r*n+c])
		}
	}
	for c := range e.vector {
		e.vector[c] = m[c*n+top]
	}
	for step := range powerSteps {
		var norm float64
		for r := range n {
			var sum complex128
			for c, a := range m[r*n : (r+1)*n] {
				sum += a * e.vector[c]
			}
			e.next[r] = sum
			norm += real(sum)*real(sum) + imag(sum)*imag(sum)
		}
		if norm == 0 { // no signal at all: equal weights keep Σ|S|² = 1
			for c := range e.vector {
				e.vector[c] = complex(1/math.Sqrt(float64(n)), 0)
			}
			return
		}
		var change float64
		scale := 1 / math.Sqrt(norm)
		for r, v := range e.next {
			v = complex(scale*real(v), scale*imag(v))
			d := v - e.vector[r]
			change += real(d)*real(d) + imag(d)*imag(d)
			e.vector[r] = v
		}
		if step > 0 && change < powerDone { // the first vector has another length
			return
		}
	}
}

// columnSums keeps, for each column of an image stack, the sum of coil covariances over the rows of a moving window, so that
// a box sum costs 2r+1 additions instead of (2r+1)². Of the covariances, which are Hermitian, it has the lower triangle.
type columnSums struct {
	coils  Data
	radius int
	sums   []complex128 // (nx, nc·nc)
}

func newColumnSums(coils Data, radius int) *columnSums {
	s := &columnSums{coils, radius, make([]complex128, coils.Nx*coils.Nc*coils.Nc)}
	for row := range radius {
		s.add(row, 1, 0, coils.Nx)
	}
	return s
}

// moveTo advances the window of the columns [from, to) to be centred on row, which must be the next one.
func (s *columnSums) moveTo(row, from, to int) {
	s.add(row+s.radius, 1, from, to)
	s.add(row-s.radius-1, -1, from, to)
}

func (s *columnSums) add(row int, sign float64, from, to int) {
	nc, ny, nx := s.coils.Nc, s.coils.Ny, s.coils.Nx
	if row < 0 || row >= ny {
		return
	}
	for x := from; x < to; x++ {
		sum := s.sums[x*nc*nc : (x+1)*nc*nc]
		for a := range nc {
			va := complex128(s.coils.Val[(a*ny+row)*nx+x]) * complex(sign, 0)
			for b := range a + 1 {
				vb := s.coils.Val[(b*ny+row)*nx+x]
				sum[a*nc+b] += va * complex(float64(real(vb)), -float64(imag(vb)))
			}
		}
	}
}

// box writes the lower triangle of the covariance summed over the window around column x to dst (nc·nc).
func (s *columnSums) box(dst []complex128, x int) {
	clear(dst)
	nc := s.coils.Nc
	for c := max(0, x-s.radius); c <= min(s.coils.Nx-1, x+s.radius); c++ {
		sum := s.sums[c*nc*nc : (c+1)*nc*nc]
		for a := range nc {
			to := dst[a*nc : a*nc+a+1]
			for b, v := range sum[a*nc : a*nc+a+1] {
				to[b] += v
			}
		}
	}
}
