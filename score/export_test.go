package score

import (
	"math"

	"github.com/closer-mri/closer/kspace"
)

// Waves are maps of coils that see the whole image, each with another wave of phase, Σ|S|² = 1.
func Waves(coils, ny, nx int) kspace.Data {
	maps := kspace.NewData(coils, ny, nx)
	for i := range maps.Val {
		sin, cos := math.Sincos(2 * math.Pi * float64(i/(ny*nx)*(i%nx)) / float64(nx))
		maps.Val[i] = complex64(complex(cos, sin) * complex(1/math.Sqrt(float64(coils)), 0))
	}
	return maps
}
