package dicomio

import (
	"math"

	"github.com/suyashkumar/dicom/pkg/tag"

	"github.com/closer-mri/closer/internal/vector"
)

// frames reads all frames. A classic object says where its frame lies at the top, an enhanced one in functional groups, those
// of the frame before those shared by all (PS3.3 C.7.6.16).
func frames(a attributes, format pixelFormat, raw []byte) ([]Frame, error) {
	shared, perFrame := a.items(tag.SharedFunctionalGroupsSequence), a.items(tag.PerFrameFunctionalGroupsSequence)
	if len(perFrame) > 0 && len(perFrame) != format.frames {
		return nil, refuse("the DICOM file is damaged: %d descriptions of %d frames", len(perFrame), format.frames)
	}
	out := make([]Frame, format.frames)
	for i := range out {
		groups := []attributes{a}
		if len(shared) > 0 {
			groups = append(groups, shared[0])
		}
		if len(perFrame) > 0 {
			groups = append(groups, perFrame[i])
		}
		frame, slope, intercept, err := place(groups)
		if err != nil {
			return nil, err
		}
		if (math.Abs(slope)+math.Abs(intercept))*(1<<16) > math.MaxFloat32 {
			return nil, refuse("the DICOM file is damaged: its rescale slope or intercept is out of range")
		}
		if frame.Sequence, err = readSequence(groups); err != nil {
			return nil, err
		}
		frame.Pixels = format.frame(raw, i, slope, intercept)
		out[i] = frame
	}
	return out, nil
}

// place reads spacing, position, orientation and rescale of one frame from groups, the last that has them.
func place(groups []attributes) (frame Frame, slope, intercept float64, err error) {
	slope = 1
	var position, orientation bool
	for _, group := range groups {
		measures, plane, direction, rescale := group, group, group, group
		for _, part := range []struct {
			dst *attributes
			tag tag.Tag
		}{
			{&measures, tag.PixelMeasuresSequence}, {&plane, tag.PlanePositionSequence},
			{&direction, tag.PlaneOrientationSequence}, {&rescale, tag.PixelValueTransformationSequence},
		} {
			if items := group.items(part.tag); len(items) > 0 {
				*part.dst = items[0]
			}
		}
		if slope, err = rescale.number(tag.RescaleSlope, slope); err != nil {
			return
		}
		if intercept, err = rescale.number(tag.RescaleIntercept, intercept); err != nil {
			return
		}
		if frame.Thickness, err = measures.number(tag.SliceThickness, frame.Thickness); err != nil {
			return
		}
		if frame.Gap, err = measures.number(tag.SpacingBetweenSlices, frame.Gap); err != nil {
			return
		}
		var v []float64
		if v, err = measures.numbers(tag.PixelSpacing); err != nil {
			return
		} else if len(v) == 2 {
			frame.Spacing = [2]float64(v)
		}
		if v, err = plane.numbers(tag.ImagePositionPatient); err != nil {
			return
		} else if len(v) == 3 {
			frame.Position, position = [3]float64(v), true
		}
		if v, err = direction.numbers(tag.ImageOrientationPatient); err != nil {
			return
		} else if len(v) == 6 {
			frame.Row, frame.Col, orientation = [3]float64(v[:3]), [3]float64(v[3:]), true
		}
	}
	if !(frame.Spacing[0] > 0 && frame.Spacing[1] > 0) {
		frame.Spacing = [2]float64{}
	}
	frame.Thickness, frame.Gap = max(0, frame.Thickness), max(0, frame.Gap)
	frame.Placed = position && orientation && vector.Orthonormal(frame.Row, frame.Col)
	return
}
