package recon

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// Picture is one slice as every method made it, drawn, in a form that can be stored beside the numbers.
type Picture struct{ strip }

// MarshalJSON implements json.Marshaler.
func (p Picture) MarshalJSON() ([]byte, error) { return json.Marshal(p.strip) }

// UnmarshalJSON implements json.Unmarshaler. It takes pictures that are PNG data only: they go into a page as they are.
func (p *Picture) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &p.strip); err != nil {
		return err
	}
	for _, t := range p.Tiles {
		for _, src := range []string{string(t.Src), string(t.ErrorSrc)} {
			data, ok := strings.CutPrefix(src, "data:image/png;base64,")
			if src != "" && (!ok || strings.ContainsAny(data, `"'<> `)) {
				return fmt.Errorf("a picture is not PNG data")
			}
		}
	}
	return nil
}

// WorstSlice draws the slice on which the last method has the lowest PSNR; nil when r has no pixels or no reference.
func (r *Report) WorstSlice() (*Picture, error) {
	m := r.last()
	if r.rec == nil || m == nil || m.Volume == nil {
		return nil, nil
	}
	worst, _ := extremes(m.Slices)
	if worst < 0 {
		return nil, nil
	}
	w := window{top: r.rec.Intensity}
	if !(w.top > 0) || math.IsInf(w.top, 1) {
		w.top = 1
	}
	chosen := chosenSlice{worst, []string{"lowest PSNR of " + m.Name}}
	gain := r.errorGain([]chosenSlice{chosen}, w.top)
	s, err := r.strip(chosen, w, gain)
	if err != nil {
		return nil, err
	}
	s.Title += fmt.Sprintf(": white is %s, errors × %d", showShort(Number(w.top)), gain)
	return &Picture{s}, nil
}
