package dicomio

import (
	"math"
	"slices"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// The SOP classes that are read besides mrImageStorage (PS3.4 B.5).
const (
	enhancedMRImageStorage       = "1.2.840.10008.5.1.4.1.1.4.1"
	legacyEnhancedMRImageStorage = "1.2.840.10008.5.1.4.1.1.4.4"
)

// Instance is what one DICOM file holds: one frame, or several when it is an enhanced object.
type Instance struct {
	Class          string // SOP class UID
	UID, SeriesUID string
	Number         int // InstanceNumber, 0 when unknown
	Rows, Cols     int
	Frames         []Frame

	BodyPart      string // BodyPartExamined, "" when unknown
	Vendor, Model string // of the scanner, "" when unknown
	Field         float64
	Carried       carried
	Mosaic        bool // the image shows several slices side by side, as Siemens scanners store them
}

// Frame is one image.
type Frame struct {
	Pixels    []float32  `json:"-"` // (Rows, Cols), with RescaleSlope and RescaleIntercept applied
	Spacing   [2]float64 // mm between rows, between columns; 0 when unknown
	Thickness float64    // mm; 0 when unknown
	Gap       float64    // mm from slice to slice; 0 when unknown
	Placed    bool       // Position, Row and Col are known
	Position  [3]float64 // centre of the first pixel in patient coordinates, mm
	Row, Col  [3]float64 // directions of growing column and of growing row index
	Sequence  sequence
}

// Parse reads one Part 10 file: Implicit VR Little Endian, Explicit VR Little Endian, Big Endian, Deflated or RLE Lossless;
// classic or enhanced MR; gray-scale magnitude of 8 or 16 bit. It allocates no more than a few times the size of the file, or of
// the inflated file, and never panics. Every error is an *recon.Error with code Invalid that quotes nothing of the file.
func Parse(file []byte) (Instance, error) { return parse(file, nil) }

// parse is Parse that gives images compressed by a JPEG family to decode.
func parse(file []byte, decode decoder) (instance Instance, err error) {
	defer func() {
		if recover() != nil {
			instance, err = Instance{}, refuse("the DICOM file is damaged and cannot be read")
		}
	}()
	w, a, err := examine(file)
	if err != nil {
		return Instance{}, err
	}
	if err := magnitudeOfMR(a); err != nil {
		return Instance{}, err
	}
	format, err := newPixelFormat(a, w.syntax.order)
	if err != nil {
		return Instance{}, err
	}
	raw, err := w.plainPixels(format, decode)
	if err != nil {
		return Instance{}, err
	}
	instance, err = describe(a)
	if err != nil {
		return Instance{}, err
	}
	instance.Rows, instance.Cols = format.rows, format.cols
	if instance.Frames, err = frames(a, format, raw); err != nil {
		return Instance{}, err
	}
	return instance, nil
}

// examine walks a Part 10 file and reads the elements that are wanted.
func examine(file []byte) (*walker, attributes, error) {
	if len(file) > MaxFile {
		return nil, nil, refuse("the DICOM file is larger than %d MiB", MaxFile>>20)
	}
	s, data, err := split(file)
	if err != nil {
		return nil, nil, err
	}
	w := &walker{data: data, syntax: s}
	if _, err := w.dataset(0, len(data), 0, true, false); err != nil {
		return nil, nil, err
	}
	a, err := w.attributes()
	return w, a, err
}

// ReadsClass reports whether objects of a SOP class are read.
func ReadsClass(uid string) bool {
	return slices.Contains([]string{mrImageStorage, enhancedMRImageStorage, legacyEnhancedMRImageStorage}, uid)
}

// magnitudeOfMR refuses what is not a magnitude image of MR.
func magnitudeOfMR(a attributes) error {
	class := a.text(tag.SOPClassUID)
	if !ReadsClass(class) {
		return refuse("the DICOM file is not an MR image (SOP class %s)", onlyUID(class))
	}
	kind := a.texts(tag.ImageType)
	component := a.text(tag.ComplexImageComponent)
	// The third value is P, R or I in classic objects of all vendors (PS3.3 C.8.3.1.1.1 leaves it to them).
	if len(kind) > 2 && slices.Contains([]string{"P", "R", "I", "PHASE MAP", "REAL", "IMAGINARY"}, kind[2]) ||
		component != "" && component != "MAGNITUDE" {
		return refuse("the DICOM file is a phase, real or imaginary image; a magnitude image is needed")
	}
	return nil
}

// describe reads what belongs to the object as a whole.
func describe(a attributes) (Instance, error) {
	out := Instance{
		Class: onlyUID(a.text(tag.SOPClassUID)), Carried: carry(a.texts), Mosaic: slices.Contains(a.texts(tag.ImageType), "MOSAIC"),
		UID: onlyUID(a.text(tag.SOPInstanceUID)), SeriesUID: onlyUID(a.text(tag.SeriesInstanceUID)),
		BodyPart: code(a.text(tag.BodyPartExamined)), Vendor: text(a.text(tag.Manufacturer), maxLO), Model: text(a.text(tag.ManufacturerModelName), maxLO),
	}
	field, err := a.number(tag.MagneticFieldStrength, 0)
	if err != nil {
		return Instance{}, err
	}
	out.Field = max(0, field)
	if out.Carried.Laterality == "" {
		out.Carried.Laterality = frameSide(a)
	}
	number, err := a.number(tag.InstanceNumber, 0)
	out.Number = int(max(math.MinInt32, min(number, math.MaxInt32)))
	return out, err
}

// frameSide is the side that an enhanced object says in functional groups: those shared by all frames, or those of the first.
func frameSide(a attributes) string {
	for _, t := range []tag.Tag{tag.SharedFunctionalGroupsSequence, tag.PerFrameFunctionalGroupsSequence} {
		if items := a.items(t); len(items) > 0 {
			for _, anatomy := range items[0].items(tag.FrameAnatomySequence) {
				if side := anatomy.text(tag.FrameLaterality); side == "L" || side == "R" {
					return side
				}
			}
		}
	}
	return ""
}
