package dicomweb

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/closer-mri/closer/dicomio"
)

// bodies reads a multipart answer: what its parts hold and say of it.
func bodies(t testing.TB, response *http.Response, body []byte) (all [][]byte, types []string) {
	t.Helper()
	mediaType, params, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/related" {
		t.Fatalf("%s with content type %q: %.200s", response.Status, response.Header.Get("Content-Type"), body)
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return all, types
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		all, types = append(all, data), append(types, p.Header.Get("Content-Type"))
	}
}

// storedPixels are the pixels of a file, as they are encoded.
func storedPixels(t testing.TB, file []byte) []byte {
	t.Helper()
	set, err := dicomio.ReadDataSet(file, dicomio.MaxFile)
	if err != nil {
		t.Fatal(err)
	}
	e, ok := set.Find(0x7FE00010)
	if !ok || len(e.Value) != matrix*matrix*2 {
		t.Fatalf("%d bytes of pixels", len(e.Value))
	}
	return e.Value
}

func TestOHIF(t *testing.T) {
	s := serve(t, 2, nil)
	first := s.series[0]
	fields := "includefield=00081030%2C00080060%2C00080090%2C00100030"
	list := s.query(t, "/studies?limit=101&offset=0&fuzzymatching=false&"+fields)
	if len(list) != 2 || list[0].first("0020000D") != first.StudyUID || list[1].first("0020000D") != s.series[2].StudyUID {
		t.Fatalf("studies %v", list)
	}
	study := list[0]
	for tag, want := range map[string]any{
		"00201206": 2.0, "00201208": 6.0, "00080061": "MR", "00080020": "20261124", "00080056": "ONLINE",
		"00081190": s.url + "/studies/" + first.StudyUID,
	} {
		if study.first(tag) != want {
			t.Errorf("study has %s %v, want %v", tag, study.first(tag), want)
		}
	}
	if name, _ := study.first("00100010").(map[string]any); name["Alphabetic"] != "Anonymous^fastMRI" {
		t.Errorf("patient name %v", study["00100010"])
	}
	if id, _ := study.first("00100020").(string); !strings.HasPrefix(id, "SHA256-") {
		t.Errorf("patient ID %v", study["00100020"])
	}
	for search, want := range map[string]int{
		"PatientName=*fastmri*": 2, "PatientName=*nobody*": 0, "00100020=" + study.first("00100020").(string): 1,
		"AccessionNumber=*x*": 0, "StudyDescription=*RESEARCH*": 2, "ModalitiesInStudy=MR": 2, "ModalitiesInStudy=CT%5CMR": 2,
		"ModalitiesInStudy=CT": 0, "StudyDate=20261123-20261123": 1, "StudyDate=20261124-": 1, "StudyDate=-20261122": 0,
		"StudyDate=20000101-20991231": 2, "StudyInstanceUID=" + first.StudyUID + "%5C1.2.3": 1, "StudyInstanceUID=1.2.3": 0,
		"StudyInstanceUID=" + first.StudyUID + "," + s.series[2].StudyUID: 2,
	} {
		if got := s.query(t, "/studies?limit=101&offset=0&fuzzymatching=true&"+fields+"&"+search); len(got) != want {
			t.Errorf("%s finds %d studies, want %d", search, len(got), want)
		}
	}

	series := s.query(t, "/studies/"+first.StudyUID+"/series?includefield=0008103E%2C00080021")
	if len(series) != 2 || series[0].first("00201209") != 3.0 || series[0].first("0008103E") == nil || series[0].first("00080060") != "MR" {
		t.Fatalf("series %v", series)
	}
	path := "/studies/" + first.StudyUID + "/series/" + first.SeriesUID
	metadata := s.query(t, path+"/metadata")
	if len(metadata) != slicesPerScan {
		t.Fatalf("metadata of %d instances", len(metadata))
	}
	for i, m := range metadata {
		if m.first("00200013") != float64(i+1) || m.first("00280010") != 64.0 || m.first("00280100") != 16.0 || m.first("00280103") != 0.0 ||
			m.first("00280004") != "MONOCHROME2" || len(m["00200032"].Value) != 3 || len(m["00200037"].Value) != 6 || len(m["00280030"].Value) != 2 {
			t.Errorf("instance %d lacks what a viewer needs: %v", i, m)
		}
	}
	uid := first.Files[1].InstanceUID
	want := storedPixels(t, s.files[uid])
	for _, accept := range []string{
		"multipart/related; type=application/octet-stream; transfer-syntax=*",
		`multipart/related; type="application/octet-stream"; transfer-syntax=*`,
		`multipart/related; type="image/jls"; q=1, multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1; q=0.9`,
		`multipart/related;type="application/octet-stream"`, "*/*", "",
	} {
		response, body := s.get(t, path+"/instances/"+uid+"/frames/1", accept)
		got, types := bodies(t, response, body)
		if len(got) != 1 || !bytes.Equal(got[0], want) || types[0] != "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1" {
			t.Errorf("%q: %d parts, %v", accept, len(got), types)
		}
		if outer := response.Header.Get("Content-Type"); !strings.Contains(outer, `type="application/octet-stream";`) {
			t.Errorf("%q: outer type %s", accept, outer)
		}
	}
	response, body := s.get(t, path+"/instances/"+uid+"/frames/1", "application/octet-stream")
	if response.StatusCode != 200 || !bytes.Equal(body, want) {
		t.Errorf("a single part: %s, %d bytes", response.Status, len(body))
	}
	// Bulk data by its URI.
	uri := metadata[1]["7FE00010"].BulkDataURI
	response, body = s.get(t, strings.TrimPrefix(uri, s.url), "application/octet-stream")
	if response.StatusCode != 200 || !bytes.Equal(body, want) {
		t.Errorf("bulk data %q: %s, %d bytes", uri, response.Status, len(body))
	}
	response, body = s.get(t, path+"/instances/"+uid+"/rendered", "image/jpeg")
	if _, err := jpeg.Decode(bytes.NewReader(body)); err != nil || response.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("rendered: %s, %v", response.Status, err)
	}
}

func TestWeasis(t *testing.T) {
	s := serve(t, 1, nil)
	series := s.series[0]
	include := "&includefield=00080020,00080030,00080050,00080061,00080090,00081030,00100010,00100020,00100021,00100030,00100040,0020000D,00200010"
	studies := s.query(t, "/studies?0020000D="+series.StudyUID+include)
	if len(studies) != 1 {
		t.Fatalf("%d studies", len(studies))
	}
	if got := s.query(t, "/studies?00080050="+include); len(got) != 1 {
		t.Errorf("an empty key finds %d studies", len(got))
	}
	if got := s.query(t, "/series?0020000E="+series.SeriesUID); len(got) != 1 || got[0].first("0020000D") != series.StudyUID {
		t.Errorf("series by UID: %v", got)
	}
	list := s.query(t, "/studies/"+series.StudyUID+"/series?includefield=0008103E,00080060,0020000E,00200011,00081190")
	url := s.url + "/studies/" + series.StudyUID + "/series/" + series.SeriesUID
	if len(list) != 2 || list[1].first("00081190") != url {
		t.Fatalf("series %v", list)
	}
	var uids []any
	for offset := 0; ; offset += 2 {
		some := s.query(t, fmt.Sprintf("/instances?0020000E=%s&includefield=00080018,00200013,00081190&offset=%d&limit=2", series.SeriesUID, offset))
		for _, in := range some {
			uids = append(uids, in.first("00080018"))
		}
		if len(some) == 0 {
			break
		}
	}
	if len(uids) != slicesPerScan || uids[0] != series.Files[0].InstanceUID || uids[2] != series.Files[2].InstanceUID {
		t.Errorf("instances %v", uids)
	}
	response, body := s.get(t, strings.TrimPrefix(url, s.url), `multipart/related;type="application/dicom";transfer-syntax=*`)
	parts, types := bodies(t, response, body)
	if len(parts) != slicesPerScan {
		t.Fatalf("%d parts", len(parts))
	}
	for i, p := range parts {
		if !bytes.Equal(p, s.files[series.Files[i].InstanceUID]) || types[i] != "application/dicom; transfer-syntax=1.2.840.10008.1.2.1" {
			t.Errorf("part %d is not the file, or of type %s", i, types[i])
		}
	}
	for _, path := range []string{"", "/instances/" + series.Files[0].InstanceUID} {
		response, body = s.get(t, strings.TrimPrefix(url, s.url)+path+"/thumbnail?viewport=32%2C48", "image/jpeg, image/png;q=0.5")
		img, err := jpeg.Decode(bytes.NewReader(body))
		if err != nil || img.Bounds().Dx() != 32 || img.Bounds().Dy() != 32 {
			t.Errorf("thumbnail %q: %s, %v", path, response.Status, err)
		}
	}
}

func TestSlicerAndDWV(t *testing.T) {
	s := serve(t, 1, nil)
	series := s.series[1]
	uid := series.Files[0].InstanceUID
	path := "/studies/" + series.StudyUID + "/series/" + series.SeriesUID + "/instances/" + uid
	for accept, multi := range map[string]bool{
		`multipart/related; type="application/dicom"; transfer-syntax=*`: true, `multipart/related; type=application/dicom`: true,
		`multipart/related; type="application/dicom"; transfer-syntax="1.2.840.10008.1.2.1"`: true, "*/*": true,
		"application/dicom": false, "application/dicom; transfer-syntax=*": false,
		`application/dicom+json, multipart/related; type="application/dicom"`: true,
	} {
		response, body := s.get(t, path, accept)
		if multi {
			parts, _ := bodies(t, response, body)
			body = parts[0]
		}
		if !bytes.Equal(body, s.files[uid]) {
			t.Errorf("%q: %s is not the file", accept, response.Status)
		}
	}
	for path, accept := range map[string]string{
		path: `multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.50`, path + "/metadata": "text/html",
		path + "/frames/1": "image/jp2", path + "/rendered": "video/mp4",
		"/studies/" + series.StudyUID: "application/dicom", "/studies": `multipart/related; type="application/dicom+xml"`,
	} {
		if response, body := s.get(t, path, accept); response.StatusCode != 406 || response.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s as %s: %s %.100s", path, accept, response.Status, body)
		}
	}
	response, body := s.get(t, path+"/frames/1?accept=application/octet-stream", "text/html")
	if response.StatusCode != 200 || !bytes.Equal(body, storedPixels(t, s.files[uid])) {
		t.Errorf("the accept parameter: %s", response.Status)
	}
}

// WADO-URI gives what the same request of WADO-RS gives, and refuses what it cannot do.
func TestURI(t *testing.T) {
	s := serve(t, 1, nil)
	series := s.series[0]
	uid := series.Files[1].InstanceUID
	ids := "&studyUID=" + series.StudyUID + "&seriesUID=" + series.SeriesUID + "&objectUID=" + uid
	frame := "/studies/" + series.StudyUID + "/series/" + series.SeriesUID + "/instances/" + uid + "/frames/1/rendered"
	for parameters, same := range map[string]string{
		"": frame, "&contentType=image%2Fpng&windowCenter=8000&windowWidth=4001": frame + "?window=8000,4001&accept=image/png",
		"&rows=32&columns=16&imageQuality=10&frameNumber=1": frame + "?viewport=16,32&quality=10", "&columns=16": frame + "?viewport=16,16",
	} {
		got, body := s.get(t, "/wado?requestType=WADO"+ids+parameters, "")
		want, wanted := s.get(t, same, "")
		if got.StatusCode != 200 || !bytes.Equal(body, wanted) || got.Header.Get("Content-Type") != want.Header.Get("Content-Type") {
			t.Errorf("%q: %s, %d bytes, want %d", parameters, got.Status, len(body), len(wanted))
		}
	}
	for parameters, want := range map[string]int{
		"requestType=WADO" + ids + "&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2.1":    200,
		"requestType=WADO" + ids + "&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2.4.50": 406,
		"requestType=WADO" + ids + "&contentType=text/html":                                               406, "requestType=WADO" + ids + "&anonymize=yes": 400,
		"requestType=WADO" + ids + "&frameNumber=2": 404, "requestType=WADO" + ids + "&frameNumber=../../x": 400, "requestType=WADO" + ids + "&windowCenter=1": 400,
		"requestType=WADO" + ids + "1": 404, "requestType=WADO&studyUID=1.2&seriesUID=1.2": 400, ids: 400,
		"requestType=WADO&studyUID=1.2&seriesUID=1.2&objectUID=../x": 400,
	} {
		if response, body := s.get(t, "/wado?"+parameters, ""); response.StatusCode != want {
			t.Errorf("%s: %s, want %d: %.200s", parameters, response.Status, want, body)
		}
	}
}

func TestErrors(t *testing.T) {
	s := serve(t, 1, nil)
	series := s.series[0]
	path := "/studies/" + series.StudyUID + "/series/" + series.SeriesUID + "/instances/" + series.Files[0].InstanceUID
	for path, want := range map[string]int{
		"/studies/1.2.3": 404, "/studies/1.2.3/metadata": 404, "/nothing": 404, path + "/frames/2": 404, path + "/frames/0": 400,
		path + "/frames/1,x": 400, path + "/bulkdata/00100010/1": 404, path + "/bulkdata/99990010": 404, path + "/rendered?window=1": 400,
		path + "/rendered?viewport=0,9": 400, path + "/rendered?viewport=100000,100000": 400, path + "/rendered?window=1,0": 400,
		path + "/rendered?window=NaN,5": 400, path + "/rendered?window=Inf,5,linear": 400, path + "/rendered?window=5,Inf": 400, path + "/rendered?window=5,NaN,sigmoid": 400,
		path + "/rendered?window=5,0,sigmoid": 400, path + "/rendered?window=5,0.5": 400, path + "/rendered?window=5,9,cubic": 400, path + "/rendered?window=5,9,": 400,
		path + "/rendered?quality=101": 400, "/studies?limit=-1": 400, "/studies?offset=x": 400,
		"/studies?includefield=" + strings.Repeat("00100010,", 300): 400,
	} {
		response, body := s.get(t, path, "")
		if response.StatusCode != want || response.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(string(body), `"detail"`) {
			t.Errorf("%.100s: %s, want %d: %.200s", path, response.Status, want, body)
		}
	}
	if response, _ := s.get(t, "/studies?NoSuchThing=1", ""); response.StatusCode != 200 || response.Header.Get("Warning") == "" {
		t.Errorf("an unknown parameter: %s without a warning", response.Status)
	}
}

// An address that lacks a UID is that of nothing, not of everything.
func TestMissingUIDs(t *testing.T) {
	s := serve(t, 1, nil)
	aStudy := "/studies/" + s.series[0].StudyUID
	aSeries := aStudy + "/series/" + s.series[0].SeriesUID
	for _, path := range []string{
		"/studies/", "/studies//", "/studies//metadata", "/studies//series", "/studies//instances", "/studies//thumbnail",
		aStudy + "/series//instances", aStudy + "/series//metadata", aStudy + "/series//thumbnail", aStudy + "/series/", "/studies//series/" + s.series[0].SeriesUID,
		aSeries + "/instances//metadata", aSeries + "/instances//rendered", aSeries + "/instances//bulkdata/7FE00010", aSeries + "/instances//frames/1",
	} {
		if response, body := s.get(t, path, ""); response.StatusCode != http.StatusNotFound || response.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s %.100s", path, response.Status, body)
		}
	}
}

// HEAD is GET without the body, and a method that is not possible is answered with those that are.
func TestHeadAndAllow(t *testing.T) {
	s := serve(t, 1, nil)
	aStudy := "/studies/" + s.series[0].StudyUID
	anInstance := aStudy + "/series/" + s.series[0].SeriesUID + "/instances/" + s.series[0].Files[0].InstanceUID
	ask := func(method, path string) *http.Response {
		r, err := http.NewRequest(method, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response
	}
	for _, path := range []string{
		"/studies", aStudy, aStudy + "/metadata", aStudy + "/series", anInstance, anInstance + "?accept=application/dicom", anInstance + "/rendered",
		anInstance + "/frames/1", "/studies/1.2.3",
		"/wado?requestType=WADO&contentType=application/dicom&studyUID=" + strings.NewReplacer("/studies/", "", "/series/", "&seriesUID=", "/instances/", "&objectUID=").Replace(anInstance),
	} {
		head, got := ask("HEAD", path), ask("GET", path)
		kind, _, _ := strings.Cut(head.Header.Get("Content-Type"), "; boundary")
		if want, _, _ := strings.Cut(got.Header.Get("Content-Type"), "; boundary"); head.StatusCode != got.StatusCode || kind != want {
			t.Errorf("%s: HEAD %s %s, GET %s %s", path, head.Status, kind, got.Status, want)
		}
	}
	for path, want := range map[string]string{"/studies": "GET, HEAD, POST, OPTIONS", aStudy + "/metadata": "GET, HEAD, OPTIONS", "/open/studies": "POST, OPTIONS"} {
		if response := ask("PUT", path); response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != want {
			t.Errorf("PUT %s: %s, allowed %q, want %q", path, response.Status, response.Header.Get("Allow"), want)
		}
	}
	if response := ask("BREW", "/pot"); response.StatusCode != http.StatusNotFound {
		t.Errorf("BREW /pot: %s", response.Status)
	}
}

func TestCORS(t *testing.T) {
	s := serve(t, 0, nil)
	for origin, want := range map[string]string{"https://viewer.example": "https://viewer.example", "https://evil.example": "", "": ""} {
		r, _ := http.NewRequest(http.MethodOptions, s.url+"/studies", nil)
		r.Header.Set("Origin", origin)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != 204 || response.Header.Get("Access-Control-Allow-Origin") != want {
			t.Errorf("%q: %s, allowed %q", origin, response.Status, response.Header.Get("Access-Control-Allow-Origin"))
		}
	}
}

func TestLibraryGrowsAndShrinks(t *testing.T) {
	s := serve(t, 1, nil)
	if n := len(s.query(t, "/instances")); n != 6 {
		t.Fatalf("%d instances", n)
	}
	s.addScan(t, 1)
	s.finish(t, strings.Repeat("f", 32), append(s.results(t), s.put(t, "dicom/broken/0001.dcm", []byte("not DICOM")))) // the same files again
	if n := len(s.query(t, "/instances")); n != 12 {
		t.Errorf("%d instances of two scans", n)
	}
	for _, id := range []string{strings.Repeat("a", 32), strings.Repeat("f", 32)} {
		if err := s.queue.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.query(t, "/studies")); n != 1 {
		t.Errorf("%d studies after one was deleted", n)
	}
}
