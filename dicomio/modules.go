package dicomio

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"

	"github.com/closer-mri/closer/internal/vector"
	"github.com/closer-mri/closer/recon"
)

// manufacturer and modelName stand for this program as equipment (PS3.3 C.7.5.1).
const (
	manufacturer = "closer"
	modelName    = "closer MRI reconstruction"
)

// shared returns what all objects of a series share, classic or enhanced, module by module. Elements that a module requires but
// nobody knows are present and empty (type 2).
func (s series) shared(out Series) dataset {
	var d dataset
	d.str(tag.SpecificCharacterSet, "ISO_IR 192") // UTF-8
	s.patient(&d)
	s.study(&d, out)
	s.series(&d, out)
	s.equipment(&d)
	s.image(&d)
	d.str(tag.FrameOfReferenceUID, out.FrameUID)
	if s.opts.Origin == nil {
		d.str(tag.PositionReferenceIndicator)
	}
	return d
}

// common returns what all instances of a series of classic MR images share (PS3.3 A.4.3).
func (s series) common(out Series, sc scale) dataset {
	d := s.shared(out)
	// Derived, because learned or retrospectively undersampled images are not what the scanner made; OTHER, because checkers
	// know no M.
	d.str(tag.ImageType, "DERIVED", "SECONDARY", "OTHER", code(s.name))
	d.str(tag.DerivationDescription, text(s.story, maxST))
	d.str(tag.ImageComments, text(s.comments(), maxLT))
	if isPhantom(&s.rec.Header) {
		d.str(tag.QualityControlImage, "YES")
	}
	center, width := sc.window()
	d.str(tag.WindowCenter, decimal(center))
	d.str(tag.WindowWidth, decimal(width))
	s.realWorldValue(&d, sc)

	g, gap := s.geometry()
	d.str(tag.PixelSpacing, decimal(g.Spacing[0]), decimal(g.Spacing[1]))
	d.str(tag.SliceThickness, decimal(g.Thickness))
	if gap > 0 {
		d.str(tag.SpacingBetweenSlices, decimal(gap))
	}
	d.str(tag.ImageOrientationPatient, decimals(g.Row[0], g.Row[1], g.Row[2], g.Col[0], g.Col[1], g.Col[2])...)
	return d
}

// slice returns what only slice index of the scan has.
func (s series) slice(index int) dataset {
	var d dataset
	p, location := s.position(index)
	d.str(tag.InstanceNumber, fmt.Sprint(index+1))
	d.str(tag.ImagePositionPatient, decimals(p[:]...)...)
	d.str(tag.SliceLocation, decimal(location))
	s.mrImage(&d, index)
	if o := s.opts.Origin; o != nil {
		if reference := o.reference(index); reference != nil {
			d.set(tag.SourceImageSequence, reference)
		}
	}
	return d
}

// position is the centre of the first pixel of slice index, and its distance along the normal, in mm.
func (s series) position(index int) (p [3]float64, location float64) {
	g, _ := s.geometry()
	if o := s.opts.Origin; s.placed() {
		p = o.position(index, s.rec.Ny, s.rec.Nx, g.Spacing)
		return p, vector.Dot(g.normal(), p)
	}
	i := s.place(index)
	n := max(s.rec.Header.Stack(), i+1)
	return g.position(i, n, s.rec.Ny, s.rec.Nx), g.location(i, n)
}

// place numbers the position of slice index among those of the scan.
func (s series) place(index int) int {
	if o := s.opts.Origin; o != nil {
		return o.images[index].place
	}
	if h := &s.rec.Header; h.Repetitions > 1 || len(h.Echoes) > 1 {
		slice, _, _ := h.Turn(index)
		return slice
	}
	return index
}

// placed reports whether the source says where its images lie.
func (s series) placed() bool { return s.opts.Origin != nil && s.opts.Origin.placed }

// geometry is that of the source, or the nominal one; gap is the distance of neighbouring slices, 0 when unknown.
func (s series) geometry() (g geometry, gap float64) {
	g = newGeometry(s.rec.Header)
	if !s.placed() {
		return g, g.gap()
	}
	first := s.opts.Origin.images[0]
	g.Row, g.Col = first.row, first.col
	return g, s.opts.Origin.gap
}

func decimals(values ...float64) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = decimal(v)
	}
	return texts
}

// patient is the patient module (C.7.1.1). No attribute of a patient is known here; the identifier is that of the file, so that
// an archive does not take all scans for one patient.
func (s series) patient(d *dataset) {
	if subject := s.subject(); subject != nil {
		d.add(subject.carried.Patient)
		if subject.deidentified {
			d.set(tag.DeidentificationMethodCodeSequence, []dataset{coded("113100", "DCM", "Basic Application Confidentiality Profile")})
		}
		return
	}
	h := &s.rec.Header
	name, method := "Anonymous^closer", "No patient attribute of the input was copied"
	switch {
	case isPhantom(h):
		name, method = "Phantom^closer", ""
	case h.Format == "fastmri":
		name, method = "Anonymous^fastMRI", "Input in the fastMRI format, which carries no patient attributes"
	}
	d.str(tag.PatientName, text(name, maxPN))
	d.str(tag.PatientID, "SHA256-"+h.SHA256[:16])
	d.str(tag.PatientBirthDate)
	d.str(tag.PatientSex)
	if method != "" {
		d.str(tag.PatientIdentityRemoved, "YES")
		d.str(tag.DeidentificationMethod, text(method, maxLO))
	}
}

// study is the general study module (C.7.2.1).
func (s series) study(d *dataset, out Series) {
	d.str(tag.StudyInstanceUID, out.StudyUID)
	if subject := s.subject(); subject != nil {
		d.add(subject.carried.Study)
		return
	}
	date, clock := s.dateTime()
	d.str(tag.StudyDate, date...)
	d.str(tag.StudyTime, clock...)
	d.str(tag.ReferringPhysicianName)
	d.str(tag.StudyID, text(s.rec.Header.SHA256, maxSH))
	d.str(tag.AccessionNumber)
	d.str(tag.StudyDescription, text("RESEARCH "+s.rec.Header.Acquisition, maxLO))
}

// series is the general series module (C.7.3.1).
func (s series) series(d *dataset, out Series) {
	h := &s.rec.Header
	d.str(tag.Modality, "MR")
	d.str(tag.SeriesInstanceUID, out.SeriesUID)
	d.str(tag.SeriesNumber, fmt.Sprint(out.Number))
	d.str(tag.SeriesDescription, out.Description)
	if s.opts.Origin != nil {
		d.add(s.opts.Origin.subject.carried.Series)
	} else {
		d.str(tag.PatientPosition, h.Patient)
	}
	if h.Acquisition != "" {
		d.str(tag.ProtocolName, text(h.Acquisition, maxLO))
	}
	part, side := s.body()
	if part != "" {
		d.str(tag.BodyPartExamined, part)
	}
	if s.opts.Enhanced {
		return // each frame says its side
	}
	if side != "" {
		d.str(tag.Laterality, side)
	} else if part == "" || part == "KNEE" {
		d.str(tag.Laterality) // required for paired parts (type 2C), and the side is not known
	}
}

// body is the part of the body and the side of a paired one, "" where nobody knows.
func (s series) body() (part, side string) {
	if o := s.opts.Origin; o != nil {
		return o.subject.carried.BodyPart, o.subject.carried.Laterality
	}
	part = bodyPart(&s.rec.Header)
	if subject := s.subject(); subject != nil {
		part = cmp.Or(subject.carried.BodyPart, part)
	}
	return part, ""
}

// bodyPart is the defined term of PS3.16 annex L, "" when the acquisition does not say. fastMRI has knees, all coronal, and
// brains, all axial.
func bodyPart(h *recon.Header) string {
	acquisition := strings.ToUpper(h.Acquisition)
	switch {
	case isPhantom(h):
		return "HEAD" // the phantom is drawn after a section of a head; checkers do not know PHANTOM, and QualityControlImage says it
	case strings.HasPrefix(acquisition, "COR"):
		return "KNEE"
	case strings.HasPrefix(acquisition, "AX"):
		return "BRAIN"
	}
	return ""
}

func isPhantom(h *recon.Header) bool {
	return strings.Contains(strings.ToUpper(h.Acquisition), "PHANTOM")
}

// equipment is the general equipment module (C.7.5.1) and the equipment that contributed (C.12.1): this program made the
// images, so it is the equipment; the scanner and the networks are contributors.
func (s series) equipment(d *dataset) {
	h := &s.rec.Header
	d.str(tag.Manufacturer, manufacturer)
	d.str(tag.ManufacturerModelName, modelName)
	if s.opts.Software != "" {
		d.str(tag.SoftwareVersions, text(s.opts.Software, maxLO))
	}
	var contributors []dataset
	if h.Vendor != "" {
		scanner := equipment("109101", "Acquisition Equipment", h.Vendor, h.Model, "Acquired the k-space")
		if h.Simulated {
			scanner = equipment("109101", "Acquisition Equipment", h.Vendor, h.Model, "Acquired the images that the k-space was simulated from")
		}
		contributors = append(contributors, scanner)
	}
	for _, model := range s.models {
		network := equipment("109102", "Processing Equipment", manufacturer, model.Name, "Neural network; its version is the SHA-256 of its file")
		if model.SHA256 != "" {
			network.str(tag.SoftwareVersions, text(model.SHA256, maxLO))
		}
		if !s.opts.Now.IsZero() {
			network.str(tag.ContributionDateTime, s.opts.Now.Format("20060102150405-0700"))
		}
		contributors = append(contributors, network)
	}
	if len(contributors) > 0 {
		d.set(tag.ContributingEquipmentSequence, contributors)
	}
}

func equipment(purpose, meaning, vendor, model, description string) dataset {
	var d dataset
	d.set(tag.PurposeOfReferenceCodeSequence, []dataset{coded(purpose, "DCM", meaning)})
	d.str(tag.Manufacturer, text(vendor, maxLO))
	if model != "" {
		d.str(tag.ManufacturerModelName, text(model, maxLO))
	}
	d.str(tag.ContributionDescription, text(description, maxST))
	return d
}

// coded is a code sequence's item (PS3.3 8.8).
func coded(value, scheme, meaning string) dataset {
	var d dataset
	d.str(tag.CodeValue, value)
	d.str(tag.CodingSchemeDesignator, scheme)
	d.str(tag.CodeMeaning, meaning)
	return d
}

// image is the general image (C.7.6.1), image pixel (C.7.6.3) and SOP common (C.12.1) modules.
func (s series) image(d *dataset) {
	d.str(tag.ContentQualification, "RESEARCH")
	d.str(tag.BurnedInAnnotation, "NO")
	d.str(tag.LossyImageCompression, "00")
	s.dates(d)
	d.set(tag.SamplesPerPixel, []int{1})
	d.str(tag.PhotometricInterpretation, "MONOCHROME2")
	rows, columns := turningOf(&s.rec.Header).shape(s.rec.Ny, s.rec.Nx)
	d.set(tag.Rows, []int{rows})
	d.set(tag.Columns, []int{columns})
	d.set(tag.BitsAllocated, []int{16})
	d.set(tag.BitsStored, []int{16})
	d.set(tag.HighBit, []int{15})
	d.set(tag.PixelRepresentation, []int{0})
}

// dateTime returns Options.Now as values of an element, none when it is not given.
func (s series) dateTime() (date, clock []string) {
	now := s.opts.Now
	if now.IsZero() {
		return nil, nil
	}
	return []string{now.Format("20060102")}, []string{now.Format("150405")}
}

// dates dates the series, the content and the instance.
func (s series) dates(d *dataset) {
	date, clock := s.dateTime()
	if date == nil {
		return
	}
	for _, t := range []tag.Tag{tag.SeriesDate, tag.ContentDate, tag.InstanceCreationDate} {
		d.str(t, date...)
	}
	for _, t := range []tag.Tag{tag.SeriesTime, tag.ContentTime, tag.InstanceCreationTime} {
		d.str(t, clock...)
	}
	if s.subject() != nil {
		return // it would say something of the study's time, too
	}
	d.str(tag.TimezoneOffsetFromUTC, s.opts.Now.Format("-0700"))
}

// comments is the ImageComments: what nobody should overlook.
func (s series) comments() string {
	h := &s.rec.Header
	comments := "Not for diagnostic use."
	switch {
	case isPhantom(h):
		comments += " Phantom: k-space computed from a mathematical phantom, not measured."
	case h.Simulated:
		comments += " Simulated: k-space computed from images, not measured."
	}
	if s.warning != "" {
		comments += " " + s.warning
	}
	if o := s.opts.Origin; o != nil && o.mosaic {
		return comments + " Mosaic: the image shows several slices side by side, as its source does, and its position is that of none of them. Do not measure or localize with it."
	}
	if s.placed() {
		return comments + " Position and orientation are those of the source images."
	}
	assumed := ""
	if a := newGeometry(*h).Assumed; len(a) > 0 {
		assumed = ", and " + strings.Join(a, " and ") + " assumed"
	}
	if h.Placement != nil {
		return comments + " Position and orientation are those that the raw data name" + assumed + "."
	}
	comments += " Nominal geometry: the position and orientation of the patient are not known" + assumed
	return comments + "; left and right may be exchanged. Do not measure or localize with it."
}

// realWorldValue maps stored values back to those of the input (C.7.6.16.2.11); they have no unit.
func (s series) realWorldValue(d *dataset, sc scale) {
	var m dataset
	m.set(tag.RealWorldValueFirstValueMapped, []int{0})
	m.set(tag.RealWorldValueLastValueMapped, []int{maxStored})
	m.set(tag.RealWorldValueIntercept, []float64{0})
	m.set(tag.RealWorldValueSlope, []float64{sc.Slope * cmp.Or(s.opts.Scale, 1)})
	m.str(tag.LUTExplanation, "Magnitude in the units of the input")
	m.str(tag.LUTLabel, "MAGNITUDE")
	m.set(tag.MeasurementUnitsCodeSequence, []dataset{coded("1", "UCUM", "no units")})
	d.set(tag.RealWorldValueMappingSequence, []dataset{m})
}
