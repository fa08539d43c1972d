package request

import (
	"bytes"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
)

func FuzzQuery(f *testing.F) {
	f.Add("limit=101&offset=0&fuzzymatching=true&includefield=00081030,00080060&PatientName=*x*&StudyDate=20200101-20201231", "Doe^Jane", "PN")
	f.Add(`StudyInstanceUID=1.2\3&00080061=MR&includefield=all`, "20200101", "DA")
	f.Add("00100010=a*b*c*?d", "abcxd", "LO")
	f.Fuzz(func(t *testing.T, raw, value, vr string) {
		values, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		q, err := ParseQuery(values)
		if err != nil {
			if recon.CodeOf(err) != recon.Invalid {
				t.Fatal(err)
			}
			return
		}
		if some, left := Page(q, []int{1, 2, 3}); len(some)+left > 3 {
			t.Fatalf("a page of %d and %d left of 3", len(some), left)
		}
		for _, key := range q.Keys {
			Matches(dicomio.Attribute{VR: vr, Value: []any{value}}, key, q.Fuzzy)
		}
		if vr == "LO" && !strings.ContainsAny(value, "*?") && !wildcard(value, value) {
			t.Fatalf("%q does not match itself", value)
		}
		if !wildcard("*"+value+"*", "x"+value+"y") {
			t.Fatalf("%q is not found within itself", value)
		}
	})
}

func FuzzAccept(f *testing.F) {
	f.Add(`multipart/related; type="application/dicom"; transfer-syntax=*, */*;q=0.1`)
	f.Add(`multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1`)
	f.Fuzz(func(t *testing.T, header string) {
		last := 2.0
		for _, m := range ParseAccept(header) {
			if m.Name == "" || m.Q > last {
				t.Fatalf("%q gives %+v after q %g", header, m, last)
			}
			last = max(m.Q, 0)
		}
	})
}

// FuzzParts reads any content as a request to store, and what it holds as DICOM files.
func FuzzParts(f *testing.F) {
	const limit = 1 << 16
	file := append(make([]byte, 128), "DICM\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00\x08\x00\x16\x00UI\x02\x001\x00\x08\x00\x18\x00UI\x02\x002\x00"+
		"\x20\x00\x0d\x00UI\x02\x003\x00\x20\x00\x0e\x00UI\x02\x004\x00"...)
	body := "--b\r\nContent-Type: application/dicom\r\n\r\n" + string(file) + "\r\n--b\r\n\r\nx\r\n--b--\r\n"
	f.Add(`multipart/related; type="application/dicom"; boundary=b`, []byte(body))
	f.Add("application/dicom", file)
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		total := 0
		err := Parts(contentType, bytes.NewReader(body), limit, func(r io.Reader) error {
			data, err := io.ReadAll(r)
			total += len(data)
			if err == nil && len(data) > 0 && !bytes.Contains(body, data) {
				t.Fatal("a part is not part of the body")
			}
			if set, err := dicomio.ReadDataSet(data, 64); err == nil {
				set.JSON(func(place string) string { return place })
			}
			return err
		})
		if total > len(body) {
			t.Fatalf("%d bytes of parts in %d", total, len(body))
		}
		if err != nil && err != ErrTooLarge && err != ErrMediaType && recon.CodeOf(err) != recon.Invalid {
			t.Fatalf("an error of nobody: %v", err)
		}
		if err == ErrTooLarge && len(body) <= limit && bytes.Count(body, []byte("--")) < maxParts {
			t.Fatalf("%d bytes are too large", len(body))
		}
	})
}
