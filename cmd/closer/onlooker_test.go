package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/recon"
)

// onlooker reads what a server shows while it, its workers and its clients die: whatever comes must be whole.
type onlooker struct {
	address         string
	results, series int             // read so far
	objects         map[string]bool // digests of the DICOM objects seen
}

// look reads a result of a job and a series by DICOMweb, chosen at random. A connection that breaks is no finding: the server died.
func (o *onlooker) look(t *testing.T) {
	time.Sleep(50 * time.Millisecond)
	var list struct{ Scans []struct{ Jobs []recon.Job } }
	if !o.json(t, "/api/v1/scans", &list) || len(list.Scans) == 0 {
		return
	}
	var job recon.Job
	if !o.json(t, "/api/v1/jobs/"+list.Scans[rand.N(len(list.Scans))].Jobs[0].ID, &job) || len(job.Results) == 0 {
		return
	}
	a := job.Results[rand.N(len(job.Results))]
	if data, _, ok := o.get(t, "/api/v1/jobs/"+job.ID+"/artifacts/"+a.Name, ""); ok {
		o.results++
		// A job that was taken over writes its files again, and only reports, which hold times, are others then.
		if digestOf(data) != a.SHA256 && !strings.HasPrefix(a.Name, "report.") && a.Name != "reconstruction.h5" {
			t.Errorf("%s of a job that is %s has other bytes than the job says", a.Name, job.State)
		}
	}
	var found []map[string]struct{ Value []any }
	if !o.json(t, "/dicom-web/series", &found) || len(found) == 0 {
		return
	}
	one := found[rand.N(len(found))]
	uid := func(tag string) string { return one[tag].Value[0].(string) }
	body, header, ok := o.get(t, "/dicom-web/studies/"+uid("0020000D")+"/series/"+uid("0020000E"), `multipart/related; type="application/dicom"`)
	if !ok {
		return
	}
	_, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		t.Errorf("the type of a series: %v", err)
		return
	}
	objects := 0
	for parts := multipart.NewReader(strings.NewReader(string(body)), parameters["boundary"]); ; objects++ {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		data, readErr := io.ReadAll(part)
		if err != nil || readErr != nil {
			t.Errorf("the parts of a series: %v, %v", err, readErr)
			return
		}
		o.objects[digestOf(data)] = true
	}
	if o.series++; objects != 2 {
		t.Errorf("a series of two slices was shown with %d objects", objects)
	}
}

// get returns a whole answer; anything but 200 is a finding.
func (o *onlooker) get(t *testing.T, path, accept string) (body []byte, header http.Header, ok bool) {
	r, err := http.NewRequest(http.MethodGet, "http://"+o.address+path, nil)
	if err != nil {
		t.Error(err)
		return nil, nil, false
	}
	r.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, nil, false
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil {
		return nil, nil, false
	}
	if response.StatusCode != http.StatusOK {
		t.Errorf("%s: %s %.200s", path, response.Status, body)
	}
	return body, response.Header, response.StatusCode == http.StatusOK
}

func (o *onlooker) json(t *testing.T, path string, into any) bool {
	body, _, ok := o.get(t, path, "")
	if ok {
		if err := json.Unmarshal(body, into); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	return ok
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// slowly is a network of about 500 KB/s to an address: it returns the address of its other end. A connection ends when either end does.
func slowly(t *testing.T, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			closeBoth := func() { near.Close(); far.Close() }
			go func() {
				defer closeBoth()
				for {
					if _, err := io.CopyN(far, near, 8<<10); err != nil {
						return
					}
					time.Sleep(16 * time.Millisecond)
				}
			}()
			go func() {
				defer closeBoth()
				io.Copy(near, far)
			}()
		}
	}()
	return l.Addr().String()
}
