package phantom

import (
	"slices"
	"testing"
)

func TestHeadDependsOnItsFieldsAlone(t *testing.T) {
	h := Head{Slices: 3, Matrix: 64, Seed: 7}
	draw := func(h Head, i int) []complex64 {
		x, err := h.Slice(i)
		if err != nil {
			t.Fatal(err)
		}
		return x.Pix
	}
	want := draw(h, 1)
	draw(h, 0) // order must not matter
	if !slices.Equal(draw(h, 1), want) {
		t.Error("the same slice of the same head differs")
	}
	other := h
	other.Seed++
	if slices.Equal(draw(other, 1), want) || slices.Equal(draw(h, 2), want) {
		t.Error("another person or another slice looks the same")
	}
}

func TestHeadRefusesNonsense(t *testing.T) {
	for _, h := range []Head{{Slices: -1}, {Matrix: 8}, {Contrast: "pd"}} {
		if _, err := h.Slice(0); err == nil {
			t.Errorf("%+v was drawn", h)
		}
		if h.LinePairs() != nil || h.Lesions(0) != nil {
			t.Errorf("%+v has truths", h)
		}
	}
	if _, err := (Head{}).Slice(4); err == nil {
		t.Error("slice 4 of 4 was drawn")
	}
	if n := (Head{}).Len(); n != 4 {
		t.Errorf("a head has %d slices by default, want 4", n)
	}
}

// The orders of intensity by which a reader recognises a contrast, measured in the reference at full resolution.
func TestContrastsLookAsTheyShould(t *testing.T) {
	orders := map[Contrast][]Tissue{
		T1:    {Fat, White, Grey, CSF, Bone},
		T2:    {CSF, Grey, White, Bone},
		FLAIR: {Grey, White, CSF, Bone},
	}
	for contrast, order := range orders {
		h := Head{Slices: 1, Matrix: 192, Contrast: contrast, Seed: 2}
		reference := acquire(t, h, Acquisition{Matrix: h.Matrix})[0].Reference
		c, _ := h.paint(0)
		var sum [nTissues]float64
		var count [nTissues]int
		for i, v := range reference {
			row, col := Supersampling*(i/h.Matrix), Supersampling*(i%h.Matrix)
			at := c.tissue[row*c.n+col]
			if c.only(rectangle{c.coordinate(col), c.coordinate(row), 0.7, 0.7}, at) {
				sum[at] += float64(v) / RawScale
				count[at]++
			}
		}
		for k, tissue := range order {
			if count[tissue] < 20 {
				t.Errorf("%s: only %d pixels of tissue %d", contrast, count[tissue], tissue)
				continue
			}
			mean := sum[tissue] / float64(count[tissue])
			if want, _ := contrast.Intensity(tissue); mean < 0.75*want-0.05 || mean > 1.25*want+0.05 {
				t.Errorf("%s: tissue %d measures %.2f, want about %.2f", contrast, tissue, mean, want)
			}
			if k > 0 && mean >= sum[order[k-1]]/float64(count[order[k-1]]) {
				t.Errorf("%s: tissue %d is not darker than %d", contrast, tissue, order[k-1])
			}
		}
	}
}

// White and grey matter in adult proportion, and two hemispheres: the cortex must be folded, not a shell.
func TestCortexIsFolded(t *testing.T) {
	for slice := range 4 {
		c, _ := Head{Slices: 4, Matrix: 128, Seed: 3}.withDefaults(t).paint(slice)
		var grey, white, left, right int
		for i, tissue := range c.tissue {
			switch tissue {
			case Grey:
				grey++
			case White:
				white++
			default:
				continue
			}
			if i%c.n < c.n/2 {
				left++
			} else {
				right++
			}
		}
		if r := float64(grey) / float64(white); r < 0.6 || r > 2.5 {
			t.Errorf("slice %d: grey to white %.2f", slice, r)
		}
		if r := float64(left) / float64(right); r < 0.85 || r > 1.18 {
			t.Errorf("slice %d: left to right %.2f", slice, r)
		}
	}
}

func (h Head) withDefaults(t *testing.T) Head {
	h, err := h.Defaults()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func acquire(t testing.TB, src Source, a Acquisition) []Acquired {
	var out []Acquired
	for s, err := range Acquire(src, a) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func BenchmarkSlice(b *testing.B) {
	for b.Loop() {
		if _, err := (Head{}).Slice(1); err != nil {
			b.Fatal(err)
		}
	}
}
