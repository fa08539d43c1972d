package recon

import (
	"context"
	"math"

	"github.com/closer-mri/closer/kspace"
)

// TV is compressed sensing with isotropic total variation of the complex image (Lustig et al., MRM 2007),
//
//	min_x ½‖Ax − y‖² + λ Σ √(|∂_y x|² + |∂_x x|²),
//
// solved by FISTA with the dual projected-gradient proximal step of Beck and Teboulle (IEEE TIP 2009), whose dual variable is
// kept from one iteration to the next.
type TV struct {
	// Lambda in the units of the normalised measurement; 0 takes DefaultLambda of the data.
	Lambda     float64
	Iterations int // of FISTA; 0 is 60
}

// DefaultLambda is 0.0015 + σ̂/4, where σ̂ is the noise of one channel estimated from the data: the first term removes the
// incoherent aliasing of a noise-free acquisition whose bright tissue is 1, the second follows the noise: σ̂² is half of kspace.EndsPower.
func DefaultLambda(m kspace.Measurement) float64 {
	return 0.0015 + math.Sqrt(kspace.EndsPower(m.Y)/2)/4
}

// Reconstruct implements Reconstructor.
func (tv TV) Reconstruct(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (kspace.Image, int, error) {
	lambda, iterations := tv.Lambda, tv.Iterations
	if lambda == 0 {
		lambda = DefaultLambda(m)
	}
	if iterations == 0 {
		iterations = 60
	}
	x := kspace.NewImage(m.Y.Ny, m.Y.Nx)
	m.A.Adjoint(x, m.Y)
	gradientStep := kspace.Project(m, 1) // ‖A‖ ≤ 1, so the step 1 is safe
	prox := newTVProx(x.Ny, x.Nx, lambda)
	z, next, t := x.Clone(), kspace.NewImage(x.Ny, x.Nx), 1.0
	for k := range iterations {
		if err := ctx.Err(); err != nil {
			return kspace.Image{}, 0, err
		}
		gradientStep(z)
		prox.apply(next, z)
		tNext, momentum := kspace.Momentum(t)
		for i, v := range next.Pix {
			z.Pix[i] = v + times(float32(momentum), v-x.Pix[i])
		}
		x, next, t = next, x, tNext
		if progress != nil {
			progress(k+1, iterations)
		}
	}
	return x, 0, nil
}

// tvProx solves min_x ½‖x − u‖² + λ TV(x) through its dual by fast gradient projection: x = u − λ∇ᴴp with |p| ≤ 1 at each pixel.
type tvProx struct {
	lambda float32
	p, q   dual // dual variable, kept between calls, and its extrapolation
}

// dual holds one vector (row difference, column difference) a pixel.
type dual struct{ y, x []complex64 }

const (
	tvInner    = 10 // dual iterations a call; the warm start makes few enough
	tvNormGrad = 8  // ‖∇‖² of forward differences in two dimensions
)

func newTVProx(ny, nx int, lambda float64) *tvProx {
	zeros := func() dual { return dual{make([]complex64, ny*nx), make([]complex64, ny*nx)} }
	return &tvProx{float32(lambda), zeros(), zeros()}
}

func (p *tvProx) apply(dst, u kspace.Image) {
	copy(p.q.y, p.p.y)
	copy(p.q.x, p.p.x)
	step, t := 1/(tvNormGrad*p.lambda), 1.0
	for range tvInner {
		p.primal(dst, u, p.q)
		tNext, momentum := kspace.Momentum(t)
		t = tNext
		kspace.Parallel(kspace.Processors(), u.Ny, func(_, from, to int) {
			for y := from; y < to; y++ {
				p.ascend(dst, y, step, float32(momentum))
			}
		})
	}
	p.primal(dst, u, p.p)
}

// ascend takes the projected gradient step of the dual in row y, and extrapolates.
func (p *tvProx) ascend(x kspace.Image, y int, step, momentum float32) {
	at, n := y*x.Nx, x.Nx
	row, qy, qx, py, px := x.Pix[at:][:n], p.q.y[at:][:n], p.q.x[at:][:n], p.p.y[at:][:n], p.p.x[at:][:n]
	below := row // of the last row there is no difference
	if y+1 < x.Ny {
		below = x.Pix[at+n:][:n]
	}
	for i, v := range row {
		a, b := qy[i]+times(step, below[i]-v), qx[i]
		if i+1 < n {
			b += times(step, row[i+1]-v)
		}
		if n := real(a)*real(a) + imag(a)*imag(a) + real(b)*real(b) + imag(b)*imag(b); n > 1 {
			s := float32(1 / math.Sqrt(float64(n)))
			a, b = times(s, a), times(s, b)
		}
		qy[i], qx[i] = a+times(momentum, a-py[i]), b+times(momentum, b-px[i])
		py[i], px[i] = a, b
	}
}

// primal writes u − λ∇ᴴd to dst.
func (p *tvProx) primal(dst, u kspace.Image, d dual) {
	kspace.Parallel(kspace.Processors(), u.Ny, func(_, from, to int) {
		for y := from; y < to; y++ {
			at, n := y*u.Nx, u.Nx
			source, out, dy, dx := u.Pix[at:][:n], dst.Pix[at:][:n], d.y[at:][:n], d.x[at:][:n]
			for i, v := range source {
				g := -dy[i] - dx[i]
				if y > 0 {
					g += d.y[at-n+i]
				}
				if i > 0 {
					g += dx[i-1]
				}
				out[i] = v - times(p.lambda, g)
			}
		}
	})
}

// times is v scaled by a real number, in half the multiplications of complex ones.
func times(w float32, v complex64) complex64 { return complex(w*real(v), w*imag(v)) }
