package kspace

import "math"

// Mask marks the acquired phase-encode columns; its length is Nx.
type Mask []bool

// Lines returns the number of acquired columns.
func (m Mask) Lines() int {
	n := 0
	for _, on := range m {
		if on {
			n++
		}
	}
	return n
}

// Acceleration returns the measured acceleration: columns over acquired columns, 0 for an empty mask.
func (m Mask) Acceleration() float64 {
	if n := m.Lines(); n > 0 {
		return float64(len(m)) / float64(n)
	}
	return 0
}

// Projector returns the matrix P = F M Fᴴ (nx, nx), row-major, which projects rows of an image on what the mask acquires:
// x P = Aᴴ A x for one coil. A 1-D mask acts on phase encode alone, so the readout transform cancels.
func (m Mask) Projector() []complex64 {
	n := len(m)
	// P is circulant: P[j, l] depends on j − l alone.
	first := make([]complex128, 2*n-1)
	for d := range first {
		for k, on := range m {
			if on {
				sin, cos := math.Sincos(-2 * math.Pi * float64((k-n/2)*(d-n+1)) / float64(n))
				first[d] += complex(cos/float64(n), sin/float64(n))
			}
		}
	}
	p := make([]complex64, n*n)
	for j := range n {
		for l := range n {
			p[j*n+l] = complex64(first[j-l+n-1])
		}
	}
	return p
}
