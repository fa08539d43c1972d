package phantom

import (
	"math"
	"math/cmplx"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// Fully sampled k-space without noise reconstructs to the reference, and the scanner's shortcut (rows, then only the columns it
// keeps) is the plain transform of the whole padded drawing, cropped.
func TestAcquireIsTheCropOfAPlainTransform(t *testing.T) {
	h := Head{Slices: 1, Matrix: 64}
	for _, a := range []Acquisition{{Matrix: 64}, {Matrix: 64, Coils: 3, PhaseSeed: 9}} {
		s := acquire(t, h, a)[0]
		a, _ = a.Defaults()
		ny, nx := a.Grid()
		if s.K.Nc != a.Coils || s.K.Ny != ny || s.K.Nx != nx || len(s.K.Val) != a.Coils*ny*nx {
			t.Fatalf("k-space (%d, %d, %d)", s.K.Nc, s.K.Ny, s.K.Nx)
		}
		drawn, err := h.Slice(0)
		if err != nil {
			t.Fatal(err)
		}
		coils, phase := newArray(a.Coils), newPhase(a.PhaseSeed, 0)
		big := kspace.NewImage(Supersampling*ny, Supersampling*nx)
		want := kspace.NewImage(ny, nx)
		sum := make([]float64, 64*64)
		for c := range a.Coils {
			kspace.CenterCrop(big, drawn)
			for i, v := range big.Pix {
				x, y := FOV/192*float64(i%big.Nx-big.Nx/2), FOV/192*float64(i/big.Nx-big.Ny/2)
				big.Pix[i] = complex64(complex128(v) * coils.at(c, x, y) * phase.at(x, y) * RawScale / Supersampling)
			}
			kspace.NewFFT2(big.Ny, big.Nx).Forward(big.Pix, big.Pix)
			kspace.CenterCrop(want, big)
			norm := kspace.Norm(want.Pix)
			for i, v := range s.K.Coil(c).Pix {
				if cmplx.Abs(complex128(v-want.Pix[i])) > 1e-6*norm {
					t.Fatalf("%d coils: k-space of coil %d differs at %d: %v, want %v", a.Coils, c, i, v, want.Pix[i])
				}
			}
			kspace.NewFFT2(ny, nx).Inverse(want.Pix, s.K.Coil(c).Pix)
			for i := range sum {
				v := complex128(want.Pix[(i/64+ny/2-32)*nx+i%64+nx/2-32])
				sum[i] += real(v)*real(v) + imag(v)*imag(v)
			}
		}
		for i, v := range s.Reference {
			if want := math.Sqrt(sum[i]); math.Abs(float64(v)-want) > 1e-9 {
				t.Fatalf("%d coils: reference %g at %d, want %g", a.Coils, v, i, want)
			}
		}
	}
}

// The reference is fastMRI's crop, which for an odd matrix is not around pixel n/2.
func TestReferenceOfAnOddMatrix(t *testing.T) {
	const ny, nx, matrix = 12, 10, 7
	x := kspace.NewImage(ny, nx)
	for i := range x.Pix {
		x.Pix[i] = complex(float32(i), 0)
	}
	k := kspace.NewData(1, ny, nx)
	kspace.NewFFT2(ny, nx).Forward(k.Val, x.Pix)
	for i, v := range Reference(k, matrix) {
		if want := float64((i/matrix+(ny-matrix)/2)*nx + i%matrix + (nx-matrix)/2); math.Abs(float64(v)-want) > 1e-3 {
			t.Fatalf("pixel %d is %g, want %g", i, v, want)
		}
	}
}

func TestGridIsAScanners(t *testing.T) {
	if ny, nx := (Acquisition{Matrix: 320}).Grid(); ny != 640 || nx != 368 {
		t.Errorf("grid (%d, %d), want (640, 368)", ny, nx)
	}
	for _, a := range []Acquisition{{Matrix: 4}, {Coils: -1}, {Noise: -1}, {Noise: math.NaN()}} {
		for _, err := range Acquire(Head{}, a) {
			if err == nil {
				t.Errorf("%+v was acquired", a)
			}
			break
		}
	}
}

// The noise has the σ that was asked for: in k-space, by Parseval in the image, and as one would estimate it from air.
func TestNoiseIsWhatWasAsked(t *testing.T) {
	const sigma = 0.02
	h := Head{Slices: 2, Matrix: 64, Seed: 4}
	clean := acquire(t, h, Acquisition{Matrix: 64, Coils: 2})
	a := Acquisition{Matrix: 64, Coils: 2, Noise: sigma, NoiseSeed: 11}
	noisy, again := acquire(t, h, a), acquire(t, h, a)
	var first complex64
	for s := range noisy {
		for c := range 2 {
			n := kspace.NewImage(noisy[s].K.Ny, noisy[s].K.Nx)
			for i, v := range noisy[s].K.Coil(c).Pix {
				n.Pix[i] = v - clean[s].K.Coil(c).Pix[i]
			}
			count := float64(len(n.Pix))
			if got := kspace.Norm(n.Pix) / math.Sqrt(2*count) / RawScale; math.Abs(got/sigma-1) > 0.03 {
				t.Errorf("slice %d coil %d: σ %.4f, want %.4f", s, c, got, sigma)
			}
			if n.Pix[0] == first {
				t.Errorf("slice %d coil %d repeats the noise of another", s, c)
			}
			first = n.Pix[0]
			x := kspace.NewImage(n.Ny, n.Nx)
			kspace.NewFFT2(n.Ny, n.Nx).Inverse(x.Pix, noisy[s].K.Coil(c).Pix)
			air := x.Pix[:n.Nx*n.Ny/6] // readout oversampling above the field of view
			if got := kspace.Norm(air) / math.Sqrt(2*float64(len(air))) / RawScale; math.Abs(got/sigma-1) > 0.05 {
				t.Errorf("slice %d coil %d: σ %.4f in air, want %.4f", s, c, got, sigma)
			}
		}
		for i, v := range noisy[s].Reference {
			if v != again[s].Reference[i] {
				t.Fatal("the same seed gives other noise")
			}
		}
	}
}

func BenchmarkAcquire(b *testing.B) {
	x, err := Head{}.Slice(1)
	if err != nil {
		b.Fatal(err)
	}
	s, err := NewScanner(Head{}, Acquisition{Noise: 0.005, PhaseSeed: 1})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		k := s.scan(x, 1)
		Reference(k, s.Matrix)
	}
}
