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

var shapes = [][3]int{{1, 8, 8}, {1, 7, 9}, {1, 5, 6}, {3, 8, 8}, {4, 9, 7}, {2, 6, 5}}

// operators gives test operators of each shape: Cartesian for one coil, Sense and Scattered with random normalised maps for several.
func operators(t *testing.T, test func(t *testing.T, a kspace.Operator, r *rand.Rand)) {
	for i, s := range shapes {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		mask := make(kspace.Mask, s[2])
		for x := range mask {
			mask[x] = x == s[2]/2 || r.IntN(2) == 0
		}
		all := []kspace.Operator{kspace.NewCartesian(s[1], mask)}
		if s[0] > 1 {
			maps := kspace.NewData(s[0], s[1], s[2])
			randomize(r, maps.Val)
			normalize(maps)
			points := make(kspace.Points, s[1]*s[2])
			for i := range points {
				points[i] = i == s[1]/2*s[2]+s[2]/2 || r.IntN(2) == 0
			}
			all = []kspace.Operator{kspace.NewSense(maps, mask), kspace.NewScattered(maps, points)}
		}
		for _, a := range all {
			t.Run(fmt.Sprintf("%T%v", a, s), func(t *testing.T) { test(t, a, r) })
		}
	}
}

func normalize(maps kspace.Data) {
	rss := kspace.RSS(nil, maps)
	for i := range maps.Val {
		maps.Val[i] /= complex(rss[i%len(rss)], 0)
	}
}

func measurement(a kspace.Operator, r *rand.Rand) (kspace.Measurement, kspace.Image) {
	nc, ny, nx := a.Shape()
	x, y := kspace.NewImage(ny, nx), kspace.NewData(nc, ny, nx)
	randomize(r, x.Pix)
	a.Forward(y, x)
	return kspace.Measurement{Y: y, A: a}, x
}

func TestOperatorsAreAdjoint(t *testing.T) {
	operators(t, func(t *testing.T, a kspace.Operator, r *rand.Rand) {
		nc, ny, nx := a.Shape()
		x, ax := kspace.NewImage(ny, nx), kspace.NewData(nc, ny, nx)
		y, ay := kspace.NewData(nc, ny, nx), kspace.NewImage(ny, nx)
		randomize(r, x.Pix)
		randomize(r, y.Val)
		a.Forward(ax, x)
		a.Adjoint(ay, y)
		if left, right := dot(ax.Val, y.Val), dot(x.Pix, ay.Pix); cmplx.Abs(left-right) > 1e-5*cmplx.Abs(left) {
			t.Errorf("⟨Ax, y⟩ = %v, ⟨x, Aᴴy⟩ = %v", left, right)
		}
		if kspace.Norm(ax.Val) > kspace.Norm(x.Pix)*(1+1e-6) {
			t.Error("‖A‖ > 1")
		}
	})
}

func TestConsistencyIsNonExpansive(t *testing.T) {
	for _, lambda := range []float64{0.3, 1} {
		operators(t, func(t *testing.T, a kspace.Operator, r *rand.Rand) {
			m, truth := measurement(a, r)
			u, v := kspace.NewImage(truth.Ny, truth.Nx), kspace.NewImage(truth.Ny, truth.Nx)
			randomize(r, u.Pix)
			randomize(r, v.Pix)
			before := distance(u, v)
			dc := kspace.Project(m, lambda)
			dc(u)
			dc(v)
			if after := distance(u, v); after > before*(1+1e-6) {
				t.Errorf("distance %g became %g", before, after)
			}
			fixed := truth.Clone()
			dc(fixed)
			if d := distance(fixed, truth); d > 1e-5*kspace.Norm(truth.Pix) {
				t.Errorf("the truth moved by %g", d)
			}
		})
	}
}

// One coil: hard consistency reproduces the measurement and is idempotent.
func TestProjectionIsExactForOneCoil(t *testing.T) {
	operators(t, func(t *testing.T, a kspace.Operator, r *rand.Rand) {
		if nc, _, _ := a.Shape(); nc > 1 {
			return
		}
		m, truth := measurement(a, r)
		x := kspace.NewImage(truth.Ny, truth.Nx)
		randomize(r, x.Pix)
		dc := kspace.Project(m, 1)
		dc(x)
		if rms, worst := m.Relative(x); rms > 1e-6 || worst > 1e-6 {
			t.Errorf("residual %g, worst %g", rms, worst)
		}
		once := x.Clone()
		dc(x)
		if d := distance(once, x); d > 1e-5 {
			t.Errorf("second projection moved by %g", d)
		}
	})
}

// opaque hides the type of a Cartesian so that Project takes the general path with 2-D transforms.
type opaque struct{ kspace.Operator }

func TestColumnProjectionEqualsGeneralOne(t *testing.T) {
	for _, lambda := range []float64{0.4, 1} {
		operators(t, func(t *testing.T, a kspace.Operator, r *rand.Rand) {
			m, truth := measurement(a, r)
			x := kspace.NewImage(truth.Ny, truth.Nx)
			randomize(r, x.Pix)
			general := x.Clone()
			kspace.Project(m, lambda)(x)
			kspace.Project(kspace.Measurement{Y: m.Y, A: opaque{a}}, lambda)(general)
			if d := maxDiff(x.Pix, general.Pix); d > 3e-6 {
				t.Errorf("fast and general projection differ by %g", d)
			}
		})
	}
}

func TestProjectionDoesNotDependOnProcessors(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	maps := kspace.NewData(3, 45, 10)
	randomize(r, maps.Val)
	m, x := measurement(kspace.NewSense(maps, kspace.Mask{0: true, 4: true, 5: true, 9: false}), r)
	randomize(r, x.Pix)
	dc := kspace.Project(m, 0.7)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	want := x.Clone()
	dc(want)
	for _, processors := range []int{2, 3, 50} {
		runtime.GOMAXPROCS(processors)
		got := x.Clone()
		if dc(got); !slices.Equal(got.Pix, want.Pix) {
			t.Errorf("%d processors give another result", processors)
		}
	}
}

func TestProjectRefusesExpansiveRelaxation(t *testing.T) {
	for _, lambda := range []float64{0, -1, 1.5, math.NaN()} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("λ = %g was accepted", lambda)
				}
			}()
			kspace.Project(kspace.Measurement{}, lambda)
		}()
	}
}

func TestShapeMismatchPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	kspace.NewCartesian(4, make(kspace.Mask, 4)).Forward(kspace.NewData(1, 4, 4), kspace.NewImage(4, 5))
}

func distance(a, b kspace.Image) float64 {
	d := a.Clone()
	for i := range d.Pix {
		d.Pix[i] -= b.Pix[i]
	}
	return kspace.Norm(d.Pix)
}

func BenchmarkProject(b *testing.B) {
	mask, err := kspace.Undersampling{Kind: kspace.Gaussian1D, Accel: 4, ACS: 0.08}.Mask(368)
	if err != nil {
		b.Fatal(err)
	}
	a := kspace.NewCartesian(320, mask)
	m, x := measurement(a, rand.New(rand.NewPCG(1, 1)))
	for name, dc := range map[string]kspace.Consistency{"columns": kspace.Project(m, 1), "general": kspace.Project(kspace.Measurement{Y: m.Y, A: opaque{a}}, 1)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dc(x)
			}
		})
	}
}
