package recon

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// boxPlot is the geometry of the drawing of one metric over the volumes: a group of boxes an acceleration, a box a method.
type boxPlot struct {
	plot
	Title string
	Boxes []box
}

// box is Tukey's: quartiles, whiskers to the last value within 1.5 interquartile ranges, everything beyond as dots.
type box struct {
	Class                 int
	X, Left, Right, Width float64
	Low, Q1, Q2, Q3, High float64 // heights in the units of the SVG
	BoxHeight             float64
	Outliers              []dot
	Title                 string
}

// quantile interpolates linearly between the sorted values, as numpy does by default.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	k := min(int(at), len(sorted)-1)
	if k == len(sorted)-1 {
		return sorted[k]
	}
	return sorted[k] + (at-float64(k))*(sorted[k+1]-sorted[k])
}

// boxPlots draws PSNR and SSIM of every protocol and reference that has values.
func (v *Validation) boxPlots() []boxPlot {
	var plots []boxPlot
	var tables [][]ValidationMean
	for _, g := range v.Groups {
		if g.Acquisition != "" {
			continue
		}
		if n := len(tables); n > 0 && tables[n-1][0].Protocol == g.Protocol && tables[n-1][0].Reference == g.Reference {
			tables[n-1] = append(tables[n-1], g)
		} else {
			tables = append(tables, []ValidationMean{g})
		}
	}
	for _, t := range tables {
		for _, metric := range []struct {
			name  string
			least float64
			value func(*MethodReport) float64
		}{
			{"PSNR of the volumes, dB", 0.1, psnrOf},
			{"SSIM of the volumes", 0.001, func(m *MethodReport) float64 { return float64(m.Volume.SSIM) }},
		} {
			title := fmt.Sprintf("%s (%s, %s)", metric.name, t[0].Protocol, t[0].Reference)
			if p := v.boxPlot(title, t, metric.least, metric.value); p != nil {
				plots = append(plots, *p)
			}
		}
	}
	return plots
}

// values returns the finite values of a metric over the volumes of g, sorted.
func (v *Validation) values(g ValidationMean, metric func(*MethodReport) float64) []float64 {
	var out []float64
	for _, u := range v.Units {
		for i := range u.Report.Methods {
			m := &u.Report.Methods[i]
			if m.Volume == nil || m.Name != g.Method || u.Accel != g.Accel || u.Report.Protocol != g.Protocol || u.Report.Reference != g.Reference {
				continue
			}
			if x := metric(m); !math.IsNaN(x) && !math.IsInf(x, 0) {
				out = append(out, x)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (v *Validation) boxPlot(title string, table []ValidationMean, least float64, metric func(*MethodReport) float64) *boxPlot {
	p := &boxPlot{Title: title, plot: plot{Width: 760, Height: 320, Left: 56, Right: 744, Top: 14, Bottom: 268}}
	p.MiddleX, p.MiddleY = (p.Left+p.Right)/2, (p.Top+p.Bottom)/2
	values := make([][]float64, len(table))
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, g := range table {
		if values[i] = v.values(g, metric); len(values[i]) > 0 {
			lo, hi = min(lo, values[i][0]), max(hi, values[i][len(values[i])-1])
		}
	}
	if lo > hi {
		return nil
	}
	step := niceStep((hi-lo)/5, least)
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	lo, hi = step*math.Floor(lo/step), step*math.Ceil(hi/step)
	if lo == hi {
		hi = lo + step
	}
	y := func(v float64) float64 { return p.Bottom - (p.Bottom-p.Top)*(v-lo)/(hi-lo) }
	for k := 0; lo+float64(k)*step <= hi+step/2; k++ {
		at := lo + float64(k)*step
		p.Y = append(p.Y, tick{y(at), strconv.FormatFloat(at, 'f', digits, 64)})
	}
	var accels []Number
	var methods []string
	for _, g := range table {
		if !slices.Contains(accels, g.Accel) {
			accels = append(accels, g.Accel)
		}
		if !slices.Contains(methods, g.Method) {
			methods = append(methods, g.Method)
		}
	}
	for k, m := range methods {
		p.Series = append(p.Series, series{Name: m, Class: k % plotClasses})
	}
	group := (p.Right - p.Left) / float64(len(accels))
	slot := min(60, group/float64(len(methods)+1))
	for a, accel := range accels {
		center := p.Left + group*(float64(a)+0.5)
		p.X = append(p.X, tick{center, showAccel(accel)})
		for k, method := range methods {
			for i, g := range table {
				if g.Accel == accel && g.Method == method && len(values[i]) > 0 {
					x := center + slot*(float64(k)-float64(len(methods)-1)/2)
					p.Boxes = append(p.Boxes, newBox(x, 0.6*slot, k%plotClasses, fmt.Sprintf("%s, %s", method, showAccel(accel)), values[i], y))
				}
			}
		}
	}
	var said []string
	for _, b := range p.Boxes {
		said = append(said, b.Title)
	}
	p.Summary = title + ". " + strings.Join(said, "; ") + "."
	return p
}

func newBox(x, width float64, class int, name string, sorted []float64, y func(float64) float64) box {
	q1, q2, q3 := quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)
	reach := 1.5 * (q3 - q1)
	low, high := q1, q3
	b := box{Class: class, X: x, Left: x - width/2, Right: x + width/2, Width: width, Q1: y(q1), Q2: y(q2), Q3: y(q3)}
	for _, v := range sorted {
		if v < q1-reach || v > q3+reach {
			b.Outliers = append(b.Outliers, dot{X: x, Y: y(v), Marker: fmt.Sprintf("M%.1f,%.1f%s", x, y(v), markers[class])})
			continue
		}
		low, high = min(low, v), max(high, v)
	}
	b.Low, b.High, b.BoxHeight = y(low), y(high), y(q1)-y(q3)
	b.Title = fmt.Sprintf("%s: median %.4g, quartiles %.4g and %.4g, %d volumes", name, q2, q1, q3, len(sorted))
	return b
}

// showAccel names an acceleration; 0 stands for the file's own mask.
func showAccel(a Number) string {
	if a == 0 {
		return "acquired"
	}
	return "×" + strconv.FormatFloat(float64(a), 'g', -1, 64)
}
