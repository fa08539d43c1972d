package recon

import (
	"cmp"
	"encoding/json"
	"io"
	"math"
	"slices"
)

// ValidationSchemaID names the format of a validation's report.json; ValidationSchema describes it.
const ValidationSchemaID = "closer.validation/1"

// Unit is one volume at one acceleration under one protocol, reconstructed by every method.
type Unit struct {
	File   string  `json:"file"`  // base name of the input
	Accel  Number  `json:"accel"` // nominal; 0 when the file has a mask of its own, or nothing is undersampled
	Report *Report `json:"report"`
}

// Validation is every unit of a sweep and their statistics. It depends on the units alone, not on their order, so that a sweep that
// was interrupted ends with the report of one that was not.
type Validation struct {
	Schema   string           `json:"schema"`
	MaskSeed string           `json:"mask_seed"` // "file": from the file's name, as fastMRI draws them; else one number for all
	Groups   []ValidationMean `json:"groups"`
	Units    []Unit           `json:"units"`
	Failures []Failure        `json:"failures"` // what is missing from the numbers, and why
}

// Failure is a volume that could not be reconstructed.
type Failure struct {
	File   string `json:"file"`
	Accel  Number `json:"accel"`
	Reason string `json:"reason"` // a sentence without patient data
}

// ValidationMean is one row of the result: a method over the volumes that compare with each other.
type ValidationMean struct {
	Protocol    Protocol `json:"protocol"`
	Accel       Number   `json:"accel"`       // nominal; 0 as in Unit
	Reference   string   `json:"reference"`   // reconstruction_esc or reconstruction_rss: fastMRI's challenges are not mixed
	Acquisition string   `json:"acquisition"` // "" for all of them together
	Method      string   `json:"method"`
	Volumes     int      `json:"volumes"`
	PSNR        MeanStd  `json:"psnr"`
	SSIM        MeanStd  `json:"ssim"`
	NMSE        MeanStd  `json:"nmse"`
	// HeldOutError is MethodReport's; nil when nothing was held out. Volumes without a reference have it alone: PSNR, SSIM and NMSE
	// are NaN then.
	HeldOutError *MeanStd `json:"held_out_error,omitempty"`
	// SecondsPerSlice is the mean over the volumes. Volumes run beside each other slow each other down.
	SecondsPerSlice Number `json:"seconds_per_slice"`
}

// MeanStd is what fastMRI's evaluate.py prints of a metric over volumes: mean and twice the sample standard deviation (n−1).
type MeanStd struct {
	Mean   Number `json:"mean"`
	TwoStd Number `json:"two_std"` // NaN for a single volume
}

// meanStd returns the statistics of v, NaN for none; values without meaning are not left out, as they are not in evaluate.py.
func meanStd(v []float64) MeanStd {
	var sum, squares float64
	for _, x := range v {
		sum += x
	}
	n := float64(len(v))
	mean := sum / n
	for _, x := range v {
		squares += (x - mean) * (x - mean)
	}
	return MeanStd{Number(mean), Number(2 * math.Sqrt(squares/(n-1)))}
}

// NewValidation orders the units and failures and computes the means.
func NewValidation(maskSeed string, units []Unit, failures []Failure) *Validation {
	v := &Validation{Schema: ValidationSchemaID, MaskSeed: maskSeed, Units: append([]Unit{}, units...), Failures: append([]Failure{}, failures...)}
	slices.SortStableFunc(v.Units, func(a, b Unit) int {
		return cmp.Or(cmp.Compare(a.Report.Protocol, b.Report.Protocol), cmp.Compare(a.Accel, b.Accel), cmp.Compare(a.File, b.File))
	})
	slices.SortStableFunc(v.Failures, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Accel, b.Accel), cmp.Compare(a.Reason, b.Reason))
	})
	v.Groups = groups(v.Units)
	return v
}

// WithoutTimings returns a copy of v with every field that depends on the clock set to 0, for comparing runs.
func (v *Validation) WithoutTimings() *Validation {
	c := *v
	c.Units = slices.Clone(v.Units)
	for i := range c.Units {
		c.Units[i].Report = c.Units[i].Report.WithoutTimings()
	}
	c.Groups = groups(c.Units)
	return &c
}

// WriteJSON writes report.json.
func (v *Validation) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Repeated returns the files of each scan that is there under several names, and so counts several times in the means.
func (v *Validation) Repeated() [][]string {
	files := map[string][]string{}
	var scans []string
	for _, u := range v.Units {
		scan := u.Report.Input.SHA256
		if files[scan] == nil {
			scans = append(scans, scan)
		}
		if !slices.Contains(files[scan], u.File) {
			files[scan] = append(files[scan], u.File)
		}
	}
	var out [][]string
	for _, scan := range scans {
		if len(files[scan]) > 1 {
			out = append(out, files[scan])
		}
	}
	return out
}

// groupValues are the metrics of one method over volumes, while they are collected.
type groupValues struct{ psnr, ssim, nmse, seconds, heldOut []float64 }

func (g *groupValues) add(m *MethodReport) {
	g.seconds = append(g.seconds, float64(m.SecondsPerSlice))
	if m.Volume != nil {
		g.psnr = append(g.psnr, psnrOf(m))
		g.ssim = append(g.ssim, float64(m.Volume.SSIM))
		g.nmse = append(g.nmse, float64(m.Volume.NMSE))
	}
	if m.HeldOutError != nil {
		g.heldOut = append(g.heldOut, float64(*m.HeldOutError))
	}
}

// psnrOf returns the volume PSNR of m, which JSON cannot carry where image and reference are equal.
func psnrOf(m *MethodReport) float64 {
	if !m.Volume.PSNR.Finite() && m.Volume.NMSE == 0 {
		return math.Inf(1)
	}
	return float64(m.Volume.PSNR)
}

// HoldsOut says whether any row has a held-out error.
func (v *Validation) HoldsOut() bool {
	return slices.ContainsFunc(v.Groups, func(g ValidationMean) bool { return g.HeldOutError != nil })
}

// groups computes the rows in the order of the units: all acquisitions together, then each alone where there are several.
func groups(units []Unit) []ValidationMean {
	acquisitions := map[string]bool{}
	for _, u := range units {
		acquisitions[u.Report.Input.Acquisition] = true
	}
	type key struct {
		protocol                       Protocol
		accel                          Number
		reference, acquisition, method string
	}
	values := map[key]*groupValues{}
	var together, apart []key
	add := func(k key, m *MethodReport, into *[]key) {
		if values[k] == nil {
			values[k] = &groupValues{}
			*into = append(*into, k)
		}
		values[k].add(m)
	}
	for _, u := range units {
		r := u.Report
		for i := range r.Methods {
			m := &r.Methods[i]
			if m.Volume == nil && m.HeldOutError == nil {
				continue
			}
			k := key{r.Protocol, u.Accel, r.Reference, "", m.Name}
			add(k, m, &together)
			if k.acquisition = r.Input.Acquisition; len(acquisitions) > 1 && k.acquisition != "" {
				add(k, m, &apart)
			}
		}
	}
	// A volume of the other challenge may come first at one acceleration and later at the next: keep equal tables together.
	order := func(a, b key) int {
		return cmp.Or(cmp.Compare(a.protocol, b.protocol), cmp.Compare(a.reference, b.reference), cmp.Compare(a.acquisition, b.acquisition), cmp.Compare(a.accel, b.accel))
	}
	slices.SortStableFunc(apart, order)
	slices.SortStableFunc(together, order)
	out := []ValidationMean{}
	for _, k := range append(together, apart...) {
		g := values[k]
		row := ValidationMean{
			Protocol: k.protocol, Accel: k.accel, Reference: k.reference, Acquisition: k.acquisition, Method: k.method, Volumes: len(g.seconds),
			PSNR: meanStd(g.psnr), SSIM: meanStd(g.ssim), NMSE: meanStd(g.nmse), SecondsPerSlice: meanStd(g.seconds).Mean,
		}
		if g.heldOut != nil {
			e := meanStd(g.heldOut)
			row.HeldOutError = &e
		}
		out = append(out, row)
	}
	return out
}

// WorstUnits returns the positions in v.Units of the units to show: of each protocol, acceleration and reference the two volumes on
// which the last method has the lowest PSNR.
func (v *Validation) WorstUnits() []int {
	const shown = 2
	type table struct {
		protocol  Protocol
		accel     Number
		reference string
	}
	found := map[table][]int{}
	var tables []table
	for i, u := range v.Units {
		m := u.Report.last()
		if m == nil || m.Volume == nil {
			continue
		}
		t := table{u.Report.Protocol, u.Accel, u.Report.Reference}
		if found[t] == nil {
			tables = append(tables, t)
		}
		found[t] = append(found[t], i)
	}
	var out []int
	for _, t := range tables {
		slices.SortStableFunc(found[t], func(a, b int) int {
			return cmp.Compare(psnrOf(v.Units[a].Report.last()), psnrOf(v.Units[b].Report.last()))
		})
		out = append(out, found[t][:min(shown, len(found[t]))]...)
	}
	return out
}

// last is the method that a report delivers, nil when there is none.
func (r *Report) last() *MethodReport {
	if len(r.Methods) == 0 {
		return nil
	}
	return &r.Methods[len(r.Methods)-1]
}
