package dicomio

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// Results of raw data that name their subject belong to that patient and study, and without the patient to neither.
func TestSubjectOfRawData(t *testing.T) {
	tool(t, "dciodvfy", "dicom3tools")
	named := recon.Subject{
		Name: "Müller^Jane", ID: "PID-4711", BirthDate: "19800102", Sex: "F", Weight: "61.5", Size: "1.7", StudyUID: "1.2.99.7", FrameUID: "1.2.98.7",
		StudyDate: "20200304", StudyTime: "131415.5", StudyID: "S-7", Accession: "A-99", Referrer: "Who^Dr", Study: "Head of Jane", BodyPart: "BRAIN", Series: "T2 of Jane",
	}
	secrets := []string{named.Name, named.ID, named.BirthDate, named.StudyUID, named.FrameUID, named.StudyDate, named.StudyTime, named.StudyID, named.Accession, named.Referrer, named.Study, "of " + named.Series}
	subject := NewSubject(&named)
	if printed := fmt.Sprintf("%v %+v %#v %v %+v %#v", subject, subject, subject, named, &named, named); strings.Contains(printed, "Jane") {
		t.Errorf("prints %s", printed)
	}
	for kind, c := range map[string]struct {
		input   string
		subject *Subject
		has     []string
		lacks   []string
	}{
		"placed":              {"placed raw data", subject, secrets, []string{"SHA256-"}},
		"nominal geometry":    {"acquired", subject, secrets[:4], []string{named.FrameUID}},
		"de-identified":       {"placed raw data", subject.Deidentified(), []string{"113100", "STUDY-"}, append(secrets, "SHA256-", now.Format("20060102"))},
		"of no study, hidden": {"placed raw data", NewSubject(&recon.Subject{Name: named.Name}).Deidentified(), []string{"SHA256-"}, secrets},
		"of no study":         {"placed raw data", NewSubject(&recon.Subject{ID: named.ID}), []string{named.ID}, []string{"SHA256-"}},
		"a protocol":          {"placed raw data", NewSubject(&recon.Subject{ID: named.ID, Protocol: "t2_tse"}), []string{"of t2_tse"}, nil},
		"dates that are none": {"placed raw data", NewSubject(&recon.Subject{ID: named.ID, BirthDate: "today", StudyDate: "2020", Sex: "x", StudyUID: "7-8"}), []string{named.ID}, []string{"today", "7-8"}},
		"none":                {"placed raw data", NewSubject(nil), []string{"SHA256-"}, secrets},
	} {
		for _, enhanced := range []bool{false, true} {
			opts, rec := testOptions, kinds()[c.input]
			opts.Subject, opts.Enhanced = c.subject, enhanced
			s, err := WriteSeries(context.Background(), t.TempDir(), rec, &rec.Results[0], opts)
			if err != nil {
				t.Fatal(err)
			}
			file, err := os.ReadFile(s.Files[0].Path)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range c.has {
				if !strings.Contains(string(file), text) {
					t.Errorf("%s: %q is not there", kind, text)
				}
			}
			for _, text := range c.lacks {
				if strings.Contains(string(file), text) {
					t.Errorf("%s: %q is there", kind, text)
				}
			}
			for _, line := range complaints(t, "dciodvfy", s.Files[0].Path) {
				if !strings.Contains(line, "needed to build DICOMDIR") && !lateralityUnknown.MatchString(line) {
					t.Errorf("%s: %s", kind, line)
				}
			}
		}
	}
}
