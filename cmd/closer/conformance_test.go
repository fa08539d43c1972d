package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// produced is what one way through the program wrote.
type produced struct {
	source string // the DICOM file it was made of, "" for raw data
	files  []string
}

// everyPath runs each way by which the program makes DICOM objects: simulated and given raw data of one coil and of several, with
// an uncertainty, and images of several scanners, de-identified or not.
func everyPath(t *testing.T) map[string]produced {
	t.Helper()
	dir, paths := t.TempDir(), map[string]produced{}
	run := func(name, input, source string, args ...string) {
		out := filepath.Join(dir, name)
		closer(t, append([]string{"recon", input, "-o", out}, args...)...)
		files, err := filepath.Glob(filepath.Join(out, "dicom", "*", "*.dcm"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no objects, %v", name, err)
		}
		paths[name] = produced{source, files}
	}
	needRuntime(t)
	run("phantom", phantom(t), "", "--slices", "0:1", "--method", "zero-filled", "--method", "unet", "--method", "ccdf", "--steps", "2", "--samples", "2")
	run("phantom of 4 coils", phantom(t, "--coils", "4"), "", "--slices", "0:1", "--method", "zero-filled", "--method", "ccdf", "--steps", "2", "--samples", "2")
	run("phantom, enhanced", phantom(t), "", "--method", "ccdf", "--steps", "2", "--samples", "2", "--enhanced")
	shared := "../../../shared/data"
	if _, err := os.Stat(shared); err != nil {
		t.Log("without the scanners' and fastMRI's files: ../shared/data is not here")
		return paths
	}
	for name, file := range map[string]string{
		"single coil": "singlecoil_val/brain_axflair_sc.h5", "multi coil": "multicoil_val/brain_axt2_mc.h5", "undersampled": "multicoil_test/brain_axt1_mc_undersampled.h5",
	} {
		run(name, filepath.Join(shared, "fastmri", file), "", "--slices", "0:1", "--method", "zero-filled")
	}
	for _, name := range []string{"ge_rtia_epi", "pydicom_MR_small", "siemens_ts_1", "siemens_xa10_enh_6_1"} {
		source := filepath.Join(shared, "dicom", name+".dcm")
		run(name, source, source, "--method", "zero-filled")
		run(name+", de-identified", source, source, "--method", "zero-filled", "--deidentify")
		run(name+", enhanced", source, source, "--method", "zero-filled", "--enhanced")
	}
	return paths
}

// complaints are the errors and warnings of a checker, whose exit code says nothing.
func complaints(t *testing.T, name string, args ...string) []string {
	t.Helper()
	out, _ := exec.Command(name, args...).CombinedOutput()
	return complaint.FindAllString(string(out), -1)
}

var complaint = regexp.MustCompile(`(?m)^.*(Error|Warning|[Aa]ssert).*$`)

// sideUnknown is what dciodvfy says of the one element that has no truthful value where neither the source nor the acquisition says
// which part of the body was examined: it "is only permitted to be empty when actually unknown", which it is.
const sideUnknown = "is only permitted to be empty when actually unknown"

// Every object is valid. What dciodvfy warns of is, next to sideUnknown, a value of the patient or the study that stands in the
// source in the same form and must stay the same in all series of a study: a name without carets, an identifier that is not there.
func TestEveryObjectConforms(t *testing.T) {
	for _, name := range []string{"dciodvfy", "dcentvfy"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed (Debian package dicom3tools)", name)
		}
	}
	paths := everyPath(t)
	t.Run("dicom-validator", func(t *testing.T) { checkModules(t, paths) })
	for name, made := range paths {
		var inherited []string
		if made.source != "" {
			inherited = complaints(t, "dciodvfy", made.source)
		}
		for _, file := range made.files {
			for _, line := range complaints(t, "dciodvfy", file) {
				ofStudy := slices.Contains(inherited, line) && (strings.Contains(line, "Retired Person Name form") || strings.Contains(line, "needed to build DICOMDIR - Study ID"))
				ofSide := made.source != "" && !strings.Contains(name, "enhanced") && strings.Contains(line, sideUnknown)
				if !ofSide && (!ofStudy || strings.Contains(name, "de-identified")) {
					t.Errorf("%s: %s: %s", name, filepath.Base(filepath.Dir(file)), line)
				}
			}
		}
		for _, line := range complaints(t, "dcentvfy", made.files...) {
			t.Errorf("%s as a study: %s", name, line)
		}
	}
}

// checkModules has pydicom's dicom-validator compare the objects with the tables of PS3.3.
func checkModules(t *testing.T, paths map[string]produced) {
	t.Helper()
	python := os.Getenv("CLOSER_PYTHON")
	if python == "" || exec.Command(python, "-c", "import dicom_validator, dicom_standard").Run() != nil {
		t.Skip("CLOSER_PYTHON names no Python with dicom-validator; make test sets it")
	}
	args := []string{"testdata/validate_iods.py"}
	for _, made := range paths {
		args = append(args, made.files...)
	}
	out, err := exec.Command(python, args...).Output()
	if want := fmt.Sprintf("%d files, 0 errors", len(args)-1); err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), want) {
		t.Errorf("dicom-validator: %v\n%s", err, out)
	}
}
