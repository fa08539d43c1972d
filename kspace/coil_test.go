package kspace_test

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// smoothCoils gives nc complex Gaussian sensitivities around the image, normalised to Σ|S|² = 1, phase relative to coil 0.
func smoothCoils(nc, ny, nx int) kspace.Data {
	maps := kspace.NewData(nc, ny, nx)
	for c := range nc {
		angle := 2 * math.Pi * float64(c) / float64(nc)
		for y := range ny {
			for x := range nx {
				dy, dx := float64(y)/float64(ny)-0.5-0.5*math.Sin(angle), float64(x)/float64(nx)-0.5-0.5*math.Cos(angle)
				maps.Val[(c*ny+y)*nx+x] = complex64(cmplx.Rect(math.Exp(-2*(dy*dy+dx*dx)), angle+dx-dy))
			}
		}
	}
	normalize(maps)
	return maps
}

// textured is a rectangle of texture, so far from the edges.
func textured(ny, nx, rows, columns int) kspace.Image {
	x, r := kspace.NewImage(ny, nx), rand.New(rand.NewPCG(5, 5))
	for y := rows; y < ny-rows; y++ {
		for j := columns; j < nx-columns; j++ {
			x.Pix[y*nx+j] = complex(1+0.2*float32(r.Float64()), 0)
		}
	}
	return x
}

func estimated(y kspace.Data, mask kspace.Mask) kspace.Data {
	lo, hi := mask.ACS()
	return kspace.EstimateMaps(y, lo, hi, kspace.MapsRows)
}

// Maps estimated from the ACS of masked data equal the true ones, up to a common phase, where there is signal.
func TestEstimateMaps(t *testing.T) {
	const nc, ny, nx = 4, 48, 64
	truth := smoothCoils(nc, ny, nx)
	x := textured(ny, nx, 8, 10)
	mask, err := kspace.Undersampling{Kind: kspace.Gaussian1D, Accel: 2, ACS: 0.3}.Mask(nx)
	if err != nil {
		t.Fatal(err)
	}
	y := kspace.NewData(nc, ny, nx)
	kspace.NewSense(truth, mask).Forward(y, x)
	got := estimated(y, mask)
	worst := 1.0
	for i, v := range x.Pix {
		var inner complex128
		var norm float64
		for c := range nc {
			g := complex128(got.Val[c*ny*nx+i])
			inner += cmplx.Conj(g) * complex128(truth.Val[c*ny*nx+i])
			norm += real(g)*real(g) + imag(g)*imag(g)
		}
		if math.Abs(norm-1) > 1e-5 {
			t.Fatalf("Σ|S|² = %v at pixel %d", norm, i)
		}
		if row, col := i/nx, i%nx; v != 0 && row > 11 && row < 36 && col > 13 && col < 50 {
			worst = min(worst, cmplx.Abs(inner))
		}
	}
	if worst < 0.999 {
		t.Errorf("smallest |⟨estimated, true⟩| = %.5f", worst)
	}
}

// Maps of few columns explain the coils' images in the object, also those of a partial echo and of noise.
func TestMapsOfFewColumns(t *testing.T) {
	const nc, ny, nx, columns = 8, 160, 128, 8
	truth := smoothCoils(nc, ny, nx)
	x, r := textured(ny, nx, 30, 24), rand.New(rand.NewPCG(6, 6))
	y := kspace.NewData(nc, ny, nx)
	kspace.NewSense(truth, kspace.Every(nx)).Forward(y, x)
	for name, prepare := range map[string]func(kspace.Data){
		"whole": func(kspace.Data) {},
		"partial echo": func(y kspace.Data) {
			for c := range nc {
				clear(y.Coil(c).Pix[:(ny/2-ny/8)*nx])
			}
		},
		"noisy": func(y kspace.Data) {
			for i := range y.Val {
				y.Val[i] += complex(0.01*float32(r.NormFloat64()), 0.01*float32(r.NormFloat64()))
			}
		},
	} {
		measured := kspace.NewData(nc, ny, nx)
		copy(measured.Val, y.Val)
		prepare(measured)
		maps := kspace.EstimateMaps(measured, nx/2-columns/2, nx/2+columns/2, kspace.MapsRows)
		var left, all float64
		for i, v := range x.Pix {
			var inner complex128
			for c := range nc {
				inner += cmplx.Conj(complex128(maps.Val[c*ny*nx+i])) * complex128(truth.Val[c*ny*nx+i])
			}
			energy := real(v) * real(v)
			all += float64(energy)
			left += float64(energy) * (1 - math.Pow(cmplx.Abs(inner), 2))
		}
		if rms := math.Sqrt(left / all); rms > 0.015 { // of the adaptive combination alone it is 0.035
			t.Errorf("%s: the maps leave %.3f of the coils' images unexplained", name, rms)
		}
	}
}

// Nothing outside the ACS of the mask, or the rows, may reach the maps.
func TestMapsUseTheACSAlone(t *testing.T) {
	mask := kspace.Mask{false, true, false, true, true, true, false, true}
	y := kspace.NewData(2, 6, 8)
	randomize(rand.New(rand.NewPCG(1, 9)), y.Val)
	mask.Apply(y)
	want := estimated(y, mask)
	y.Val[1], y.Val[7] = 100, 100i // acquired, but outside the ACS
	if d := maxDiff(estimated(y, mask).Val, want.Val); d != 0 {
		t.Errorf("maps changed by %g", d)
	}
	y = kspace.NewData(2, 16, 8)
	randomize(rand.New(rand.NewPCG(1, 9)), y.Val)
	want = kspace.EstimateMaps(y, 3, 6, 3)
	y.Val[4*8+4], y.Val[12*8+4] = 100, 100i // rows 7 to 9 are the centre
	if d := maxDiff(kspace.EstimateMaps(y, 3, 6, 3).Val, want.Val); d != 0 {
		t.Errorf("rows beyond those that are asked for change the maps by %g", d)
	}
}

func TestRSS(t *testing.T) {
	d := kspace.Data{Nc: 2, Ny: 1, Nx: 2, Val: []complex64{3, 1i, 4i, 0}}
	if got := kspace.RSS(nil, d); got[0] != 5 || got[1] != 1 {
		t.Errorf("RSS %v", got)
	}
}

// Maps are the same, bit by bit, on any number of processors.
func TestMapsOnAnyProcessors(t *testing.T) {
	y := kspace.NewData(3, 20, 31)
	randomize(rand.New(rand.NewPCG(2, 4)), y.Val)
	want := kspace.EstimateMaps(y, 11, 20, 9)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, n := range []int{1, 2, 5, 40} {
		runtime.GOMAXPROCS(n)
		if !slices.Equal(kspace.EstimateMaps(y, 11, 20, 9).Val, want.Val) {
			t.Errorf("other maps on %d processors", n)
		}
	}
}

func BenchmarkEstimateMaps(b *testing.B) {
	for _, coils := range []int{8, 16} {
		b.Run(fmt.Sprint(coils), func(b *testing.B) {
			y := kspace.NewData(coils, 256, 208)
			randomize(rand.New(rand.NewPCG(1, 1)), y.Val)
			for b.Loop() {
				kspace.EstimateMaps(y, 92, 116, kspace.MapsRows)
			}
		})
	}
}
