package recon

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
)

//go:embed validation.html.tmpl
var validationTemplate string

var validationPage = template.Must(template.New("validation").Funcs(template.FuncMap{
	"psnr": showPSNR, "fixed": showFixed, "short": showShort, "seconds": showSeconds, "accel": showAccel, "spread": MeanStd.String,
	"all": func(names []string) string { return strings.Join(names, ", ") },
	"at":  func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) },
}).Parse(validationTemplate))

// String writes m as fastMRI's evaluate.py does, with four significant digits; a dash where there is no mean.
func (m MeanStd) String() string {
	show := func(n Number) string {
		if !n.Finite() {
			return missing
		}
		return fmt.Sprintf("%.4g", float64(n))
	}
	if !m.Mean.Finite() {
		return missing
	}
	return show(m.Mean) + " ± " + show(m.TwoStd)
}

// slicesShown bounds the table of slices on the page; report.csv always has all of them.
const slicesShown = 5000

// validationView is what the template shows.
type validationView struct {
	*Validation
	Style     template.CSS
	Simulated bool // of some volume
	Volumes   int
	Plots     []boxPlot
	Worst     []worstCase
	Slices    int
	AllSlices bool
}

type worstCase struct {
	Unit
	*Picture
}

// WriteHTML writes report.html: one page that needs nothing else. pictures are those of WorstUnits, in its order; nil ones are left out.
func (v *Validation) WriteHTML(w io.Writer, pictures []*Picture) error {
	view := validationView{Validation: v, Style: template.CSS(reportStyle), Plots: v.boxPlots()}
	files := map[string]bool{}
	for _, u := range v.Units {
		files[u.File] = true
		view.Simulated = view.Simulated || u.Report.Input.Simulated
		for _, m := range u.Report.Methods {
			view.Slices += len(m.Slices)
		}
	}
	view.Volumes, view.AllSlices = len(files), view.Slices <= slicesShown
	for k, i := range v.WorstUnits() {
		if k < len(pictures) && pictures[k] != nil {
			view.Worst = append(view.Worst, worstCase{v.Units[i], pictures[k]})
		}
	}
	return validationPage.Execute(w, view)
}
