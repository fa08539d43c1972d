package dicomio

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// What de-identification keeps (doc/deidentification.md). The Basic Application Level Confidentiality Profile lists what must go
// (PS3.15 table E.1-1); this is stricter and lists what stays, so that an element nobody thought of goes too.

// fate is what becomes of an element.
type fate int

const (
	dropped  fate = iota
	kept          // its value is checked by its VR
	emptied       // it stays without a value, as type 2 wants it
	replaced      // UIDs
	renamed       // a text of one value
	shifted       // dates and times
)

// keptTexts are texts that tell the scanner and its settings: none is in table E.1-1.
var keptTexts = []tag.Tag{
	tag.CodeValue, tag.CodingSchemeDesignator, tag.CodingSchemeVersion, tag.CodeMeaning, tag.Manufacturer, tag.ManufacturerModelName,
	tag.SoftwareVersions, tag.SequenceName, tag.PulseSequenceName, tag.ImagedNucleus, tag.ReceiveCoilName, tag.TransmitCoilName,
	tag.ReceiveCoilManufacturerName, tag.TransmitCoilManufacturerName, tag.MultiCoilElementName, tag.StackID,
	tag.PositionReferenceIndicator, tag.DimensionDescriptionLabel, tag.RescaleType, tag.LUTLabel, tag.LUTExplanation,
}

// keptSequences are those outside the groups of acquisition, relationship and image (0018, 0020, 0028, 5200), which stay but for
// droppedElements. What they hold is judged element by element.
var keptSequences = []tag.Tag{
	tag.AnatomicRegionSequence, tag.AnatomicRegionModifierSequence, tag.PrimaryAnatomicStructureSequence, tag.ReferencedImageSequence,
	tag.SourceImageSequence, tag.ReferencedImageEvidenceSequence, tag.SourceImageEvidenceSequence, tag.DerivationImageSequence,
	tag.DerivationCodeSequence, tag.ReferencedSeriesSequence, tag.ReferencedSOPSequence, tag.PurposeOfReferenceCodeSequence,
	tag.RealWorldValueMappingSequence, tag.MeasurementUnitsCodeSequence,
}

// keptNumbers are those outside the groups 0018, 0020 and 0028.
var keptNumbers = []tag.Tag{
	tag.RealWorldValueIntercept, tag.RealWorldValueSlope, tag.RealWorldValueFirstValueMapped, tag.RealWorldValueLastValueMapped,
	tag.ReferencedFrameNumber,
}

// droppedElements have a VR that stays, and are in table E.1-1.
var droppedElements = []tag.Tag{
	{Group: 0x0018, Element: 0x100A}, {Group: 0x0018, Element: 0x5011}, {Group: 0x0018, Element: 0xA001}, {Group: 0x0020, Element: 0x3401},
}

// dates have their times, if they are in a pair.
var dates = map[tag.Tag]tag.Tag{
	tag.StudyDate: tag.StudyTime, tag.SeriesDate: tag.SeriesTime, tag.AcquisitionDate: tag.AcquisitionTime,
	tag.ContentDate: tag.ContentTime, tag.InstanceCreationDate: tag.InstanceCreationTime,
	tag.AcquisitionDateTime: {}, tag.FrameAcquisitionDateTime: {}, tag.FrameReferenceDateTime: {},
}

var times = func() map[tag.Tag]tag.Tag {
	out := map[tag.Tag]tag.Tag{}
	for date, time := range dates {
		out[time] = date
	}
	return out
}()

// fateOf says what becomes of an element of this tag and VR.
func fateOf(t tag.Tag, vr string) fate {
	_, isDate := dates[t]
	_, isTime := times[t]
	image := slices.Contains([]uint16{0x0018, 0x0020, 0x0028, 0x5200}, t.Group)
	switch {
	case t.Group%2 == 1 || t.Element == 0 || slices.Contains(droppedElements, t):
		return dropped
	case t == tag.ContrastBolusAgent, t == tag.AcquisitionContextSequence:
		return emptied
	case t == tag.DeviceSerialNumber:
		return renamed
	case isDate || isTime:
		return shifted
	}
	switch vr {
	case "UI":
		if image || t.Group == 0x0008 {
			return replaced
		}
	case "SQ":
		if image || slices.Contains(keptSequences, t) {
			return kept
		}
	case "CS":
		if image || t.Group == 0x0008 || t == tag.PresentationLUTShape {
			return kept
		}
	case "OB", "OW":
		if t == tag.PixelData {
			return kept
		}
	case "AT", "DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV":
		if image || slices.Contains(keptNumbers, t) {
			return kept
		}
	case "SH", "LO":
		if slices.Contains(keptTexts, t) {
			return kept
		}
	}
	return dropped
}

var (
	codeForm   = regexp.MustCompile(`^[A-Z0-9_ ]{0,16}$`)
	numberForm = regexp.MustCompile(`^[0-9+\-.eE]{1,64}$`)
)

// placing are numbers without which pixels have another value or place.
var placing = []tag.Tag{
	tag.RescaleSlope, tag.RescaleIntercept, tag.PixelSpacing, tag.ImagePositionPatient, tag.ImageOrientationPatient, tag.SliceThickness,
	tag.SpacingBetweenSlices, tag.NumberOfFrames,
}

// plainValue empties values that are not what their VR says: a name in the place of a number goes. Numbers that are longer than they may
// be are written anew. What is no number and scales or places pixels is an error.
func plainValue(t tag.Tag, vr string, value []byte) ([]byte, error) {
	if vr != "CS" && vr != "DS" && vr != "IS" {
		return value, nil
	}
	values := strings.Split(strings.TrimRight(string(value), "\x00"), `\`)
	for i, v := range values {
		switch {
		case vr == "CS" && !codeForm.MatchString(v):
			values[i] = ""
		case vr == "CS" || strings.Trim(v, " ") == "":
		default:
			number, ok := plainNumber(vr, v)
			if !ok && slices.Contains(placing, t) {
				return nil, refuse("the DICOM file is damaged: element %v is not a number", t)
			}
			values[i] = number
		}
	}
	return []byte(strings.Join(values, `\`)), nil
}

// plainNumber is v without padding when its VR allows it, else the same number in as many characters as it may have.
func plainNumber(vr, v string) (string, bool) {
	number := strings.Trim(v, " ")
	x, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil || !numberForm.MatchString(number):
		return "", false
	case len(number) <= maxDS:
		return number, true
	case vr == "DS":
		return decimal(x), true
	case x == math.Trunc(x) && math.Abs(x) <= math.MaxInt32:
		return strconv.Itoa(int(x)), true
	}
	return "", false
}
