package score

// #cgo CFLAGS: -O3 -std=c11
// #cgo LDFLAGS: -lm
// #cgo noescape noise_fill
// #cgo nocallback noise_fill
// #include "noise.h"
import "C"

import (
	"unsafe"

	"github.com/closer-mri/closer/kspace"
)

// Noise is counter-based standard normal noise: each value is a function of (Seed, Slice, Sample, draw, pixel) alone, so that
// a result does not depend on batch size, worker or order.
type Noise struct {
	Seed          uint64
	Slice, Sample uint32
}

// Fill overwrites dst with the noise of one draw: unit variance in the real and in the imaginary part.
func (n Noise) Fill(dst kspace.Image, draw int) {
	kspace.Parallel(kspace.Processors(), (len(dst.Pix)+1)/2, func(_, from, to int) {
		pix := dst.Pix[2*from : min(2*to, len(dst.Pix))]
		n.pairs(pix[:len(pix)/2*2], from, draw)
		if len(pix)%2 == 1 {
			var last [2]complex64
			n.pairs(last[:], to-1, draw)
			pix[len(pix)-1] = last[0]
		}
	})
}

// pairs fills an even number of pixels, the first being 2·from. One counter of the generator makes two pixels.
func (n Noise) pairs(pix []complex64, from, draw int) {
	C.noise_fill((*C.float)(unsafe.Pointer(unsafe.SliceData(pix))), C.uint32_t(from), C.uint32_t(len(pix)/2), C.uint32_t(draw),
		C.uint32_t(n.Slice), C.uint32_t(n.Sample), C.uint64_t(n.Seed))
}
