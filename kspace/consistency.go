package kspace

import "fmt"

// Consistency moves x towards agreement with a measurement, in place. It is non-expansive, ‖Bx − Bx'‖ ≤ ‖x − x'‖: the condition
// under which CCDF contracts (Chung et al., CVPR 2022, theorem 1).
type Consistency func(x Image)

// Project returns x ← x + λ Aᴴ(y − A x). With λ = 1 it replaces the acquired samples of one coil by the measurement (POCS) and
// is a gradient step for several; 0 < λ < 1 relaxes it. It panics unless 0 < λ ≤ 1.
func Project(m Measurement, lambda float64) Consistency {
	if !(lambda > 0 && lambda <= 1) {
		panic(fmt.Sprintf("kspace: relaxation %g is not in (0, 1]", lambda))
	}
	switch a := m.A.(type) {
	case *Cartesian:
		return projectColumns(a.mask, Data{}, a.fft, m.Y, float32(lambda))
	case *Sense:
		return projectColumns(a.mask, a.maps, a.fft, m.Y, float32(lambda))
	}
	residual, gradient := NewData(m.Y.Nc, m.Y.Ny, m.Y.Nx), NewImage(m.Y.Ny, m.Y.Nx)
	return func(x Image) {
		m.A.Forward(residual, x)
		for i, v := range residual.Val {
			residual.Val[i] = m.Y.Val[i] - v
		}
		m.A.Adjoint(gradient, residual)
		Add(x.Pix, float32(lambda), gradient.Pix)
	}
}

// projectColumns is Project for masks of columns; one coil has no maps. Such a mask acts on phase encode alone, so the readout transform
// cancels: it is applied to y once, and each call transforms rows only, a few at a time.
func projectColumns(mask Mask, maps Data, fft *FFT2, y Data, lambda float32) Consistency {
	hybrid := NewData(y.Nc, y.Ny, y.Nx) // readout in space, phase encode in k-space
	for c := range y.Nc {
		fft.cols.Inverse(hybrid.Coil(c).Pix, y.Coil(c).Pix, y.Nx, y.Nx, 1)
	}
	weights := make([]float32, y.Nx) // λM
	for i, on := range mask {
		if on {
			weights[i] = lambda
		}
	}
	coil, gradient := NewImage(y.Ny, y.Nx), NewImage(y.Ny, y.Nx)
	return func(x Image) {
		if x.Ny != y.Ny || x.Nx != y.Nx {
			panic(fmt.Sprintf("kspace: consistency with k-space (%d, %d, %d) of image (%d, %d)", y.Nc, y.Ny, y.Nx, x.Ny, x.Nx))
		}
		byRows(y.Ny, y.Nx, func(from, to int) {
			n := (to - from) / y.Nx
			pix, rows, gradient := x.Pix[from:to], coil.Pix[from:to], gradient.Pix[from:to]
			clear(gradient)
			for c := range y.Nc {
				expand(rows, pix, maps, c, from)
				fft.rows.Forward(rows, rows, n, 1, y.Nx)
				measured := hybrid.Coil(c).Pix[from:to]
				for r := 0; r < len(rows); r += y.Nx {
					row, measured := rows[r:][:y.Nx], measured[r:][:y.Nx]
					for i, w := range weights {
						d := measured[i] - row[i]
						row[i] = complex(w*real(d), w*imag(d))
					}
				}
				fft.rows.Inverse(rows, rows, n, 1, y.Nx)
				combine(gradient, rows, maps, c, from)
			}
			Add(pix, 1, gradient)
		})
	}
}

// Relative returns the residual of x on the acquired samples: ‖A x − y‖/‖y‖ and max|A x − y|/max|y|, both 0 when y is.
func (m Measurement) Relative(x Image) (rms, worst float64) {
	ax := NewData(m.Y.Nc, m.Y.Ny, m.Y.Nx)
	m.A.Forward(ax, x)
	var top float64
	for i, y := range m.Y.Val {
		ax.Val[i] -= y
		worst, top = max(worst, abs(ax.Val[i])), max(top, abs(y))
	}
	if top == 0 {
		return 0, 0
	}
	return Norm(ax.Val) / Norm(m.Y.Val), worst / top
}
