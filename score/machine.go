package score

import (
	"context"
	"fmt"
	"slices"

	"github.com/closer-mri/closer/kspace"
)

// Array is a complex image, or a batch of them, that a Machine holds. It never changes.
type Array any

// Term is Weight·Of in a linear combination.
type Term struct {
	Weight float64
	Of     Array
}

// Quarter is i^quarters: that many quarter turns of a phase.
func Quarter(quarters int) complex64 { return [4]complex64{1, 1i, -1, -1i}[quarters&3] }

// Machine carries out the operations that samplers are made of. The host does each at once; package graph records them and runs
// several steps as one ONNX graph. Errors wait for Step: what was computed after one is never looked at.
type Machine interface {
	Initial(x Array) Array                // G(x) of the zero-filled x, such as the U-Net's
	Denoise(x Array, sigma float64) Array // D(x, σ), one NFE; of what has more noise, where that is known, at its Floor
	Coils() int                           // of the measurement; 0 where there is none
	Consistent(x Array) Array             // x moved towards the measurement; x itself where there is none
	Wiener(x Array) Array                 // of a correction, what rises above the measurement's noise; x where that is not known
	Noise(draw int) Array                 // unit normal; equal draws give equal noise
	Sum(terms ...Term) Array              // Σ w·a
	Turn(x Array, quarters int) Array     // x·i^quarters: its phase turned
	Ratio(x, num, den Array) Array        // x ‖num‖/‖den‖, 0 where ‖den‖ is; each image of a batch on its own
	// Step ends a step of a sampler. Arrays that later steps use must be named: the others are forgotten.
	Step(done, steps int, live ...*Array) error
}

// host is the Machine that the others are tested against: plain loops in complex64, one image.
type host struct {
	ctx        context.Context
	d          Denoiser
	ny, nx     int
	opt        Options
	floor      float64
	used, free []kspace.Image // of its own: in use since the last step, and forgotten
	err        error
}

// image returns one with any values.
func (h *host) image() kspace.Image {
	if len(h.free) == 0 {
		h.free = append(h.free, kspace.NewImage(h.ny, h.nx))
	}
	last := len(h.free) - 1
	x := h.free[last]
	h.free, h.used = h.free[:last], append(h.used, x)
	return x
}

func (h *host) Initial(x Array) Array {
	return h.network(func(dst kspace.Image) error {
		if err := h.opt.Initial.Initial(h.ctx, dst, x.(kspace.Image)); err != nil {
			return fmt.Errorf("initial reconstruction: %w", err)
		}
		return nil
	})
}

func (h *host) Denoise(x Array, sigma float64) Array {
	return h.network(func(dst kspace.Image) error { return h.d.Denoise(h.ctx, dst, x.(kspace.Image), max(sigma, h.floor)) })
}

// network returns what run makes, unless there was an error.
func (h *host) network(run func(dst kspace.Image) error) Array {
	dst := h.image()
	if h.err == nil {
		h.err = h.ctx.Err()
	}
	if h.err == nil {
		h.err = run(dst)
	}
	return dst
}

func (h *host) Coils() int { return h.opt.Coils }

func (h *host) Consistent(x Array) Array {
	if h.opt.Consistency == nil {
		return x
	}
	dst := h.image()
	copy(dst.Pix, x.(kspace.Image).Pix)
	h.opt.Consistency(dst)
	return dst
}

func (h *host) Wiener(x Array) Array {
	if h.opt.Variance == nil {
		return x
	}
	dst := h.image()
	wiener(dst, x.(kspace.Image), h.opt.Variance)
	return dst
}

func (h *host) Noise(draw int) Array {
	z := h.image()
	h.opt.Noise(z, draw)
	return z
}

func (h *host) Sum(terms ...Term) Array {
	sum := h.image()
	kspace.Parallel(kspace.Processors(), h.ny, func(_, from, to int) {
		for row := from * h.nx; row < to*h.nx; row += h.nx {
			dst := sum.Pix[row:][:h.nx]
			clear(dst)
			for _, t := range terms {
				kspace.Add(dst, float32(t.Weight), t.Of.(kspace.Image).Pix[row:][:h.nx])
			}
		}
	})
	return sum
}

func (h *host) Turn(x Array, quarters int) Array {
	dst, turn := h.image(), Quarter(quarters)
	for i, v := range x.(kspace.Image).Pix {
		dst.Pix[i] = turn * v
	}
	return dst
}

func (h *host) Ratio(x, num, den Array) Array {
	dst := h.image()
	clear(dst.Pix)
	if norm := kspace.Norm(den.(kspace.Image).Pix); norm > 0 {
		kspace.Add(dst.Pix, float32(kspace.Norm(num.(kspace.Image).Pix)/norm), x.(kspace.Image).Pix)
	}
	return dst
}

func (h *host) Step(done, steps int, live ...*Array) error {
	used := h.used
	h.used = nil
	for _, x := range used {
		if slices.ContainsFunc(live, func(a *Array) bool { return &(*a).(kspace.Image).Pix[0] == &x.Pix[0] }) {
			h.used = append(h.used, x)
		} else {
			h.free = append(h.free, x)
		}
	}
	if h.err == nil && h.opt.Progress != nil {
		h.opt.Progress(done, steps)
	}
	return h.err
}
