package dicomweb

import (
	"net/url"
	"regexp"
	"testing"
)

var wadoRS = regexp.MustCompile(`^/studies/[0-9.]+/series/[0-9.]+/instances/[0-9.]+(/frames/[^/]+/rendered)?$`)

// Whatever the parameters, they name an instance, or nothing.
func FuzzURI(f *testing.F) {
	f.Add("requestType=WADO&studyUID=1.2&seriesUID=1.3&objectUID=1.4&contentType=application/dicom")
	f.Add("requestType=WADO&studyUID=1.2&seriesUID=1.3&objectUID=1.4&rows=5&windowCenter=3&frameNumber=..%2F..%2F1")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		if path, _, err := restful(q); err == nil && !wadoRS.MatchString(path) {
			t.Errorf("%q leads to %q", text, path)
		}
	})
}
