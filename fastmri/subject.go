package fastmri

import (
	"cmp"
	"encoding/xml"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/closer-mri/closer/recon"
)

// maxValue bounds a value that is taken of a subject, in bytes; DICOM has at most 64 characters.
const maxValue = 256

// parseSubject reads whom an ISMRMRD header names, and the study. It is nil where neither a name nor an identifier is given: a study's
// number without its patient would put images of nobody into it. A study of no date has that of the series.
func parseSubject(text string) *recon.Subject {
	var h struct {
		Subject struct {
			Name   string `xml:"patientName"`
			ID     string `xml:"patientID"`
			Birth  string `xml:"patientBirthdate"`
			Gender string `xml:"patientGender"`
			Weight string `xml:"patientWeight_kg"`
			Height string `xml:"patientHeight_m"`
		} `xml:"subjectInformation"`
		Study struct {
			UID         string `xml:"studyInstanceUID"`
			Date        string `xml:"studyDate"`
			Time        string `xml:"studyTime"`
			ID          string `xml:"studyID"`
			Accession   string `xml:"accessionNumber"`
			Referrer    string `xml:"referringPhysicianName"`
			Description string `xml:"studyDescription"`
			BodyPart    string `xml:"bodyPartExamined"`
		} `xml:"studyInformation"`
		Measurement struct {
			Frame    string `xml:"frameOfReferenceUID"`
			Series   string `xml:"seriesDescription"`
			Protocol string `xml:"protocolName"`
			Date     string `xml:"seriesDate"`
			Time     string `xml:"seriesTime"`
		} `xml:"measurementInformation"`
	}
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(label string, r io.Reader) (io.Reader, error) {
		e, err := htmlindex.Get(label)
		if err != nil {
			return nil, err
		}
		return e.NewDecoder().Reader(r), nil
	}
	if d.Decode(&h) != nil { // in characters that nobody knows, or no XML, which parseHeader says
		return nil
	}
	s, st, m := h.Subject, h.Study, h.Measurement
	out := recon.Subject{
		Name: value(s.Name), ID: value(s.ID), BirthDate: date(s.Birth), Sex: value(s.Gender), Weight: value(s.Weight), Size: value(s.Height),
		StudyUID: value(st.UID), FrameUID: value(m.Frame), StudyDate: date(cmp.Or(st.Date, m.Date)), StudyTime: clock(cmp.Or(st.Time, m.Time)), StudyID: value(st.ID),
		Accession: value(st.Accession), Referrer: value(st.Referrer), Study: value(st.Description), BodyPart: value(st.BodyPart),
		Series: value(m.Series), Protocol: value(m.Protocol),
	}
	if out.Name == "" && out.ID == "" {
		return nil
	}
	return &out
}

// value is a text in one line, without the backslash, which separates values in DICOM; "" when it is longer than any.
func value(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case r == '\\':
			return '/'
		}
		return r
	}, s))
	if len(s) > maxValue || !utf8.ValidString(s) {
		return ""
	}
	return s
}

// date is DICOM's form of XML's 1980-01-02, whose time zone, if there is one, is left out.
func date(s string) string {
	s = value(s)
	return strings.ReplaceAll(s[:min(len(s), len("1980-01-02"))], "-", "")
}

// clock is DICOM's form of XML's 13:14:15.5.
func clock(s string) string {
	s, _, _ = strings.Cut(value(s), "Z")
	s, _, _ = strings.Cut(s, "+")
	s, _, _ = strings.Cut(s, "-")
	return strings.ReplaceAll(s, ":", "")
}
