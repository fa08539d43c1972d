package recon

import (
	"strings"
	"testing"
)

func TestPlot(t *testing.T) {
	rec := sample()
	copy(rec.Results[2].Slices[1].Magnitude, rec.References[1]) // infinite: the line breaks
	p := NewReport(rec, Software{}).plot()
	if n := len(p.Series); n != 3 {
		t.Fatalf("%d series", n)
	}
	for k, want := range []struct{ dots, moves int }{{4, 1}, {4, 1}, {3, 2}} {
		s := p.Series[k]
		if len(s.Dots) != want.dots || strings.Count(s.Path, "M") != want.moves {
			t.Errorf("%s: %d dots in %q, want %d in %d pieces", s.Name, len(s.Dots), s.Path, want.dots, want.moves)
		}
		for _, d := range s.Dots {
			if d.X < p.Left || d.X > p.Right || d.Y < p.Top || d.Y > p.Bottom {
				t.Errorf("%s: dot at %.1f, %.1f outside the axes", s.Name, d.X, d.Y)
			}
		}
	}
	if zf, unet := p.Series[0].Dots[0].Y, p.Series[1].Dots[0].Y; unet >= zf {
		t.Errorf("the better method lies at %.1f, below %.1f", unet, zf)
	}
	// A dot lies where the axis labels say.
	first, last := p.Y[0], p.Y[len(p.Y)-1]
	if first.At != p.Bottom || last.At != p.Top || p.X[0].Label != "17" || p.X[0].At != p.Series[0].Dots[0].X {
		t.Errorf("axes %v, %v", p.X, p.Y)
	}
	rec.References = nil
	if NewReport(rec, Software{}).plot() != nil {
		t.Error("plot without a reference")
	}
}
