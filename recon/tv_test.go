package recon_test

import (
	"math"
	"testing"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

func tvOf(x kspace.Image) (sum float64) {
	for y := range x.Ny {
		for j := range x.Nx {
			var d [2]complex128
			v := complex128(x.Pix[y*x.Nx+j])
			if y+1 < x.Ny {
				d[0] = complex128(x.Pix[(y+1)*x.Nx+j]) - v
			}
			if j+1 < x.Nx {
				d[1] = complex128(x.Pix[y*x.Nx+j+1]) - v
			}
			sum += math.Sqrt(real(d[0])*real(d[0]) + imag(d[0])*imag(d[0]) + real(d[1])*real(d[1]) + imag(d[1])*imag(d[1]))
		}
	}
	return sum
}

func blocks(ny, nx int) kspace.Image {
	x := kspace.NewImage(ny, nx)
	for y := range ny {
		for j := range nx {
			switch {
			case y > ny/4 && y < ny/2 && j > nx/5 && j < nx/2:
				x.Pix[y*nx+j] = 1
			case y > ny/3 && y < 3*ny/4 && j > nx/3 && j < 4*nx/5:
				x.Pix[y*nx+j] = 0.5i
			}
		}
	}
	return x
}

// The minimiser's objective is below that of its neighbours, of the truth and of the zero-filled image.
func TestTVMinimisesItsObjective(t *testing.T) {
	const ny, nx, lambda = 32, 40, 0.02
	mask, err := kspace.Undersampling{Kind: kspace.Gaussian1D, Accel: 2, ACS: 0.1}.Mask(nx)
	if err != nil {
		t.Fatal(err)
	}
	truth := blocks(ny, nx)
	a := kspace.NewCartesian(ny, mask)
	m := kspace.Measurement{Y: kspace.NewData(1, ny, nx), A: a}
	a.Forward(m.Y, truth)
	objective := func(x kspace.Image) float64 {
		ax := kspace.NewData(1, ny, nx)
		a.Forward(ax, x)
		for i := range ax.Val {
			ax.Val[i] -= m.Y.Val[i]
		}
		r := kspace.Norm(ax.Val)
		return r*r/2 + lambda*tvOf(x)
	}
	x, nfe, err := recon.TV{Lambda: lambda, Iterations: 400}.Reconstruct(t.Context(), m, nil)
	if err != nil || nfe != 0 {
		t.Fatal(nfe, err)
	}
	best := objective(x)
	zf, _, _ := recon.ZeroFilled{}.Reconstruct(t.Context(), m, nil)
	for name, other := range map[string]kspace.Image{"truth": truth, "zero-filled": zf} {
		if o := objective(other); o < best {
			t.Errorf("objective of %s %g is below the minimum %g", name, o, best)
		}
	}
	for i := 3; i < len(x.Pix); i += 97 {
		for _, d := range []complex64{0.01, -0.01, 0.01i, -0.01i} {
			near := x.Clone()
			near.Pix[i] += d
			if o := objective(near); o < best-1e-6 {
				t.Errorf("moving pixel %d by %v lowers the objective by %g", i, d, best-o)
			}
		}
	}
}

// Piecewise constant images are what TV was made for: it must recover one from half of its columns far better than zero filling.
func TestTVRecoversBlocks(t *testing.T) {
	const ny, nx = 64, 64
	mask, err := kspace.Undersampling{Kind: kspace.Gaussian1D, Accel: 2, ACS: 0.1}.Mask(nx)
	if err != nil {
		t.Fatal(err)
	}
	truth := blocks(ny, nx)
	a := kspace.NewCartesian(ny, mask)
	m := kspace.Measurement{Y: kspace.NewData(1, ny, nx), A: a}
	a.Forward(m.Y, truth)
	distance := func(r recon.Reconstructor) float64 {
		x, _, err := r.Reconstruct(t.Context(), m, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x.Pix {
			x.Pix[i] -= truth.Pix[i]
		}
		return kspace.Norm(x.Pix)
	}
	if zf, tv := distance(recon.ZeroFilled{}), distance(recon.TV{Iterations: 200}); tv > zf/4 {
		t.Errorf("error %g, zero-filled %g", tv, zf)
	}
}
