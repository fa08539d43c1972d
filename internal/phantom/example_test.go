package phantom_test

import (
	"fmt"
	"log"

	"github.com/closer-mri/closer/internal/phantom"
)

// A two-slice FLAIR scan with four coils, as a scanner would store it, and the truth to judge a reconstruction by.
func ExampleAcquire() {
	head := phantom.Head{Slices: 2, Matrix: 64, Contrast: phantom.FLAIR, Seed: 1}
	scan := phantom.Acquisition{Matrix: 64, Coils: 4, Noise: 0.005, NoiseSeed: 1, PhaseSeed: 1}
	for s, err := range phantom.Acquire(head, scan) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Index, s.K.Nc, s.K.Ny, s.K.Nx, len(s.Reference), len(head.Lesions(s.Index)), len(head.LinePairs()))
	}
	// Output:
	// 0 4 128 74 4096 6 10
	// 1 4 128 74 4096 6 10
}
