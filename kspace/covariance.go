package kspace

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

// box writes the lower triangle of the covariance summed over the window around column x to dst (nc·(nc+1)/2).
func (s *columnSums) box(dst []complex128, x int) {
	clear(dst)
	nc := s.coils.Nc
	for c := max(0, x-s.radius); c <= min(s.coils.Nx-1, x+s.radius); c++ {
		sum := s.sums[c*nc*nc : (c+1)*nc*nc]
		for a := range nc {
			to := dst[a*(a+1)/2:]
			for b, v := range sum[a*nc : a*nc+a+1] {
				to[b] += v
			}
		}
	}
}
