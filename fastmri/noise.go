package fastmri

// #include "h5.h"
import "C"

import "github.com/closer-mri/closer/kspace"

// How many samples tell the covariance of the noise: with fewer it is not trusted, and more say nothing new.
const (
	leastNoise = 10 // of each coil, times the number of coils
	mostNoise  = 1 << 16
	maxReadout = 1 << 22 // samples of all coils
)

// whiten finds from the noise scan how to make the coils alike. Noise of another bandwidth is another power of the same covariance, which
// kspace.Whitening leaves out.
func (r *reader) whiten(noise []C.fm_line, at []int) error {
	n := r.Coils
	psi := make([]complex128, n*n)
	for i, l := range noise {
		samples := int(l.number_of_samples)
		from, to := int(l.discard_pre), samples-int(l.discard_post)
		if c := int(l.active_channels); c != n {
			r.NoiseCoils = c
			continue
		}
		if n == 1 || from >= to || r.Noise >= mostNoise || samples*n > maxReadout {
			continue
		}
		readout := make([]complex64, n*samples)
		if err := r.raw.read(int32(at[i]), readout); err != nil {
			return err
		}
		for a := range n {
			for b := range a + 1 {
				for k := from; k < to; k++ {
					v, w := readout[a*samples+k], readout[b*samples+k]
					psi[a*n+b] += complex128(v * complex(real(w), -imag(w)))
				}
			}
		}
		r.Noise += to - from
	}
	if r.Noise >= leastNoise*n {
		r.raw.whitening = kspace.Whitening(psi, n)
		r.Whitened = r.raw.whitening != nil
	}
	return nil
}
