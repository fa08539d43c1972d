package main_test

import (
	"bytes"
	le "encoding/binary"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// dataSet is a Part 10 file without its preamble and file meta information, which belong to whoever writes the file.
func dataSet(t *testing.T, file []byte) []byte {
	t.Helper()
	if len(file) < 144 || string(file[128:138]) != "DICM\x02\x00\x00\x00UL" {
		t.Fatal("not a DICOM file with the length of its meta information")
	}
	return file[144+le.LittleEndian.Uint32(file[140:]):]
}

// madeFiles reconstructs a phantom and returns the paths of all its objects, by UID.
func madeFiles(t *testing.T) map[string]string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	closer(t, "recon", phantom(t, "--coils", "2"), "-o", out, "--method", "zero-filled")
	paths, err := filepath.Glob(filepath.Join(out, "dicom", "*", "*.dcm"))
	if err != nil || len(paths) != 4 {
		t.Fatal(paths, err)
	}
	files := map[string]string{}
	for _, path := range paths {
		files[instanceUID(t, read(t, path))] = path
	}
	return files
}

func dcmtk(t *testing.T, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed (Debian package dcmtk)", name)
	}
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// What a PACS takes by C-STORE or STOW-RS comes back as it was made. By STOW-RS the files stay the same to the last byte. C-STORE
// carries data sets only: whoever stores them writes preamble and meta information anew, and the data sets stay the same.
func TestArchiveGivesBackWhatWasMade(t *testing.T) {
	archive := newOrthanc(t)
	archive.start(t)
	made := madeFiles(t)
	_, port, _ := strings.Cut(archive.dicom, ":")
	var paths []string
	for _, path := range made {
		paths = append(paths, path)
	}
	check := func(how string, got map[string][]byte, whole bool) {
		t.Helper()
		if len(got) != len(made) {
			t.Errorf("%s: %d objects of %d", how, len(got), len(made))
		}
		for uid, path := range made {
			want, file := read(t, path), got[uid]
			switch {
			case file == nil:
				t.Errorf("%s: an object is missing", how)
			case whole && !bytes.Equal(file, want):
				t.Errorf("%s: a file has other bytes", how)
			case !bytes.Equal(dataSet(t, file), dataSet(t, want)):
				t.Errorf("%s: a data set has other bytes", how)
			}
		}
	}

	dcmtk(t, "storescu", append([]string{"-aec", "ARCHIVE", "127.0.0.1", port}, paths...)...)
	check("C-STORE", archive.files(t), false)
	archive.store(t, paths) // it has them already
	check("C-STORE, and STOW-RS again", archive.files(t), false)
	study := studyUID(t, read(t, paths[0]))
	check("WADO-RS", archive.study(t, study), false)
	back := t.TempDir()
	dcmtk(t, "getscu", "+B", "-S", "-od", back, "-aec", "ARCHIVE", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID="+study, "127.0.0.1", port)
	check("C-GET", filesIn(t, back), false)

	second := newOrthanc(t)
	second.start(t)
	second.store(t, paths)
	check("STOW-RS", second.files(t), true)
	check("STOW-RS and WADO-RS", second.study(t, study), true)
}

// filesIn are the files of a directory by UID.
func filesIn(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	paths, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, p := range paths {
		file := read(t, dir, p.Name())
		files[instanceUID(t, file)] = file
	}
	return files
}

// store sends files by STOW-RS.
func (o *orthanc) store(t *testing.T, paths []string) {
	t.Helper()
	address := "closer:secret@" + strings.TrimPrefix(o.url, "http://") + "/dicom-web"
	if status, taken, failed := storeObjects(t, address, paths...); status != http.StatusOK || taken != len(paths) || failed != 0 {
		t.Errorf("Orthanc answers %d, takes %d objects and refuses %d", status, taken, failed)
	}
}

// study retrieves a study by WADO-RS.
func (o *orthanc) study(t *testing.T, uid string) map[string][]byte {
	t.Helper()
	body := o.get(t, "/dicom-web/studies/"+uid, `multipart/related; type="application/dicom"; transfer-syntax=*`)
	// The boundary is what the body begins with: Orthanc 1.10 quotes the Content-Type so that no parser takes it.
	line, _, _ := bytes.Cut(body, []byte("\r\n"))
	files := map[string][]byte{}
	for r := multipart.NewReader(bytes.NewReader(body), strings.TrimPrefix(string(line), "--")); ; {
		p, err := r.NextRawPart()
		if err != nil {
			return files
		}
		if kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type")); kind != "application/dicom" {
			t.Errorf("a part of type %q", kind)
		}
		var file bytes.Buffer
		if _, err := file.ReadFrom(p); err != nil {
			t.Fatal(err)
		}
		files[instanceUID(t, file.Bytes())] = file.Bytes()
	}
}
