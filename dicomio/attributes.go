package dicomio

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
)

// wanted are the elements that are read, at the top and within sequences: what a volume needs, and what results carry over.
var wanted = append(carriedTags(),
	tag.ImageType, tag.SOPClassUID, tag.SOPInstanceUID, tag.ComplexImageComponent, tag.SeriesInstanceUID, tag.InstanceNumber,
	tag.Manufacturer, tag.ManufacturerModelName, tag.BodyPartExamined, tag.MagneticFieldStrength,
	tag.RepetitionTime, tag.EchoTime, tag.InversionTime, tag.FlipAngle, tag.EchoTrainLength,
	tag.SliceThickness, tag.SpacingBetweenSlices, tag.PixelSpacing, tag.ImagePositionPatient, tag.ImageOrientationPatient,
	tag.SamplesPerPixel, tag.PhotometricInterpretation, tag.NumberOfFrames, tag.Rows, tag.Columns,
	tag.BitsAllocated, tag.BitsStored, tag.HighBit, tag.PixelRepresentation, tag.RescaleSlope, tag.RescaleIntercept,
	tag.SharedFunctionalGroupsSequence, tag.PerFrameFunctionalGroupsSequence,
	tag.MRTimingAndRelatedParametersSequence, tag.RFEchoTrainLength, tag.GradientEchoTrainLength, tag.MREchoSequence, tag.EffectiveEchoTime,
	tag.ScanningSequence, tag.SequenceVariant, tag.ScanOptions, tag.MRAcquisitionType, tag.EchoNumbers, tag.EchoPulseSequence, tag.InversionRecovery,
	tag.EchoPlanarPulseSequence, tag.SegmentedKSpaceTraversal, tag.SteadyStatePulseSequence, tag.Spoiling, tag.OversamplingPhase,
	tag.TemporalPositionIdentifier, tag.NumberOfTemporalPositions, tag.MRModifierSequence, tag.InversionTimes, tag.FrameAnatomySequence, tag.FrameLaterality,
	tag.MRDiffusionSequence, tag.DiffusionBValue, tag.DiffusionDirectionality, tag.DiffusionGradientDirectionSequence, tag.DiffusionGradientOrientation,
	tag.PixelMeasuresSequence, tag.PlanePositionSequence, tag.PlaneOrientationSequence, tag.PixelValueTransformationSequence,
)

// attributes are the elements of a data set or of a sequence's item, their texts in UTF-8.
type attributes []*dicom.Element

// attributes gives what the walker kept to the library.
func (w *walker) attributes() (attributes, error) {
	var meta []byte
	meta = append(meta, 2, 0, 0x10, 0, 'U', 'I')
	name := w.syntax.uid
	if len(name)%2 == 1 {
		name += "\x00"
	}
	meta = binary.LittleEndian.AppendUint16(meta, uint16(len(name)))
	meta = append(meta, name...)

	file := make([]byte, preamble, preamble+16+len(meta)+len(w.kept))
	file = append(file, "DICM\x02\x00\x00\x00UL\x04\x00"...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(meta)))
	file = append(append(file, meta...), w.kept...)
	set, err := dicom.Parse(bytes.NewReader(file), int64(len(file)), nil)
	if err != nil {
		return nil, refuse("the DICOM file's elements cannot be decoded") // the library's error may quote them
	}
	return set.Elements, nil
}

// value returns the value of an element, nil when it is not there.
func (a attributes) value(t tag.Tag) any {
	for _, e := range a {
		if e.Tag == t && e.Value != nil {
			return e.Value.GetValue()
		}
	}
	return nil
}

// texts returns the values of an element as texts; none when it is missing or empty.
func (a attributes) texts(t tag.Tag) []string {
	values, _ := a.value(t).([]string)
	if len(values) == 1 && strings.Trim(values[0], " \x00") == "" {
		return nil
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.Trim(v, " \x00")
	}
	return trimmed
}

// text returns the first value of an element, "" when there is none.
func (a attributes) text(t tag.Tag) string {
	if values := a.texts(t); len(values) > 0 {
		return plain(values[0])
	}
	return ""
}

// numbers returns the values of a numeric element, none when it is missing or empty; a value that is not a finite number is an
// error.
func (a attributes) numbers(t tag.Tag) ([]float64, error) {
	var numbers []float64
	switch values := a.value(t).(type) {
	case []int:
		for _, v := range values {
			numbers = append(numbers, float64(v))
		}
	case []float64:
		numbers = values
	case []string:
		for _, s := range a.texts(t) {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return nil, refuse("the DICOM file is damaged: element %v is not a number", t)
			}
			numbers = append(numbers, v)
		}
	}
	for _, v := range numbers {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, refuse("the DICOM file is damaged: element %v is not a number", t)
		}
	}
	return numbers, nil
}

// number returns the first value of a numeric element, missing when there is none.
func (a attributes) number(t tag.Tag, missing float64) (float64, error) {
	values, err := a.numbers(t)
	if err != nil || len(values) == 0 {
		return missing, err
	}
	return values[0], nil
}

// integer is number for whole numbers from low to high.
func (a attributes) integer(t tag.Tag, missing, low, high int) (int, error) {
	v, err := a.number(t, float64(missing))
	if err != nil {
		return 0, err
	}
	if v != math.Trunc(v) || v < float64(low) || v > float64(high) {
		return 0, refuse("the DICOM file cannot be read: element %v is missing or not from %d to %d", t, low, high)
	}
	return int(v), nil
}

// items returns the items of a sequence, none when it is missing.
func (a attributes) items(t tag.Tag) []attributes {
	var items []attributes
	values, _ := a.value(t).([]*dicom.SequenceItemValue)
	for _, item := range values {
		elements, _ := item.GetValue().([]*dicom.Element)
		items = append(items, elements)
	}
	return items
}
