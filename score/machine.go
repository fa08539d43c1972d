package score

import (
	"context"

	"github.com/closer-mri/closer/kspace"
)

// Array is a complex image, or a batch of them, that a Machine holds. It never changes.
type Array any

// Term is Weight·Of in a linear combination.
type Term struct {
	Weight float64
	Of     Array
}

// Machine carries out the operations that samplers are made of. The host does each at once; package graph records them and runs
// several steps as one ONNX graph. Errors wait for Step: what was computed after one is never looked at.
type Machine interface {
	Denoise(x Array, sigma float64) Array // D(x, σ), one NFE
	Consistent(x Array) Array             // x moved towards the measurement; x itself where there is none
	Noise(draw int) Array                 // unit normal; equal draws give equal noise
	Sum(terms ...Term) Array              // Σ w·a
	Ratio(x, num, den Array) Array        // x ‖num‖/‖den‖, 0 where ‖den‖ is; each image of a batch on its own
	// Step ends a step of a sampler. Arrays that later steps use must be named: the others are forgotten.
	Step(done, steps int, live ...*Array) error
}

// host is the Machine that the others are tested against: plain loops in complex64, one image.
type host struct {
	ctx    context.Context
	d      Denoiser
	ny, nx int
	opt    Options
	err    error
}

func (h *host) Denoise(x Array, sigma float64) Array {
	dst := kspace.NewImage(h.ny, h.nx)
	if h.err == nil {
		h.err = h.ctx.Err()
	}
	if h.err == nil {
		h.err = h.d.Denoise(h.ctx, dst, x.(kspace.Image), sigma)
	}
	return dst
}

func (h *host) Consistent(x Array) Array {
	if h.opt.Consistency == nil {
		return x
	}
	dst := x.(kspace.Image).Clone()
	h.opt.Consistency(dst)
	return dst
}

func (h *host) Noise(draw int) Array {
	z := kspace.NewImage(h.ny, h.nx)
	h.opt.Noise(z, draw)
	return z
}

func (h *host) Sum(terms ...Term) Array {
	sum := kspace.NewImage(h.ny, h.nx)
	for _, t := range terms {
		w := float32(t.Weight)
		for i, v := range t.Of.(kspace.Image).Pix {
			sum.Pix[i] += complex(w*real(v), w*imag(v))
		}
	}
	return sum
}

func (h *host) Ratio(x, num, den Array) Array {
	dst := kspace.NewImage(h.ny, h.nx)
	if norm := kspace.Norm(den.(kspace.Image).Pix); norm > 0 {
		copy(dst.Pix, x.(kspace.Image).Pix)
		kspace.Scale(dst.Pix, float32(kspace.Norm(num.(kspace.Image).Pix)/norm))
	}
	return dst
}

func (h *host) Step(done, steps int, _ ...*Array) error {
	if h.err == nil && h.opt.Progress != nil {
		h.opt.Progress(done, steps)
	}
	return h.err
}
