package dicomio

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tool skips the test when a checker is not installed.
func tool(t *testing.T, name, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed (Debian package %s)", name, pkg)
	}
}

// complaints returns the lines of a checker's output that are errors or warnings. Its exit code says nothing: dciodvfy returns
// 0 while it prints errors.
func complaints(t *testing.T, name string, args ...string) []string {
	t.Helper()
	out, _ := exec.Command(name, args...).CombinedOutput()
	if len(out) == 0 && strings.HasPrefix(name, "dciod") {
		t.Fatalf("%s printed nothing, not even the name of the object", name)
	}
	return complaint.FindAllString(string(out), -1)
}

var complaint = regexp.MustCompile(`(?m)^(Error|Warning|E:|W:|F:|.*[Aa]ssert).*$`)

// lateralityUnknown is the one warning that is accepted, where the body part is one of a pair, or unknown, and its side is not known: an
// element that must be there and has no truthful value.
var lateralityUnknown = regexp.MustCompile(`^Warning - .*Laterality`)

func TestDciodvfyHasNoComplaint(t *testing.T) {
	tool(t, "dciodvfy", "dicom3tools")
	for kind, rec := range kinds() {
		t.Run(kind, func(t *testing.T) {
			part := bodyPart(&rec.Header)
			for _, s := range writeAll(t, t.TempDir(), rec, testOptions) {
				for _, f := range s.Files {
					accepted := 0
					for _, line := range complaints(t, "dciodvfy", f.Path) {
						if lateralityUnknown.MatchString(line) && (part == "KNEE" || part == "") && accepted == 0 {
							accepted++
							continue
						}
						t.Errorf("%s %s: %s", s.Name, filepath.Base(f.Path), line)
					}
				}
			}
		})
	}
}

func TestWithoutClockOnlyStudyDateIsMissed(t *testing.T) {
	tool(t, "dciodvfy", "dicom3tools")
	s := writeAll(t, t.TempDir(), sample("AXT1", 32, 32, nil), Options{})
	lines := complaints(t, "dciodvfy", s[0].Files[0].Path)
	for _, line := range lines {
		if !strings.Contains(line, "needed to build DICOMDIR - Study ") {
			t.Error(line)
		}
	}
}

func TestDcentvfyFindsOneConsistentStudy(t *testing.T) {
	tool(t, "dcentvfy", "dicom3tools")
	for kind, rec := range kinds() {
		var paths []string
		for _, s := range writeAll(t, t.TempDir(), rec, testOptions) {
			for _, f := range s.Files {
				paths = append(paths, f.Path)
			}
		}
		out, err := exec.Command("dcentvfy", paths...).CombinedOutput()
		if len(bytes.TrimSpace(out)) > 0 || err != nil {
			t.Errorf("%s: %v\n%s", kind, err, out)
		}
	}
}

func TestOtherToolkitsRead(t *testing.T) {
	for _, c := range []struct{ name, pkg string }{{"dcmdump", "dcmtk"}, {"dcmftest", "dcmtk"}, {"gdcminfo", "libgdcm-tools"}} {
		t.Run(c.name, func(t *testing.T) {
			tool(t, c.name, c.pkg)
			for kind, rec := range kinds() {
				for _, s := range writeAll(t, t.TempDir(), rec, testOptions) {
					for _, f := range s.Files {
						out, err := exec.Command(c.name, f.Path).CombinedOutput()
						if lines := complaint.FindAllString(string(out), -1); err != nil || lines != nil {
							t.Errorf("%s %s: %v %v", kind, s.Name, err, lines)
						}
					}
				}
			}
		})
	}
}
