package dicomweb

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/internal/store"
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
		q, err := parseQuery(values)
		if err != nil {
			if recon.CodeOf(err) != recon.Invalid {
				t.Fatal(err)
			}
			return
		}
		if some, left := page(q, []int{1, 2, 3}); len(some)+left > 3 {
			t.Fatalf("a page of %d and %d left of 3", len(some), left)
		}
		for _, key := range q.keys {
			matches(text(vr, value), key, q.fuzzy)
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
		for _, m := range parseAccept(header) {
			if m.name == "" || m.q > last {
				t.Fatalf("%q gives %+v after q %g", header, m, last)
			}
			last = max(m.q, 0)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", header)
		pack(r, dicomFile, "1.2.840.10008.1.2.1")
	})
}

// FuzzStore gives the server a request to store with any content; an object that is handed on must be one.
func FuzzStore(f *testing.F) {
	file := append(make([]byte, 128), "DICM\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00\x08\x00\x16\x00UI\x02\x001\x00\x08\x00\x18\x00UI\x02\x002\x00"+
		"\x20\x00\x0d\x00UI\x02\x003\x00\x20\x00\x0e\x00UI\x02\x004\x00"...)
	body, boundary := form(file, []byte("x"))
	f.Add(`multipart/related; type="application/dicom"; boundary=`+boundary, body)
	f.Add("application/dicom", file)
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		var kept shelf
		h := New(Config{Library: Results(store.NewMemory(store.Options{}), nil), Store: kept.store, Spool: t.TempDir(), MaxRequest: 1 << 20})
		r := httptest.NewRequest(http.MethodPost, "/studies", bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
		for _, file := range kept.files {
			if _, err := dicomio.ReadDataSet(file, maxInline); err != nil {
				t.Fatal(err)
			}
		}
		if ok := w.Code == 200 || w.Code == 202; ok != (len(kept.files) > 0) {
			t.Fatalf("%d with %d files", w.Code, len(kept.files))
		}
	})
}
