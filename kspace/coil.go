package kspace

import "math"

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
	radius := max(2, min(y.Ny, y.Nx)/64)
	covariance := make([]complex128, y.Nc*y.Nc)
	vector := make([]complex128, y.Nc)
	columns := newColumnSums(low, radius)
	for row := range y.Ny {
		columns.moveTo(row)
		for x := range y.Nx {
			columns.box(covariance, x)
			dominant(vector, covariance, y.Nc)
			turn := phase(vector[best])
			for c, v := range vector {
				maps.Val[(c*y.Ny+row)*y.Nx+x] = complex64(v * complex(real(turn), -imag(turn)))
			}
		}
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

// dominant writes the unit eigenvector of the largest eigenvalue of the Hermitian n×n matrix m to v, by power iteration from
// the column of the largest diagonal element.
func dominant(v, m []complex128, n int) {
	top := 0
	for c := range n {
		if real(m[c*n+c]) > real(m[top*n+top]) {
			top = c
		}
	}
	for c := range v {
		v[c] = m[c*n+top]
	}
	next := make([]complex128, n)
	for range 12 {
		var norm float64
		for r := range n {
			var sum complex128
			for c := range n {
				sum += m[r*n+c] * v[c]
			}
			next[r] = sum
			norm += real(sum)*real(sum) + imag(sum)*imag(sum)
		}
		if norm == 0 { // no signal at all: equal weights keep Σ|S|² = 1
			for c := range v {
				v[c] = complex(1/math.Sqrt(float64(n)), 0)
			}
			return
		}
		for r := range v {
			v[r] = next[r] / complex(math.Sqrt(norm), 0)
		}
	}
}

// columnSums keeps, for each column of an image stack, the sum of coil covariances over the rows of a moving window, so that
// a box sum costs 2r+1 additions instead of (2r+1)².
type columnSums struct {
	coils  Data
	radius int
	row    int
	sums   []complex128 // (nx, nc·nc)
}

func newColumnSums(coils Data, radius int) *columnSums {
	s := &columnSums{coils, radius, -1, make([]complex128, coils.Nx*coils.Nc*coils.Nc)}
	for row := range radius {
		s.add(row, 1)
	}
	return s
}

// moveTo advances the window to be centred on row, which must be the next one.
func (s *columnSums) moveTo(row int) {
	s.row = row
	s.add(row+s.radius, 1)
	s.add(row-s.radius-1, -1)
}

func (s *columnSums) add(row int, sign float64) {
	nc, ny, nx := s.coils.Nc, s.coils.Ny, s.coils.Nx
	if row < 0 || row >= ny {
		return
	}
	for x := range nx {
		sum := s.sums[x*nc*nc : (x+1)*nc*nc]
		for a := range nc {
			va := complex128(s.coils.Val[(a*ny+row)*nx+x]) * complex(sign, 0)
			for b := range nc {
				vb := s.coils.Val[(b*ny+row)*nx+x]
				sum[a*nc+b] += va * complex(float64(real(vb)), -float64(imag(vb)))
			}
		}
	}
}

// box writes the covariance summed over the window around column x to dst (nc·nc).
func (s *columnSums) box(dst []complex128, x int) {
	clear(dst)
	n := len(dst)
	for c := max(0, x-s.radius); c <= min(s.coils.Nx-1, x+s.radius); c++ {
		for i, v := range s.sums[c*n : (c+1)*n] {
			dst[i] += v
		}
	}
}
