package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// orthanc is a PACS that runs on loopback.
type orthanc struct {
	url   string // of its REST interface; DICOMweb is at /dicom-web below it
	dicom string // its DICOM address
	dir   string // what it keeps
	cmd   *exec.Cmd
}

// newOrthanc chooses ports; start starts it, again after a stop too.
func newOrthanc(t *testing.T) *orthanc {
	t.Helper()
	if _, err := exec.LookPath("Orthanc"); err != nil {
		t.Skip("Orthanc is not installed (Debian package orthanc-dicomweb)")
	}
	return &orthanc{url: "http://" + freeAddress(t), dicom: freeAddress(t), dir: t.TempDir()}
}

func (o *orthanc) start(t *testing.T) {
	t.Helper()
	host := func(address string) int {
		var port int
		if _, err := fmt.Sscanf(address[len("127.0.0.1:"):], "%d", &port); err != nil {
			t.Fatal(err)
		}
		return port
	}
	config, err := json.Marshal(map[string]any{
		"Name": "archive", "StorageDirectory": o.dir, "IndexDirectory": o.dir, "Plugins": []string{"/usr/share/orthanc/plugins/libOrthancDicomWeb.so"},
		"HttpPort": host(o.url[len("http://"):]), "DicomPort": host(o.dicom), "DicomAet": "ARCHIVE", "DicomAlwaysAllowStore": true,
		"DicomModalities":     map[string]any{"reader": map[string]any{"AET": "GETSCU", "Host": "127.0.0.1", "Port": 104, "AllowGet": true}},
		"RemoteAccessAllowed": false, "AuthenticationEnabled": true, "RegisteredUsers": map[string]string{"closer": "secret"},
		"DicomWeb": map[string]any{"Enable": true, "Root": "/dicom-web/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "orthanc.json")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		t.Fatal(err)
	}
	o.cmd = exec.Command("Orthanc", path)
	var said bytes.Buffer
	o.cmd.Stdout, o.cmd.Stderr = &said, &said
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		o.cmd.Process.Kill()
		o.cmd.Wait()
		if t.Failed() {
			t.Logf("Orthanc said:\n%s", said.String())
		}
	})
	eventually(t, func() string {
		response, err := http.Get(o.url + "/system") // without a password: any answer will do
		if err != nil {
			return ""
		}
		response.Body.Close()
		return response.Status
	})
}

// get asks for a path with the password, until there is an answer.
func (o *orthanc) get(t *testing.T, path, accept string) []byte {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, o.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("closer", "secret")
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	response, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("Orthanc answers %s to %s: %v", response.Status, path, err)
	}
	return body
}

// files returns the files that it keeps, as its REST interface gives them, by SOP Instance UID.
func (o *orthanc) files(t *testing.T) map[string][]byte {
	t.Helper()
	var ids []string
	if err := json.Unmarshal(o.get(t, "/instances", ""), &ids); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, id := range ids {
		var about struct {
			MainDicomTags struct{ SOPInstanceUID string }
		}
		if err := json.Unmarshal(o.get(t, "/instances/"+id, ""), &about); err != nil {
			t.Fatal(err)
		}
		files[about.MainDicomTags.SOPInstanceUID] = o.get(t, "/instances/"+id+"/file", "")
	}
	return files
}
