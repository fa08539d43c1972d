package fastmri

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

func TestParseSubject(t *testing.T) {
	for name, c := range map[string]struct {
		xml  string
		want recon.Subject
	}{
		"all": {`<h xmlns="http://www.ismrm.org/ISMRMRD"><subjectInformation><patientName> Doe^Jane </patientName><patientWeight_kg>61.5</patientWeight_kg>
			<patientHeight_m>1.7</patientHeight_m><patientID>4711</patientID><patientBirthdate>1980-01-02Z</patientBirthdate><patientGender>F</patientGender></subjectInformation>
			<studyInformation><studyDate>2020-03-04</studyDate><studyTime>13:14:15.5+01:00</studyTime><studyID>7</studyID><accessionNumber>99</accessionNumber>
			<referringPhysicianName>Who</referringPhysicianName><studyDescription>Head</studyDescription><studyInstanceUID>1.2.3</studyInstanceUID>
			<bodyPartExamined>BRAIN</bodyPartExamined></studyInformation><measurementInformation><protocolName>t2_tse</protocolName>
			<seriesDescription>T2 axial</seriesDescription><frameOfReferenceUID>1.2.4</frameOfReferenceUID></measurementInformation></h>`,
			recon.Subject{Name: "Doe^Jane", ID: "4711", BirthDate: "19800102", Sex: "F", Weight: "61.5", Size: "1.7", StudyUID: "1.2.3", FrameUID: "1.2.4",
				StudyDate: "20200304", StudyTime: "131415.5", StudyID: "7", Accession: "99", Referrer: "Who", Study: "Head", BodyPart: "BRAIN", Series: "T2 axial", Protocol: "t2_tse"}},
		"a study of no date": {`<h><subjectInformation><patientID>4711</patientID></subjectInformation><measurementInformation><seriesDate>2020-03-05</seriesDate>
			<seriesTime>09:10:11</seriesTime></measurementInformation></h>`, recon.Subject{ID: "4711", StudyDate: "20200305", StudyTime: "091011"}},
		"a name in Latin 1": {"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><h><subjectInformation><patientName>M\xfcller</patientName></subjectInformation></h>",
			recon.Subject{Name: "Müller"}},
		"what separates values, and lines": {"<h><subjectInformation><patientID>4\\7\n1</patientID></subjectInformation></h>", recon.Subject{ID: "4/7 1"}},
		"an identifier of a page": {`<h><subjectInformation><patientName>Doe</patientName><patientID>` + strings.Repeat("x", 300) + `</patientID></subjectInformation></h>`,
			recon.Subject{Name: "Doe"}},
	} {
		if got := parseSubject(c.xml); got == nil || *got != c.want {
			t.Errorf("%s: got %q", name, fields(got))
		}
	}
	for _, xml := range []string{
		"", "<h>", `<h><subjectInformation><patientName>  </patientName><patientBirthdate>1980-01-02</patientBirthdate></subjectInformation></h>`,
		`<h><studyInformation><studyInstanceUID>1.2.3</studyInstanceUID></studyInformation></h>`,
		`<?xml version="1.0" encoding="none"?><h><subjectInformation><patientName>Doe</patientName></subjectInformation></h>`,
	} {
		if got := parseSubject(xml); got != nil {
			t.Errorf("%s: got %q", xml, fields(got))
		}
	}
}

// fields are what a subject says, as it does not print itself.
func fields(s *recon.Subject) []string {
	if s == nil {
		return nil
	}
	return []string{s.Name, s.ID, s.BirthDate, s.Sex, s.Weight, s.Size, s.StudyUID, s.FrameUID, s.StudyDate, s.StudyTime, s.StudyID, s.Accession, s.Referrer, s.Study, s.BodyPart, s.Series, s.Protocol}
}

// The subject of raw data reaches who opens them, that of a fastMRI file does not.
func TestSubjectOfRawDataOnly(t *testing.T) {
	for path, want := range map[string]string{filepath.Join(rawFiles(t), "ok_placed.h5"): "DOE^JANE", small(t): ""} {
		s, err := Open(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		scan := s.(*Scan)
		if !scan.NamesSubject() {
			t.Errorf("%s names nobody", filepath.Base(path))
		}
		if got := scan.Subject(); got == nil && want != "" || got != nil && got.Name != want {
			t.Errorf("%s: got %q, want %q", filepath.Base(path), fields(got), want)
		}
	}
}
