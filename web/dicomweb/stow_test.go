package dicomweb

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
)

// sink is a Store that keeps what it is given.
type sink struct {
	mu    sync.Mutex
	files [][]byte
	calls int
	fail  func(i int) error
}

func (s *sink) store(_ context.Context, objects []dicomio.Object) ([]string, []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	scans, errs := make([]string, len(objects)), make([]error, len(objects))
	for i, o := range objects {
		if s.fail != nil && s.fail(i) != nil {
			errs[i] = s.fail(i)
			continue
		}
		data, err := os.ReadFile(o.Path)
		scans[i], errs[i] = "scan-of-"+o.Series, err
		s.files = append(s.files, data)
	}
	return scans, errs
}

// form is a multipart body of files, and its boundary.
func form(files ...[]byte) ([]byte, string) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, file := range files {
		p, _ := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		_, _ = p.Write(file)
	}
	w.Close()
	return body.Bytes(), w.Boundary()
}

// post stores a body; an io.Reader that is no buffer goes chunked.
func (s *served) post(t testing.TB, path, contentType string, body io.Reader) (int, attributes) {
	t.Helper()
	response, err := http.Post(s.url+path, contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var out attributes
	if response.Header.Get("Content-Type") == "application/dicom+json" {
		if err := json.NewDecoder(response.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
	} else if response.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s with content type %q", response.Status, response.Header.Get("Content-Type"))
	}
	return response.StatusCode, out
}

// reasons are the failure reasons of an answer, by UID.
func reasons(a attributes) map[string]int {
	out := map[string]int{}
	for _, item := range a["00081198"].Value {
		first := func(tag string) any {
			values, _ := item.(map[string]any)[tag].(map[string]any)["Value"].([]any)
			if len(values) == 0 {
				return ""
			}
			return values[0]
		}
		out[first("00081155").(string)] = int(first("00081197").(float64))
	}
	return out
}

func TestStoreTakesWhatClientsSend(t *testing.T) {
	from := serve(t, 1, nil)
	series := from.series[0]
	var files [][]byte
	for _, f := range series.Files {
		files = append(files, from.files[f.InstanceUID])
	}
	body, boundary := form(files...)
	for contentType, stream := range map[string]io.Reader{
		`multipart/related; type="application/dicom"; boundary=` + boundary:      bytes.NewReader(body),
		`multipart/related;type=application/dicom;boundary="` + boundary + `"`:   bytes.NewReader(body),
		`multipart/related; boundary=` + boundary + `; type="application/dicom"`: io.MultiReader(bytes.NewReader(body)), // chunked
	} {
		var kept sink
		s := serve(t, 0, func(c *Config) { c.Store, c.Spool = kept.store, t.TempDir() })
		status, answer := s.post(t, "/studies", contentType, stream)
		if status != 200 || len(answer["00081199"].Value) != 3 || answer["00081198"].Value != nil ||
			answer.first("00081190") != s.url+"/studies/"+series.StudyUID {
			t.Errorf("%s: %d %v", contentType, status, answer)
		}
		if kept.calls != 1 || len(kept.files) != 3 || !slices.EqualFunc(kept.files, files, bytes.Equal) {
			t.Errorf("%s: %d calls with %d files", contentType, kept.calls, len(kept.files))
		}
	}
	var kept sink
	spool := t.TempDir()
	s := serve(t, 0, func(c *Config) { c.Store, c.Spool = kept.store, spool })
	if status, _ := s.post(t, "/studies/"+series.StudyUID, "application/dicom", bytes.NewReader(files[0])); status != 200 || len(kept.files) != 1 {
		t.Errorf("a plain file: %d", status)
	}
	if left, err := os.ReadDir(spool); err != nil || len(left) > 0 {
		t.Errorf("%d files are left in the spool, %v", len(left), err)
	}
}

// What is stored below /open is held, and the answer names the scan to commit.
func TestStoreBelowOpenIsHeld(t *testing.T) {
	from := serve(t, 1, nil)
	series := from.series[0]
	var stored, held sink
	s := serve(t, 0, func(c *Config) { c.Store, c.Hold = stored.store, held.store })
	for _, path := range []string{"/open/studies", "/open/studies/" + series.StudyUID} {
		response, err := http.Post(s.url+path, "application/dicom", bytes.NewReader(from.files[series.Files[0].InstanceUID]))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if scan := response.Header.Get("Closer-Scan"); response.StatusCode != 200 || scan != "scan-of-"+series.SeriesUID {
			t.Errorf("%s: %s, scan %q", path, response.Status, scan)
		}
	}
	if len(held.files) != 2 || stored.calls != 0 {
		t.Errorf("%d files are held, %d calls of Store", len(held.files), stored.calls)
	}
	if status, _ := serve(t, 0, nil).post(t, "/open/studies", "application/dicom", strings.NewReader("x")); status != 501 {
		t.Errorf("without Hold: %d", status)
	}
}

// Objects are de-identified before anything is done with them, also those that are sent to a study of theirs, and what cannot be is
// refused alone.
func TestStoreDeidentifies(t *testing.T) {
	from := serve(t, 1, nil)
	series := from.series[0]
	d, err := dicomio.NewDeidentifier(bytes.Repeat([]byte("s"), dicomio.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	var kept sink
	spool := t.TempDir()
	s := serve(t, 0, func(c *Config) { c.Store, c.Spool, c.Deidentify = kept.store, spool, d.Read })
	file := from.files[series.Files[0].InstanceUID]
	body, boundary := form(file, file[:len(file)-9], file)
	status, answer := s.post(t, "/studies/"+series.StudyUID, `multipart/related; type="application/dicom"; boundary=`+boundary, bytes.NewReader(body))
	want, err := d.File(file)
	if err != nil {
		t.Fatal(err)
	}
	if status != 202 || len(kept.files) != 1 || !bytes.Equal(kept.files[0], want) || len(answer["00081199"].Value) != 2 || reasons(answer)[""] != 0xC000 {
		t.Errorf("%d, %d files, %v", status, len(kept.files), answer)
	}
	if bytes.Contains(want, []byte(series.StudyUID)) {
		t.Error("the study kept its UID")
	}
}

func TestStoreSaysWhyEachPartFailed(t *testing.T) {
	from := serve(t, 1, nil)
	series := from.series[0]
	uid := func(i int) string { return series.Files[i].InstanceUID }
	a, b, c := from.files[uid(0)], from.files[uid(1)], from.files[uid(2)]
	changed := bytes.Clone(b)
	changed[len(changed)-1] ^= 1
	anonymous := bytes.Replace(c, []byte("\x20\x00\x0d\x00UI"), []byte("\x20\x00\x0c\x00UI"), 1)
	ct := bytes.ReplaceAll(a, []byte("1.2.840.10008.5.1.4.1.1.4\x00"), []byte("1.2.840.10008.5.1.4.1.1.2\x00"))
	lossy := bytes.Replace(a, []byte("1.2.840.10008.1.2.1\x00"), []byte("1.2.840.10008.1.2.9\x00"), 1)
	unavailable := recon.Errorf(recon.Unavailable, "the disk is full")

	var kept sink
	s := serve(t, 0, func(c *Config) { c.Store = kept.store })
	send := func(path string, files ...[]byte) (int, attributes) {
		body, boundary := form(files...)
		return s.post(t, path, `multipart/related; type="application/dicom"; boundary=`+boundary, bytes.NewReader(body))
	}
	for name, test := range map[string]struct {
		path   string
		files  [][]byte
		fail   error
		status int
		taken  int
		want   map[string]int
	}{
		"no DICOM":        {"/studies", [][]byte{[]byte("a letter")}, nil, 409, 0, map[string]int{"": 0xC000}},
		"empty":           {"/studies", [][]byte{nil}, nil, 409, 0, map[string]int{"": 0xC000}},
		"truncated":       {"/studies", [][]byte{a[:len(a)-9]}, nil, 409, 0, map[string]int{"": 0xC000}},
		"one of two":      {"/studies", [][]byte{a, b[:300]}, nil, 202, 1, map[string]int{"": 0xC000}},
		"no study":        {"/studies", [][]byte{anonymous}, nil, 409, 0, map[string]int{uid(2): 0xA900}},
		"another study":   {"/studies/1.2.3", [][]byte{a}, nil, 409, 0, map[string]int{uid(0): 0xA900}},
		"twice":           {"/studies", [][]byte{a, a}, nil, 200, 1, map[string]int{}},
		"two of one name": {"/studies", [][]byte{b, changed}, nil, 202, 1, map[string]int{uid(1): 0x0111}},
		"no space":        {"/studies", [][]byte{a, a}, unavailable, 409, 0, map[string]int{uid(0): 0xA700}},
		"a defect":        {"/studies", [][]byte{a}, fmt.Errorf("secret"), 409, 0, map[string]int{uid(0): 0x0110}},
		"not wanted":      {"/studies", [][]byte{a}, recon.Errorf(recon.Invalid, "no"), 409, 0, map[string]int{uid(0): 0xC000}},
		"another class":   {"/studies", [][]byte{ct}, recon.Errorf(recon.Invalid, "no"), 409, 0, map[string]int{uid(0): 0x0122}},
		"another syntax":  {"/studies", [][]byte{lossy}, nil, 409, 0, map[string]int{"": 0xC122}},
	} {
		kept.files, kept.fail = nil, nil
		if test.fail != nil {
			kept.fail = func(int) error { return test.fail }
		}
		status, answer := send(test.path, test.files...)
		got := reasons(answer)
		if status != test.status || len(kept.files) != test.taken || fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: %d with reasons %x, %d taken; want %d, %x, %d", name, status, got, len(kept.files), test.status, test.want, test.taken)
		}
	}

	// An object with the UID of one that is here but other bytes; the same bytes are no conflict.
	kept.fail = nil
	s = serve(t, 1, func(c *Config) { c.Store = kept.store })
	if status, answer := send("/studies", changed, a); status != 202 || reasons(answer)[uid(1)] != 0x0111 {
		t.Errorf("a conflict with the library: %d %v", status, answer)
	}
}

func TestStoreRefusesRequests(t *testing.T) {
	from := serve(t, 1, nil)
	file := from.files[from.series[0].Files[0].InstanceUID]
	body, boundary := form(file, file)
	multi := `multipart/related; type="application/dicom"; boundary=` + boundary
	var kept sink
	s := serve(t, 0, func(c *Config) { c.Store, c.MaxRequest = kept.store, int64(len(body)) })
	for name, test := range map[string]struct {
		contentType string
		body        string
		status      int
	}{
		"cut short":     {multi, string(body[:len(body)-20]), 400},
		"cut in header": {multi, string(body[:30]), 400},
		"no parts":      {multi, "--" + boundary + "--\r\n", 400},
		"nothing":       {multi, "", 400},
		"too large":     {multi, strings.Repeat("x", 10) + string(body), 413},
		"JSON":          {"application/dicom+json", "[]", 415},
		"parts of JSON": {`multipart/related; type="application/dicom+json"; boundary=x`, "", 415},
		"no boundary":   {`multipart/related; type="application/dicom"`, "", 415},
		"no type":       {"", "x", 415},
	} {
		if status, _ := s.post(t, "/studies", test.contentType, strings.NewReader(test.body)); status != test.status {
			t.Errorf("%s: %d, want %d", name, status, test.status)
		}
	}
	if kept.calls != 0 {
		t.Errorf("%d calls of Store", kept.calls)
	}
	if status, _ := serve(t, 0, nil).post(t, "/studies", multi, bytes.NewReader(body)); status != 501 {
		t.Errorf("without Store: %d", status)
	}
}
