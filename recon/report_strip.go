package recon

import (
	"fmt"
	"html/template"
	"image"
	"math"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/closer-mri/closer/kspace"
)

// gallery is the part of the page that shows pixels.
type gallery struct {
	Strips []strip
	Top    string // intensity shown white
	Gain   int    // amplification of the error maps
	Full   string // error at the bright end of the color bar, as a share of white
	Bar    template.URL
}

// strip is one slice: the reference, if any, and what each method made of it.
type strip struct {
	Title string
	Tiles []tile
}

// tile is one picture with its caption, and the error map below it.
type tile struct {
	Name, Detail string
	Alt          string
	Src          template.URL
	ErrorAlt     string
	ErrorSrc     template.URL // empty when there is nothing to compare with
	Width        int
	Height       int // at square pixels
}

// drawing is what is in a picture.
type drawing struct {
	pos    int // of the slice
	result int // index, -1 for the reference
	gain   int // of an error map, 0 for the image itself
}

// gallery draws the chosen slices; nil when r holds no pixels.
func (r *Report) gallery() (*gallery, error) {
	if r.rec == nil || len(r.Methods) == 0 || len(r.rec.Indices) == 0 {
		return nil, nil
	}
	chosen := r.chooseSlices()
	w := window{top: r.rec.Intensity}
	if !(w.top > 0) || math.IsInf(w.top, 1) { // a scan without signal still has a page
		w.top = 1
	}
	gain := r.errorGain(chosen, w.top)
	bar, err := dataURI(colorBar())
	if err != nil {
		return nil, err
	}
	g := &gallery{Top: showShort(Number(w.top)), Gain: gain, Full: showPercent(1 / Number(gain)), Bar: bar}
	for _, c := range chosen {
		s, err := r.strip(c, w, gain)
		if err != nil {
			return nil, err
		}
		g.Strips = append(g.Strips, s)
	}
	return g, nil
}

func (r *Report) strip(c chosenSlice, w window, gain int) (strip, error) {
	rec := r.rec
	number := rec.Indices[c.pos] + 1
	s := strip{Title: fmt.Sprintf("Slice %d (%s)", number, strings.Join(c.why, ", "))}
	shape := tile{Width: rec.Nx, Height: rec.Ny}
	if p := rec.Header.PixelSpacing; p[0] > 0 && p[1] > 0 && p[0]/p[1] < 10 && p[1]/p[0] < 10 {
		shape.Height = int(math.Round(float64(rec.Ny) * p[0] / p[1]))
	}
	var pictures errgroup.Group
	pictures.SetLimit(kspace.Processors())
	var mu sync.Mutex
	draw := func(to *template.URL, what drawing, picture func() image.Image) {
		pictures.Go(func() (err error) {
			mu.Lock()
			before, ok := r.drawn[what]
			mu.Unlock()
			if *to = before; ok {
				return nil
			}
			if *to, err = dataURI(picture()); err != nil {
				return err
			}
			mu.Lock()
			r.drawn[what] = *to
			mu.Unlock()
			return nil
		})
	}
	s.Tiles = slices.Repeat([]tile{shape}, len(rec.Results))
	for i := range rec.Results {
		t, m, x := &s.Tiles[i], &r.Methods[i], rec.Results[i].Slices[c.pos].Magnitude
		t.Name, t.Alt = m.Name, fmt.Sprintf("Slice %d reconstructed by %s", number, m.Name)
		draw(&t.Src, drawing{c.pos, i, 0}, func() image.Image { return w.gray(x, rec.Ny, rec.Nx) })
		if q := m.Slices[c.pos].ReportSliceQuality; q != nil {
			t.Detail = fmt.Sprintf("%s dB, SSIM %s", showPSNR(q.PSNRSlice, q.NMSE), showFixed(q.SSIM, 3))
			t.ErrorAlt = fmt.Sprintf("Error of %s in slice %d, amplified %d times", m.Name, number, gain)
			draw(&t.ErrorSrc, drawing{c.pos, i, gain}, func() image.Image {
				return window{w.top / float64(gain)}.errors(rec.References[c.pos], x, rec.Ny, rec.Nx)
			})
		}
	}
	reference := shape
	if rec.References != nil {
		reference.Name, reference.Detail, reference.Alt = "reference", r.Reference, fmt.Sprintf("Reference image of slice %d", number)
		draw(&reference.Src, drawing{c.pos, -1, 0}, func() image.Image { return w.gray(rec.References[c.pos], rec.Ny, rec.Nx) })
	}
	if err := pictures.Wait(); err != nil {
		return strip{}, err
	}
	if rec.References != nil {
		s.Tiles = append([]tile{reference}, s.Tiles...)
	}
	return s, nil
}

// errorGain finds one amplification for all error maps of the chosen slices: the least that any of them needs.
func (r *Report) errorGain(chosen []chosenSlice, top float64) int {
	if r.rec.References == nil {
		return 1
	}
	gain := errorGains[0]
	for _, c := range chosen {
		for i := range r.rec.Results {
			reference := r.rec.References[c.pos]
			errs := make([]float64, len(reference))
			for k, v := range reference {
				errs[k] = math.Abs(float64(r.rec.Results[i].Slices[c.pos].Magnitude[k]) - float64(v))
			}
			gain = min(gain, errorGain(errs, top))
		}
	}
	return gain
}

// chosenSlice is a slice that the page shows, by its position among those reconstructed, and why.
type chosenSlice struct {
	pos int
	why []string
}

// chooseSlices picks the middle slice and, by the slice PSNR of the last method (the one that is delivered), the worst and the best;
// without a reference the first and third quarter instead.
func (r *Report) chooseSlices() []chosenSlice {
	n := len(r.rec.Indices)
	var chosen []chosenSlice
	add := func(pos int, why string) {
		for i := range chosen {
			if chosen[i].pos == pos {
				if why != "" {
					chosen[i].why = append(chosen[i].why, why)
				}
				return
			}
		}
		chosen = append(chosen, chosenSlice{pos, []string{why}})
	}
	add(n/2, "middle")
	last := &r.Methods[len(r.Methods)-1]
	if last.Volume == nil {
		if n > 2 {
			add(n/4, "first quarter")
			add(3*n/4, "third quarter")
		}
	} else if worst, best := extremes(last.Slices); worst >= 0 && n > 1 {
		add(worst, "lowest PSNR of "+last.Name)
		add(best, "highest PSNR of "+last.Name)
	}
	slices.SortFunc(chosen, func(a, b chosenSlice) int { return a.pos - b.pos })
	return chosen
}

// extremes returns the positions of the lowest and highest slice PSNR, infinite ones included; −1 when none is defined.
func extremes(reports []SliceReport) (worst, best int) {
	worst, best = -1, -1
	for i, s := range reports {
		switch p := s.PSNRSlice; {
		case math.IsNaN(float64(p)):
		case worst < 0:
			worst, best = i, i
		case p < reports[worst].PSNRSlice:
			worst = i
		case p > reports[best].PSNRSlice:
			best = i
		}
	}
	return worst, best
}
