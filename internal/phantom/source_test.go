package phantom

import (
	"math"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// Images of any size can be scanned: a smooth blob keeps its height and its place.
func TestVolumeOfAnySizeIsScanned(t *testing.T) {
	for _, size := range [][2]int{{96, 96}, {48, 48}, {100, 75}, {61, 128}, {192, 192}} {
		ny, nx := size[0], size[1]
		n := float64(max(ny, nx)) // the field of view
		blob := make([]float32, ny*nx)
		faint := make([]float32, ny*nx)
		for i := range blob {
			x, y := float64(i%nx-nx/2)/n, float64(i/nx-ny/2)/n
			blob[i] = float32(700 * math.Exp(-((x-0.1)*(x-0.1)+y*y)/(2*0.07*0.07)))
			faint[i] = blob[i] / 4
		}
		v, err := NewVolume(ny, nx, [][]float32{blob, faint})
		if err != nil {
			t.Fatal(err)
		}
		out := acquire(t, v, Acquisition{Matrix: 96, PhaseSeed: 2})
		if len(out) != 2 {
			t.Fatalf("%d slices", len(out))
		}
		for s, share := range []float64{1, 0.25} {
			top, at := float32(0), 0
			for i, p := range out[s].Reference {
				if p > top {
					top, at = p, i
				}
			}
			want := 700 * share * float64(v.scale) * RawScale
			if math.Abs(float64(top)/want-1) > 0.03 || at/96 != 48 || math.Abs(float64(at%96)-(48+9.6)) > 1 {
				t.Errorf("%d×%d slice %d: peak %g at (%d, %d), want %g at (48, 57.6)", ny, nx, s, top, at/96, at%96, want)
			}
		}
	}
}

// A few very bright pixels must not make the rest of the volume dark.
func TestVolumeIsScaledByItsBrightTissue(t *testing.T) {
	pix := make([]float32, 1000)
	for i := range pix {
		pix[i] = float32(i)
	}
	pix[999] = 1e6
	v, err := NewVolume(20, 50, [][]float32{pix})
	if err != nil {
		t.Fatal(err)
	}
	x, err := v.Slice(0)
	if err != nil {
		t.Fatal(err)
	}
	if top := real(x.Pix[994]); math.Abs(float64(top)-1) > 0.002 {
		t.Errorf("the 99.5th percentile became %g", top)
	}
	if _, err := v.Slice(1); err == nil {
		t.Error("slice 1 of 1 was read")
	}
}

func TestFitKeepsWhatFits(t *testing.T) {
	x := kspace.NewImage(128, 128)
	if y := fit(x, 64); &y.Pix[0] != &x.Pix[0] {
		t.Error("a multiple of the matrix was resampled")
	}
	if y := fit(kspace.NewImage(90, 128), 64); y.Ny != 64 || y.Nx != 64 {
		t.Errorf("resampled to (%d, %d)", y.Ny, y.Nx)
	}
}

func TestVolumeRefusesNonsense(t *testing.T) {
	for name, pix := range map[string][][]float32{
		"no slices":    {},
		"short slice":  {{1, 2, 3}},
		"not a number": {{1, 2, 3, float32(math.NaN())}},
		"infinite":     {{1, 2, 3, float32(math.Inf(1))}},
		"black":        {{0, 0, 0, 0}},
	} {
		if _, err := NewVolume(2, 2, pix); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
