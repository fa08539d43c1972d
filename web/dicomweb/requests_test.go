package dicomweb

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"image"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorded is a request that a viewer made.
type recorded struct {
	Method, Path string
	Headers      map[string]string
}

// Each viewer gets what it asked for, in the way it asked.
func TestRequestsOfViewers(t *testing.T) {
	files, err := filepath.Glob("testdata/requests/*.json")
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var requests []recorded
		if err := json.Unmarshal(data, &requests); err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			var kept sink
			s := serve(t, 1, func(c *Config) {
				c.CORS, c.URL, c.Store = []string{"http://127.0.0.1:18090"}, "this", kept.store
			})
			for _, r := range requests {
				s.replay(t, r)
			}
		})
	}
}

// replay makes a recorded request of the first instance of the first series, and checks the answer.
func (s *served) replay(t *testing.T, r recorded) {
	t.Helper()
	series := s.series[0]
	uid := series.Files[0].InstanceUID
	patient, _ := s.query(t, "/studies")[0].first("00100020").(string)
	path := strings.NewReplacer("{study}", series.StudyUID, "{series}", series.SeriesUID, "{instance}", uid, "{patient}", patient).Replace(r.Path)
	var body io.Reader
	if r.Method == http.MethodPost {
		body = s.parts(r.Headers["content-type"])
	}
	request, err := http.NewRequest(r.Method, s.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range r.Headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(request) // which leaves Accept-Encoding and what it brings alone
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	what := r.Method + " " + r.Path + " as " + r.Headers["accept"]
	if origin := r.Headers["origin"]; response.Header.Get("Access-Control-Allow-Origin") != origin {
		t.Errorf("%s: origin %q is not allowed", what, origin)
	}
	if want := map[string]int{http.MethodOptions: 204}[r.Method]; response.StatusCode != max(want, 200) {
		t.Fatalf("%s: %s: %.300s", what, response.Status, data)
	}
	s.checkAnswer(t, what, path, uid, response, data)
}

// checkAnswer checks what a viewer gets by what it asked for.
func (s *served) checkAnswer(t *testing.T, what, path, uid string, response *http.Response, data []byte) {
	t.Helper()
	asked, err := url.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	_, last, _ := strings.Cut(asked.Path, uid)
	contentType := response.Header.Get("Content-Type")
	switch {
	case response.Request.Method == http.MethodOptions:
	case response.Request.Method == http.MethodPost:
		s.checkStored(t, what, contentType, data)
	case strings.HasSuffix(asked.Path, "/rendered"), strings.HasSuffix(asked.Path, "/thumbnail"):
		img, kind, err := image.Decode(bytes.NewReader(data))
		if err != nil || "image/"+kind != response.Request.Header.Get("Accept") {
			t.Fatalf("%s: %s, %v", what, kind, err)
		}
		if w := asked.Query().Get("viewport"); w != "" && img.Bounds().Dx() != 256 {
			t.Errorf("%s: %v", what, img.Bounds())
		}
	case strings.HasPrefix(last, "/frames/"), strings.HasPrefix(last, "/bulkdata/"):
		parts, types := bodies(t, response, data)
		if !bytes.Equal(parts[0], storedPixels(t, s.files[uid])) || types[0] != "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1" {
			t.Errorf("%s: other pixels, or of type %s", what, types[0])
		}
	case asked.Path == "/wado":
		if !bytes.Equal(data, s.files[uid]) {
			t.Errorf("%s: not the file", what)
		}
	case strings.HasPrefix(contentType, "multipart/related"):
		parts, _ := bodies(t, response, data)
		if !bytes.Equal(parts[0], s.files[uid]) {
			t.Errorf("%s: not the file", what)
		}
	default:
		var list []attributes
		if err := json.Unmarshal(data, &list); err != nil || len(list) == 0 || list[0].first("0020000D") != s.series[0].StudyUID || contentType != dicomJSON {
			t.Errorf("%s: %v, %s: %.300s", what, err, contentType, data)
		}
	}
}

// checkStored checks the answer to a request to store all files, in JSON or in XML.
func (s *served) checkStored(t *testing.T, what, contentType string, data []byte) {
	t.Helper()
	stored := 0
	if wantsXML := strings.HasSuffix(what, dicomXML); wantsXML != (contentType == dicomXML) {
		t.Errorf("%s: %s", what, contentType)
	}
	switch contentType {
	case dicomXML:
		var model nativeModel
		if err := xml.Unmarshal(data, &model); err != nil || !bytes.Contains(data, []byte(`xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM"`)) {
			t.Fatalf("%s: %v: %.300s", what, err, data)
		}
		for _, e := range model.Attributes {
			if e.Tag == "00081199" && e.VR == "SQ" {
				stored = len(e.Items)
				if uid := e.Items[0].Attributes[1]; uid.Tag != "00081155" || s.files[uid.Values[0].Text] == nil {
					t.Errorf("%s: %+v is none of the objects", what, uid)
				}
			}
		}
	default:
		var answer attributes
		if err := json.Unmarshal(data, &answer); err != nil {
			t.Fatalf("%s: %v: %.300s", what, err, data)
		}
		stored = len(answer["00081199"].Value)
	}
	if stored != len(s.files) {
		t.Errorf("%s: %d objects of %d are confirmed: %.300s", what, stored, len(s.files), data)
	}
}

// parts is a body of all files in parts, with the boundary of a content type.
func (s *served) parts(contentType string) io.Reader {
	_, boundary, _ := strings.Cut(contentType, "boundary=")
	boundary = strings.Trim(boundary, `"`)
	var body bytes.Buffer
	for _, file := range s.files {
		body.WriteString("--" + boundary + "\r\nContent-Type: application/dicom\r\n\r\n")
		body.Write(file)
		body.WriteString("\r\n")
	}
	body.WriteString("--" + boundary + "--\r\n")
	return &body
}
