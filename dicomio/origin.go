package dicomio

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"

	"github.com/closer-mri/closer/internal/vector"
	"github.com/closer-mri/closer/recon"
)

// Origin is what results carry over from the DICOM files they are made of: whom the images show, in which study, and where they
// lie. It holds patient data, which goes into DICOM objects and nowhere else: printed or encoded, it is empty.
type Origin struct {
	subject    Subject // of the first file
	rows, cols int
	images     []sourceImage // by slice
	gap        float64       // mm from position to position; 0 when unknown or not the same everywhere
	clipped    int           // pixels that were below zero
	placed     bool          // every image has a position
	mosaic     bool          // an image shows several slices side by side, and its position is that of none
}

// String keeps patient data out of logs.
func (*Origin) String() string { return "DICOM origin" }

// GoString is String.
func (o *Origin) GoString() string { return o.String() }

// sourceImage is one image of the source.
type sourceImage struct {
	class, instance string // SOP UIDs, "" when unknown
	series          string // its UID, "" when unknown
	frame           int    // from 1 on in an object of several, else 0
	position        [3]float64
	row, col        [3]float64 // orthogonal unit vectors
	place           int        // of its position among all, from 0 on
	sequence        sequence
}

// carried are the elements of the patient, study and frame of reference that travel with the images. Values whose form PS3.5 fixes
// and that do not have it are left out, as they would make our objects invalid too. Names and identifiers travel as they are, also
// where they are longer than they may be: archives go by them, and a part of one may be that of somebody else.
type carried struct {
	Patient, Study, Series []carriedElement
	StudyUID, FrameUID     string
	BodyPart, Laterality   string
	Title                  string // of the series: its description, else its protocol
}

type carriedElement struct {
	Tag    tag.Tag
	Values []string
}

func (carried) String() string   { return "patient data" }
func (carried) GoString() string { return "patient data" }

// The modules of PS3.3 C.7.1.1, C.7.1.3, C.7.2.1, C.7.2.2 and C.7.3.1, as far as they are carried over.
var (
	patientTags = []tag.Tag{tag.PatientName, tag.PatientID, tag.PatientBirthDate, tag.PatientSex}
	studyTags   = []tag.Tag{tag.StudyDate, tag.StudyTime, tag.ReferringPhysicianName, tag.StudyID, tag.AccessionNumber}
	optional    = []tag.Tag{tag.IssuerOfPatientID, tag.PatientIdentityRemoved, tag.DeidentificationMethod, tag.StudyDescription, tag.PatientAge, tag.PatientSize, tag.PatientWeight}
	seriesTags  = []tag.Tag{tag.PatientPosition, tag.PositionReferenceIndicator}
)

// permitted are the values of elements whose form PS3.5 6.2 or PS3.3 fixes.
var permitted = map[tag.Tag]*regexp.Regexp{
	tag.PatientBirthDate:       regexp.MustCompile(`^\d{8}$`),
	tag.PatientSex:             regexp.MustCompile(`^[MFO]$`),
	tag.StudyDate:              regexp.MustCompile(`^\d{8}$`),
	tag.StudyTime:              regexp.MustCompile(`^\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?$`),
	tag.PatientIdentityRemoved: regexp.MustCompile(`^(YES|NO)$`),
	tag.PatientAge:             regexp.MustCompile(`^\d{3}[DWMY]$`),
	tag.PatientSize:            regexp.MustCompile(`^[0-9.]{1,16}$`),
	tag.PatientWeight:          regexp.MustCompile(`^[0-9.]{1,16}$`),
	tag.PatientPosition:        regexp.MustCompile("^(" + strings.Join(recon.PatientPositions, "|") + ")$"),
}

var validUID = regexp.MustCompile(`^(0|[1-9]\d*)(\.(0|[1-9]\d*))+$`)

// carry takes what travels of elements, whose values texts has. Elements of type 2 are there even when they are empty.
func carry(texts func(tag.Tag) []string) carried {
	take := func(tags []tag.Tag, empty bool) []carriedElement {
		var out []carriedElement
		for _, t := range tags {
			var values []string
			for _, v := range texts(t) {
				if v = plain(v); permitted[t] == nil || permitted[t].MatchString(v) {
					values = append(values, v)
				}
			}
			if empty || len(values) > 0 {
				out = append(out, carriedElement{t, values})
			}
		}
		return out
	}
	first := func(t tag.Tag) string {
		for _, v := range texts(t) {
			return plain(v)
		}
		return ""
	}
	id := func(t tag.Tag) string {
		if u := first(t); usableUID(u) {
			return u
		}
		return ""
	}
	c := carried{
		Patient: take(patientTags, true), Study: append(take(studyTags, true), take(optional, false)...), Series: take(seriesTags, true),
		StudyUID: id(tag.StudyInstanceUID), FrameUID: id(tag.FrameOfReferenceUID), BodyPart: code(first(tag.BodyPartExamined)),
		Title: cmp.Or(first(tag.SeriesDescription), first(tag.ProtocolName)),
	}
	if side := first(tag.Laterality); side == "L" || side == "R" {
		c.Laterality = side
	}
	return c
}

// add puts elements into a data set.
func (d *dataset) add(elements []carriedElement) {
	for _, e := range elements {
		d.str(e.Tag, e.Values...)
	}
}

// newOrigin describes the images of a volume, in the order of its slices.
func newOrigin(first source, images []sourceImage, placed bool) *Origin {
	o := &Origin{subject: Subject{carried: first.Carried}, rows: first.Rows, cols: first.Cols, images: images, placed: placed, mosaic: first.Mosaic, gap: first.Frames[0].Gap}
	if placed && images[len(images)-1].place > 0 {
		o.gap = vector.Step(locations(images))
	}
	return o
}

// locations are the places of images along their normal, each once.
func locations(images []sourceImage) []float64 {
	normal := vector.Cross(images[0].row, images[0].col)
	var all []float64
	for i, image := range images {
		if i == 0 || image.place != images[i-1].place {
			all = append(all, vector.Dot(normal, image.position))
		}
	}
	return all
}

// Notes are what a reader of the results should know of how the source was read.
func (o *Origin) Notes() []string {
	if o == nil || o.clipped == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d pixels of the source, less than 1 %% of its signal, were below zero and were set to 0.", o.clipped)}
}

// checkEnhanced refuses a source whose images an enhanced object cannot tell apart: at one position there are several of one echo time, as
// there are of several times or diffusion weightings.
func (o *Origin) checkEnhanced() error {
	if o == nil || !o.placed {
		return nil
	}
	for i, image := range o.images[1:] {
		if before := o.images[i]; image.place == before.place && image.sequence.TE == before.sequence.TE {
			return recon.Errorf(recon.Invalid, "the DICOM series has several images at one position that do not differ in their echo time, which one enhanced object cannot tell apart; leave out --enhanced")
		}
	}
	return nil
}

// newSourceImage places a frame; the cosines of files are rounded, those of objects must not be.
func newSourceImage(f source, number int) sourceImage {
	frame := f.Frames[number]
	s := sourceImage{class: f.Class, instance: f.UID, series: f.SeriesUID, position: frame.Position, sequence: frame.Sequence}
	if len(f.Frames) > 1 {
		s.frame = number + 1
	}
	s.row, s.col = vector.Sharpen(frame.Row, frame.Col)
	return s
}

// position is the centre of the first pixel of slice i of an image of (ny, nx) pixels whose centre, pixel (ny/2, nx/2), is that
// of the source.
func (o *Origin) position(i, ny, nx int, spacing [2]float64) [3]float64 {
	s := o.images[i]
	down, right := float64(o.rows/2-ny/2)*spacing[0], float64(o.cols/2-nx/2)*spacing[1]
	var p [3]float64
	for k := range p {
		p[k] = s.position[k] + down*s.col[k] + right*s.row[k]
	}
	return p
}

// reference is the item of SourceImageSequence for slice i, none when its UID is not known.
func (o *Origin) reference(i int) []dataset {
	s := o.images[i]
	if !usableUID(s.instance) {
		return nil
	}
	var d dataset
	d.str(tag.ReferencedSOPClassUID, s.class)
	d.str(tag.ReferencedSOPInstanceUID, s.instance)
	if s.frame > 0 {
		d.str(tag.ReferencedFrameNumber, strconv.Itoa(s.frame))
	}
	d.set(tag.PurposeOfReferenceCodeSequence, []dataset{coded("121322", "DCM", "Source image for image processing operation")})
	return []dataset{d}
}

func usableUID(uid string) bool { return len(uid) <= maxUID && validUID.MatchString(uid) }

// named reports whether the image and its series can be referred to.
func (s sourceImage) named() bool { return usableUID(s.instance) && usableUID(s.series) }

// carriedTags are all that carry reads.
func carriedTags() []tag.Tag {
	return slices.Concat(patientTags, studyTags, optional, seriesTags,
		[]tag.Tag{tag.StudyInstanceUID, tag.FrameOfReferenceUID, tag.Laterality, tag.SeriesDescription, tag.ProtocolName})
}
