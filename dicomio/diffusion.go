package dicomio

import "github.com/suyashkumar/dicom/pkg/tag"

// diffusion is how an image is weighted by diffusion (PS3.3 C.8.13.5.9).
type diffusion struct {
	B              float64   // s/mm²
	Directionality string    // "" where the source does not say
	Gradient       []float64 // its direction, of three components; nil where the source does not say
}

// readDiffusion reads groups, the last that has a b-value: scanners write the elements of the enhanced object's sequence at the top of
// classic ones. It is nil where there is none.
func readDiffusion(groups []attributes) (*diffusion, error) {
	var found *diffusion
	for _, group := range groups {
		for _, set := range append([]attributes{group}, group.items(tag.MRDiffusionSequence)...) {
			b, err := set.number(tag.DiffusionBValue, -1)
			if err != nil {
				return nil, err
			}
			if b < 0 {
				continue
			}
			found = &diffusion{B: b}
			if d := standard(set, tag.DiffusionDirectionality); len(d) > 0 {
				found.Directionality = d[0]
			}
			if found.Gradient, err = readGradient(set); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// readGradient reads the direction beside a b-value, or in the sequence for it; nil is none.
func readGradient(set attributes) ([]float64, error) {
	var found []float64
	for _, direction := range append([]attributes{set}, set.items(tag.DiffusionGradientDirectionSequence)...) {
		gradient, err := direction.numbers(tag.DiffusionGradientOrientation)
		if err != nil {
			return nil, err
		}
		if len(gradient) == 3 {
			found = gradient
		}
	}
	return found, nil
}

// add adds the elements to an object, or to an item of MRDiffusionSequence, which has a sequence for the direction.
func (w *diffusion) add(d *dataset, enhanced bool) {
	d.set(tag.DiffusionBValue, []float64{w.B})
	if w.Directionality != "" {
		d.str(tag.DiffusionDirectionality, w.Directionality)
	}
	switch {
	case w.Gradient == nil:
	case enhanced:
		var direction dataset
		direction.set(tag.DiffusionGradientOrientation, w.Gradient)
		d.set(tag.DiffusionGradientDirectionSequence, []dataset{direction})
	default:
		d.set(tag.DiffusionGradientOrientation, w.Gradient)
	}
}
