package pacs

import (
	"errors"
	"strings"
	"testing"
)

// Answers in the form of PS3.18 10.5.3; the second is what Orthanc 1.10.1 gives where it takes nothing.
const (
	storedTwo  = `{"00081190":{"vr":"UR","Value":["http://x"]},"00081198":{"vr":"SQ"},"00081199":{"vr":"SQ","Value":[{"00081150":{"vr":"UI","Value":["1.2"]},"00081155":{"vr":"UI","Value":["1.3"]}},{"00081155":{"vr":"UI","Value":["1.4"]}}]}}`
	nothing    = `{"00081198":{"vr":"SQ"},"00081199":{"vr":"SQ"}}`
	oneWarned  = `{"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.3"]},"00081196":{"vr":"US","Value":[45056]}},{"00081155":{"vr":"UI","Value":["1.4"]}}]}}`
	refusedTwo = `{"00081198":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.3"]},"00081197":{"vr":"US","Value":[49152]}},{"00081155":{"vr":"UI","Value":["1.4"]},"00081197":{"vr":"US","Value":[42752]}}]}}`
	oneOfTwo   = `{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[290]}}]},"00081199":{"vr":"SQ","Value":[{}]}}`
	duplicates = `{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[273]}},{"00081197":{"vr":"US","Value":[273]}}]}}`
	oneInText  = `{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":["290"]}}]},"00081199":{"vr":"SQ","Value":[{}]}}`
	noReason   = `{"00081198":{"vr":"SQ","Value":[{}]},"00081199":{"vr":"SQ","Value":[{}]}}`
	oneInXML   = `<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM"><DicomAttribute tag="00081198" vr="SQ"><Item number="1">` +
		`<DicomAttribute tag="00081155" vr="UI"><Value number="1">1.3</Value></DicomAttribute><DicomAttribute tag="00081197" vr="US"><Value number="1">290</Value></DicomAttribute>` +
		`</Item></DicomAttribute><DicomAttribute tag="00081199" vr="SQ"><Item number="1"/></DicomAttribute></NativeDicomModel>`
	storedInXML = `<NativeDicomModel><DicomAttribute tag="00081199" vr="SQ"><Item number="1"/><Item number="2"/></DicomAttribute></NativeDicomModel>`
	page        = `<!DOCTYPE html><html><body>Sign in<br></body></html>`
)

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		reason  string // "" is stored
		lasting bool
	}{
		{200, storedTwo, "", false}, {200, "", "", false}, {200, "<NativeDicomModel/>", "", false}, {202, oneWarned, "", false}, {409, duplicates, "", false},
		{200, nothing, "confirms only 0 of 2", false}, {200, duplicates, "", false},
		{200, storedInXML, "", false}, {200, oneInXML, "1 of 2 objects: the class of objects is not supported (0122)", true},
		{200, oneInText, "1 of 2 objects: the class of objects is not supported (0122)", true}, {200, "[" + storedTwo + "]", "", false},
		{200, "[" + oneOfTwo + "]", "1 of 2 objects: the class of objects is not supported (0122)", true},
		{200, page, "does not answer as STOW-RS does (200)", false}, {200, `"stored"`, "does not answer as STOW-RS does (200)", false},
		{202, oneOfTwo, "1 of 2 objects: the class of objects is not supported (0122)", true},
		{202, noReason, "1 of 2 objects: processing failure (0110)", false},
		{409, refusedTwo, "1 of 2 objects: not understood (C000), 1 of 2 objects: out of resources (A700)", false},
		{202, "", "does not say why (202)", false}, {409, "", "does not say why (409)", true},
		{400, nothing, "refuses the request (400)", true}, {413, "", "refuses the request (413)", true}, {401, "", "credentials (401)", false},
		{404, "", "no STOW-RS", false}, {307, "", "answers 307", false}, {503, "", "answers 503", false}, {500, storedTwo, "answers 500", false},
	} {
		contentType := "application/dicom+json"
		if strings.HasPrefix(c.body, "<!") {
			contentType = "text/html; charset=utf-8"
		} else if strings.HasPrefix(c.body, "<") {
			contentType = "application/dicom+xml"
		}
		err := judgeAnswer(c.status, 0, parseAnswer(contentType, []byte(c.body)), 2)
		var f *failure
		switch errors.As(err, &f) {
		case false:
			if err != nil || c.reason != "" {
				t.Errorf("%d %s: %v", c.status, c.body, err)
			}
		case true:
			if c.reason == "" || !strings.Contains(f.reason, c.reason) || f.lasting != c.lasting {
				t.Errorf("%d %s: %q, lasting %t", c.status, c.body, f.reason, f.lasting)
			}
		}
	}
}

// Whatever an archive writes, an answer in DICOM JSON or XML means success only when it confirms as many objects as were sent.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{storedTwo, nothing, oneWarned, refusedTwo, oneOfTwo, duplicates, noReason, oneInText, oneInXML, storedInXML, page, "null", "[]"} {
		f.Add(200, []byte(body))
		f.Add(409, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		for _, contentType := range []string{dicomJSON, "text/xml"} {
			said := parseAnswer(contentType, body)
			if judgeAnswer(status, 0, said, 2) == nil && (said == nil || !said.silent && len(said.Stored.Value)+len(said.Failed.Value) < 2) {
				t.Errorf("%d %s passes for success", status, body)
			}
		}
	})
}
