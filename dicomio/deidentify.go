package dicomio

import (
	"slices"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// Deidentified returns an origin whose series do not tell whom they show, by the Basic Application Level Confidentiality Profile
// (PS3.15 table E.1-1) without options: as nothing travels but what an Origin holds, it suffices to empty or drop the patient
// and study elements, to leave out dates or put dummies in their place, and to replace the UIDs. Equal UIDs become equal ones, so that series of one study stay
// together; who knows a UID can tell its replacement. Position, orientation, body part and side remain. The pixels may show a
// face or burned-in text; they are left as they are.
func (o *Origin) Deidentified() *Origin {
	out := *o
	out.subject = o.subject.hidden()
	out.images = slices.Clone(o.images)
	for i := range out.images {
		out.images[i].instance, out.images[i].series = anonymous(out.images[i].instance), anonymous(out.images[i].series)
	}
	return &out
}

// Deidentified returns a subject that nobody knows, by the same profile; nil, as of raw data that name none, where no study is named.
func (s *Subject) Deidentified() *Subject {
	if s == nil || s.carried.StudyUID == "" {
		return nil
	}
	hidden := s.hidden()
	return &hidden
}

func (s Subject) hidden() Subject {
	out := Subject{s.carried, true}
	c := &out.carried
	c.StudyUID, c.FrameUID, c.Title = anonymous(c.StudyUID), anonymous(c.FrameUID), ""
	c.Patient = []carriedElement{
		{tag.PatientName, []string{"Anonymous^closer"}},
		{tag.PatientID, []string{"STUDY-" + lastDigits(c.StudyUID)}},
		{tag.PatientBirthDate, nil},
		{tag.PatientSex, nil},
		{tag.PatientIdentityRemoved, []string{"YES"}},
		{tag.DeidentificationMethod, []string{"PS3.15 Basic Application Level Confidentiality Profile"}},
	}
	// Media (DICOMDIR) need a date, a time and an identifier of a study: these dates are dummies, as the profile allows and as
	// LongitudinalTemporalInformationModified says.
	c.Study = []carriedElement{
		{tag.StudyDate, []string{dummyDate}},
		{tag.StudyTime, []string{dummyTime}},
		{tag.ReferringPhysicianName, nil},
		{tag.StudyID, []string{lastDigits(c.StudyUID)}},
		{tag.AccessionNumber, nil},
		{tag.LongitudinalTemporalInformationModified, []string{"REMOVED"}},
	}
	return out
}

// Dummies stand where an element must have a value and must not tell any.
const (
	dummyDate = "19000101"
	dummyTime = "000000"
)

// anonymous replaces a UID by one that does not tell it.
func anonymous(uid string) string {
	if uid == "" {
		return ""
	}
	return deriveUID("deidentified", uid)
}

// lastDigits is enough of a UID to tell studies apart.
func lastDigits(uid string) string { return uid[max(0, len(uid)-16):] }
