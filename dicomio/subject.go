package dicomio

import (
	"github.com/suyashkumar/dicom/pkg/tag"

	"github.com/closer-mri/closer/recon"
)

// Subject is what results carry of whom they show and in which study. It holds patient data, which goes into DICOM objects and nowhere else:
// printed or encoded, it is empty.
type Subject struct {
	carried      carried
	deidentified bool
}

// String keeps patient data out of logs.
func (*Subject) String() string { return "DICOM subject" }

// GoString is String.
func (s *Subject) GoString() string { return s.String() }

// NewSubject returns the subject that raw data name; nil when they name none.
func NewSubject(s *recon.Subject) *Subject {
	if s == nil {
		return nil
	}
	known := map[tag.Tag]string{
		tag.PatientName: s.Name, tag.PatientID: s.ID, tag.PatientBirthDate: s.BirthDate, tag.PatientSex: s.Sex, tag.PatientWeight: s.Weight,
		tag.PatientSize: s.Size, tag.StudyInstanceUID: s.StudyUID, tag.FrameOfReferenceUID: s.FrameUID, tag.StudyDate: s.StudyDate,
		tag.StudyTime: s.StudyTime, tag.StudyID: s.StudyID, tag.AccessionNumber: s.Accession, tag.ReferringPhysicianName: s.Referrer,
		tag.StudyDescription: s.Study, tag.BodyPartExamined: s.BodyPart,
		tag.SeriesDescription: s.Series, tag.ProtocolName: s.Protocol,
	}
	c := carry(func(t tag.Tag) []string { return values(known[t]) })
	return &Subject{carried: c}
}

// subject is what is known of whom the images show; nil when nothing is.
func (s series) subject() *Subject {
	if o := s.opts.Origin; o != nil {
		return &o.subject
	}
	return s.opts.Subject
}
