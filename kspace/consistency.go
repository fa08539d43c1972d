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
	if a, ok := m.A.(*Cartesian); ok {
		return projectColumns(a, m.Y, lambda)
	}
	residual, gradient := NewData(m.Y.Nc, m.Y.Ny, m.Y.Nx), NewImage(m.Y.Ny, m.Y.Nx)
	return func(x Image) {
		m.A.Forward(residual, x)
		for i, v := range residual.Val {
			residual.Val[i] = m.Y.Val[i] - v
		}
		m.A.Adjoint(gradient, residual)
		for i, g := range gradient.Pix {
			x.Pix[i] += complex(float32(lambda), 0) * g
		}
	}
}

// projectColumns is Project for one coil. A 1-D mask acts on phase encode alone, so the readout transform cancels: it is
// applied to y once, and each call transforms rows only.
func projectColumns(a *Cartesian, y Data, lambda float64) Consistency {
	hybrid := NewImage(y.Ny, y.Nx) // readout in space, phase encode in k-space
	a.fft.cols.Inverse(hybrid.Pix, y.Val, y.Nx, y.Nx, 1)
	l, columns := complex(float32(lambda), 0), a.mask.columns()
	return func(x Image) {
		mustFit(a, y, x)
		Parallel(Processors(), (y.Ny+lanes-1)/lanes, func(_, from, to int) {
			block := make([]complex64, lanes*y.Nx)
			for top := from * lanes; top < min(to*lanes, y.Ny); top += lanes {
				rows := min(lanes, y.Ny-top)
				pix, measured := x.Pix[top*y.Nx:][:rows*y.Nx], hybrid.Pix[top*y.Nx:][:rows*y.Nx]
				a.fft.rows.Forward(block, pix, rows, 1, y.Nx)
				for r := 0; r < len(pix); r += y.Nx {
					for _, c := range columns {
						block[r+c] += l * (measured[r+c] - block[r+c])
					}
				}
				a.fft.rows.Inverse(pix, block, rows, 1, y.Nx)
			}
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
