package recon

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// plot is the geometry of the drawing of slice PSNR over slice index, in the units of its SVG.
type plot struct {
	Width, Height            int
	Left, Right, Top, Bottom float64 // edges of the axes
	MiddleX, MiddleY         float64
	X, Y                     []tick
	Series                   []series
	Summary                  string // what the picture says, in words
}

type tick struct {
	At    float64
	Label string
}

// series is one method; color, dash pattern and marker all follow Class, so that no method is told by color alone.
type series struct {
	Name  string
	Class int    // 0…plotClasses−1
	Path  string // the line, broken where a slice has no finite PSNR
	Dots  []dot
}

type dot struct {
	X, Y   float64
	Marker string // SVG path around the point
	Title  string
}

const plotClasses = 6

// markers are SVG paths around (0, 0), one for each class: disc, square, triangle, diamond, cross, inverted triangle.
var markers = [plotClasses]string{
	"m-3.5,0a3.5,3.5 0 1,0 7,0a3.5,3.5 0 1,0 -7,0z", "m-3.2,-3.2h6.4v6.4h-6.4z", "m0,-4.4l4,7h-8z", "m0,-4.6l4.6,4.6l-4.6,4.6l-4.6,-4.6z",
	"m-1.2,-4h2.4v2.8h2.8v2.4h-2.8v2.8h-2.4v-2.8h-2.8v-2.4h2.8z", "m0,4.4l4,-7h-8z",
}

// Marker is the path of the series' marker around (0, 0), for the legend.
func (s series) Marker() string { return "M0,0" + markers[s.Class] }

// plot draws the slice PSNR of all methods; nil when fewer than two slices have one.
func (r *Report) plot() *plot {
	p := &plot{Width: 760, Height: 320, Left: 56, Right: 744, Top: 14, Bottom: 268}
	p.MiddleX, p.MiddleY = (p.Left+p.Right)/2, (p.Top+p.Bottom)/2
	lo, hi := math.Inf(1), math.Inf(-1)
	first, last := math.MaxInt, math.MinInt
	for _, m := range r.Methods {
		for _, s := range m.Slices {
			if s.ReportSliceQuality != nil && s.PSNRSlice.Finite() {
				lo, hi = min(lo, float64(s.PSNRSlice)), max(hi, float64(s.PSNRSlice))
				first, last = min(first, s.Number()), max(last, s.Number())
			}
		}
	}
	if first >= last {
		return nil
	}
	step := niceStep((hi-lo)/5, 0.1)
	digits := 0
	if step < 1 {
		digits = 1
	}
	lo, hi = step*math.Floor(lo/step), step*math.Ceil(hi/step)
	if lo == hi {
		hi = lo + step
	}
	x := func(i int) float64 {
		return p.Left + 10 + (p.Right-p.Left-20)*float64(i-first)/float64(last-first)
	}
	y := func(v float64) float64 { return p.Bottom - (p.Bottom-p.Top)*(v-lo)/(hi-lo) }
	for k := 0; lo+float64(k)*step <= hi+step/2; k++ {
		v := lo + float64(k)*step
		p.Y = append(p.Y, tick{y(v), strconv.FormatFloat(v, 'f', digits, 64)})
	}
	every := int(niceStep(float64(last-first)/12, 1))
	for i := (first + every - 1) / every * every; i <= last; i += every {
		p.X = append(p.X, tick{x(i), strconv.Itoa(i)})
	}

	var said []string
	for k, m := range r.Methods {
		s := series{Name: m.Name, Class: k % plotClasses}
		var path strings.Builder
		pen := "M"
		for _, sl := range m.Slices {
			if sl.ReportSliceQuality == nil || !sl.PSNRSlice.Finite() {
				pen = "M"
				continue
			}
			px, py := x(sl.Number()), y(float64(sl.PSNRSlice))
			fmt.Fprintf(&path, "%s%.1f,%.1f", pen, px, py)
			pen = "L"
			s.Dots = append(s.Dots, dot{
				X: px, Y: py, Marker: fmt.Sprintf("M%.1f,%.1f%s", px, py, markers[s.Class]),
				Title: fmt.Sprintf("%s, slice %d: %.2f dB", m.Name, sl.Number(), float64(sl.PSNRSlice)),
			})
		}
		s.Path = path.String()
		p.Series = append(p.Series, s)
		if worst, best := extremes(m.Slices); worst >= 0 && m.SlicePSNRMean != nil {
			said = append(said, fmt.Sprintf("%s from %s to %s", m.Name,
				showPSNR(m.Slices[worst].PSNRSlice, 1), showPSNR(m.Slices[best].PSNRSlice, m.Slices[best].NMSE)))
		}
	}
	p.Summary = fmt.Sprintf("PSNR in dB of slices %d to %d: %s.", first, last, strings.Join(said, "; "))
	return p
}

// niceStep returns the smallest of 1, 2, 5, 10, 20, … times least that is at least raw.
func niceStep(raw, least float64) float64 {
	for step := least; ; step *= 10 {
		for _, m := range []float64{1, 2, 5} {
			if step*m >= raw {
				return step * m
			}
		}
	}
}
