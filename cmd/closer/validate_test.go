package main_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// volumes makes n small scans in one folder.
func volumes(t *testing.T, n int, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		closer(t, append([]string{"phantom", "-o", filepath.Join(dir, "nested", fmt.Sprintf("file%04d.h5", i)), "--matrix", "64", "--slices", "2", "--seed", fmt.Sprint(i)}, args...)...)
	}
	return dir
}

func readValidation(t *testing.T, dir string) *recon.Validation {
	t.Helper()
	v := new(recon.Validation)
	if err := json.Unmarshal(read(t, dir, "report.json"), v); err != nil {
		t.Fatal(err)
	}
	return v
}

// content is everything a sweep leaves behind that does not depend on the clock.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	var numbers bytes.Buffer
	if err := readValidation(t, dir).WithoutTimings().WriteJSON(&numbers); err != nil {
		t.Fatal(err)
	}
	out["report.json"] = numbers.String()
	rows, err := csv.NewReader(bytes.NewReader(read(t, dir, "report.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := slices.Index(rows[0], "seconds")
	for _, row := range rows {
		out["report.csv"] += strings.Join(slices.Delete(row, column, column+1), ",") + "\n"
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".h5" {
			name, _ := filepath.Rel(dir, path)
			out[name] = string(read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A sweep that was killed and goes on ends as one that was left alone, and does not do again what was done.
func TestValidateResumes(t *testing.T) {
	scans, whole, broken := volumes(t, 10), t.TempDir(), t.TempDir()
	args := []string{"validate", scans, "--accel", "2,4", "--acs", "0.1,0.08", "--method", "zero-filled", "--method", "tv", "--jobs", "2", "-o"}
	closer(t, append(args, whole)...)

	cmd := exec.Command(binary, append(args, broken)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	units := func() []string {
		found, err := filepath.Glob(filepath.Join(broken, "units", "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for start := time.Now(); len(units()) < 5 && time.Since(start) < time.Minute; time.Sleep(time.Millisecond) {
	}
	cmd.Process.Kill()
	cmd.Wait()
	finished := units()
	if len(finished) < 5 || len(finished) >= 20 {
		t.Fatalf("killed with %d of 20 units finished", len(finished))
	}
	if _, err := os.Stat(filepath.Join(broken, "report.json")); err == nil {
		t.Fatal("there is a report of a sweep that was killed")
	}
	modified := map[string]time.Time{}
	for _, path := range finished {
		modified[path] = stat(t, path).ModTime()
	}
	leftover := filepath.Join(broken, "scanner-grid", "accel-2", "tv", "reconstructions", ".closer-1.h5.tmp")
	if err := os.WriteFile(leftover, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closer(t, append(args, broken)...)
	if _, err := os.Stat(leftover); err == nil {
		t.Error("half a file is still among the reconstructions")
	}
	for path, then := range modified {
		if !stat(t, path).ModTime().Equal(then) {
			t.Errorf("%s was done again", filepath.Base(path))
		}
	}
	want, got := content(t, whole), content(t, broken)
	if len(want) != 2+10*2*2 || len(got) != len(want) {
		t.Errorf("%d files, and %d after the kill", len(want), len(got))
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s differs", name)
		}
	}
	v := readValidation(t, whole)
	if len(v.Units) != 20 || len(v.Groups) != 4 || v.Groups[0].Volumes != 10 || v.Groups[0].PSNR.Mean <= v.Groups[2].PSNR.Mean {
		t.Errorf("%d units, groups %+v", len(v.Units), v.Groups)
	}
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// Masks by file name are fastMRI's; both challenges and both protocols get rows of their own; what cannot be read is told and does
// not stop the rest; only the acquisitions asked for count.
func TestValidateOfAMixture(t *testing.T) {
	scans, out := volumes(t, 2), t.TempDir()
	closer(t, "phantom", "-o", filepath.Join(scans, "coils.h5"), "--matrix", "64", "--slices", "1", "--coils", "4", "--contrast", "t1")
	if err := os.WriteFile(filepath.Join(scans, "broken.h5"), []byte("not HDF5"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"validate", scans, "-o", out, "--accel", "4", "--mask", kspace.Random, "--mask-seed", "file",
		"--protocol", "scanner-grid,score-mri-320", "--slices", "0:1", "--method", "zero-filled"}
	_, stderr, err := try(args...)
	if err == nil || !strings.Contains(stderr, "broken.h5") {
		t.Errorf("a broken file passed in silence: %s", stderr)
	}
	v := readValidation(t, out)
	if len(v.Failures) != 1 || v.Failures[0].File != "broken.h5" || len(v.Units) != 6 || v.MaskSeed != "file" {
		t.Fatalf("%d units, failures %+v", len(v.Units), v.Failures)
	}
	counted := map[string]int{}
	for _, g := range v.Groups {
		if g.Acquisition == "" {
			counted[fmt.Sprint(g.Protocol, g.Reference)] += g.Volumes
		}
	}
	if len(counted) != 4 || counted["scanner-gridreconstruction_esc"] != 2 || counted["score-mri-320reconstruction_rss"] != 1 {
		t.Errorf("volumes: %v", counted)
	}
	for _, u := range v.Units {
		var key []uint32
		for _, c := range u.File {
			key = append(key, uint32(c))
		}
		m := u.Report.Mask
		want, err := kspace.Undersampling{Kind: kspace.Random, Accel: 4, ACS: 0.08, Key: key}.Mask(m.Width)
		if err != nil {
			t.Fatal(err)
		}
		for i, on := range want {
			if on != (m.Columns[i/8]>>(7-i%8)&1 == 1) {
				t.Fatalf("%s: column %d of its mask is not fastMRI's", u.File, i)
			}
		}
	}
	only := t.TempDir()
	closer(t, "validate", filepath.Join(scans, "nested"), filepath.Join(scans, "coils.h5"), "-o", only, "--acquisition", v.Units[0].Report.Input.Acquisition, "--method", "zero-filled")
	if got := readValidation(t, only); len(got.Units) != 1 || got.Units[0].File != "coils.h5" {
		t.Errorf("%d units of one acquisition", len(got.Units))
	}
}

// What is wrong with the request is told before anything is done.
func TestValidateRefuses(t *testing.T) {
	scans := volumes(t, 1)
	for want, args := range map[string][]string{
		"ACS fractions":   {scans, "--accel", "2,4,6", "--acs", "0.1,0.08"},
		"mask seed":       {scans, "--mask-seed", "name"},
		"unknown method":  {scans, "--method", "magic"},
		"no .h5 file":     {t.TempDir()},
		"does not exist":  {filepath.Join(scans, "missing")},
		"are named":       {scans, volumes(t, 1)},
		"too few":         {scans, "--jobs", "0"},
		"protocol":        {scans, "--protocol", "other"},
		"acceleration 0 ": {scans, "--accel", "0"},
		"acceleration 4 ": {scans, "--accel", "2,4,4"},
	} {
		_, stderr, err := try(append([]string{"validate", "-o", t.TempDir()}, args...)...)
		if err == nil || !strings.Contains(stderr, want) {
			t.Errorf("%v: %q does not say %q", args[1:], stderr, want)
		}
	}
}

// fastMRI's own evaluate.py, over our submission files, prints the means and deviations of our report.
func TestValidateAgreesWithFastMRI(t *testing.T) {
	python := os.Getenv("CLOSER_PYTHON")
	if exec.Command(python, "-c", "import h5py, runstats, skimage, importlib.util as u; assert u.find_spec('fastmri')").Run() != nil {
		t.Skip("CLOSER_PYTHON names no Python with fastmri, runstats, h5py and scikit-image; make test installs one")
	}
	for challenge, coils := range map[string]string{"singlecoil": "1", "multicoil": "4"} {
		scans, out := volumes(t, 4, "--coils", coils), t.TempDir()
		targets := filepath.Join(scans, "nested")
		closer(t, "phantom", "-o", filepath.Join(targets, "one_slice.h5"), "--matrix", "96", "--slices", "1", "--coils", coils)
		closer(t, "validate", targets, "-o", out, "--accel", "4", "--method", "zero-filled")
		g := readValidation(t, out).Groups[0]
		predictions := filepath.Join(out, "scanner-grid", "accel-4", "zero-filled", "reconstructions")
		printed, err := exec.Command(python, "../../recon/testdata/fastmri_evaluate.py", targets, predictions, challenge).Output()
		if err != nil {
			t.Fatalf("fastmri_evaluate.py: %v", err)
		}
		var want struct{ PSNR, SSIM, NMSE recon.MeanStd }
		if err := json.Unmarshal(printed, &want); err != nil {
			t.Fatal(err)
		}
		if g.Volumes != 5 {
			t.Errorf("%d volumes of 5", g.Volumes)
		}
		for metric, pair := range map[string][2]recon.MeanStd{"PSNR": {g.PSNR, want.PSNR}, "SSIM": {g.SSIM, want.SSIM}, "NMSE": {g.NMSE, want.NMSE}} {
			got, want := pair[0], pair[1]
			if math.Abs(float64(got.Mean-want.Mean)) > 1e-5*math.Abs(float64(want.Mean)) || math.Abs(float64(got.TwoStd-want.TwoStd)) > 1e-4*float64(want.TwoStd) {
				t.Errorf("%s %s: %v ± %v, fastMRI says %v ± %v", challenge, metric, got.Mean, got.TwoStd, want.Mean, want.TwoStd)
			}
		}
	}
}

// The stand-alone script gets from a running server what closer validate computes here, and names what the server refuses.
func TestValidateThroughAServer(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	scans, out := volumes(t, 3), t.TempDir()
	args := []string{"--accel", "2,4", "--acs", "0.1,0.08", "--method", "zero-filled", "--method", "tv"}
	want := closer(t, append([]string{"validate", scans, "-o", out, "--held-out", "0.1"}, args...)...)
	if err := os.WriteFile(filepath.Join(scans, "broken.h5"), []byte("not HDF5"), 0o600); err != nil {
		t.Fatal(err)
	}
	linked := t.TempDir() // the script follows links, as closer validate does
	if err := os.Symlink(scans, filepath.Join(linked, "scans")); err != nil {
		t.Fatal(err)
	}
	_, address := serving(t, t.TempDir())
	cmd := exec.Command("python3", append([]string{"../../doc/validate_fastmri.py", linked, "--to", "http://" + address, "--set", "held-out=0.1"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	got, err := cmd.Output()
	if err == nil || strings.Count(stderr.String(), "broken.h5") != 2 {
		t.Errorf("a broken file passed in silence: %s", &stderr)
	}
	if a, b := means(string(got)), means(want); len(a) != 4 || strings.Count(a[0], "±") != 4 || !slices.Equal(a, b) {
		t.Errorf("the script prints\n%s\ncloser validate\n%s\n%s", got, want, &stderr)
	}
	// Volumes of another acquisition do not count, whether or not this Python has h5py.
	none, err := exec.Command("python3", "../../doc/validate_fastmri.py", filepath.Join(scans, "nested"), "--to", "http://"+address, "--method", "zero-filled", "--acquisition", "AXT1").CombinedOutput()
	if err == nil || len(means(string(none))) != 0 || !strings.Contains(string(none), "none of the volumes is of acquisition AXT1") {
		t.Errorf("of another acquisition: %v\n%s", err, none)
	}
	if out, err := exec.Command("python3", "../../doc/validate_fastmri.py", scans, "--to", "http://127.0.0.1:1").CombinedOutput(); err == nil || !strings.HasPrefix(string(out), "no server answers") {
		t.Errorf("without a server: %v\n%s", err, out)
	}
	// So does closer push, volume by volume.
	for _, u := range readValidation(t, out).Units {
		if u.Accel != 4 {
			continue
		}
		pushed := t.TempDir()
		closer(t, "push", find(t, scans, u.File), "--to", "http://"+address, "-o", pushed, "--accel", "4", "--acs", "0.08", "--held-out", "0.1", "--method", "zero-filled", "--method", "tv")
		for i, m := range readReport(t, pushed).Methods {
			if w := u.Report.Methods[i]; m.Name != w.Name || *m.Volume != *w.Volume {
				t.Errorf("%s, %s: pushed %+v, validated %s %+v", u.File, m.Name, *m.Volume, w.Name, *w.Volume)
			}
		}
	}
}

// find returns the file of that base name below dir.
func find(t *testing.T, dir, base string) (path string) {
	t.Helper()
	filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Base(p) == base {
			path = p
		}
		return err
	})
	return path
}

// means are the rows of a printed table: acceleration, method and metrics, without the time.
func means(table string) (rows []string) {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		i := slices.Index(f, "±")
		if i < 3 || len(f) < i+8 {
			continue
		}
		rows = append(rows, strings.Join(append([]string{f[0], f[i-3]}, f[i-2:len(f)-1]...), " "))
	}
	return rows
}

// A file that was undersampled on the scanner is reconstructed once, whatever accelerations are asked for, and has images, and a held-out
// error but no other metric.
func TestValidateOfAnUndersampledFile(t *testing.T) {
	scans := "../../../shared/data/fastmri/multicoil_test"
	if _, err := os.Stat(scans); err != nil {
		t.Skip("the shared data are not here: ", err)
	}
	out := t.TempDir()
	for range 2 {
		printed := closer(t, "validate", scans, "-o", out, "--accel", "2,4", "--slices", "0:1", "--method", "zero-filled", "--held-out", "0.05")
		v := readValidation(t, out)
		if len(v.Units) != 1 || v.Units[0].Accel != 0 || len(v.Groups) != 1 || len(v.Failures) != 0 {
			t.Fatalf("%d units, %d groups, failures %v", len(v.Units), len(v.Groups), v.Failures)
		}
		if e := v.Groups[0].HeldOutError; v.Groups[0].Volumes != 1 || v.Groups[0].PSNR.Mean.Finite() || !(e.Mean > 0.5 && e.Mean < 1) || !strings.Contains(printed, e.String()) {
			t.Errorf("held-out error %v of %+v, printed\n%s", e, v.Groups[0], printed)
		}
	}
	found, err := filepath.Glob(filepath.Join(out, "*", "*", "zero-filled", "reconstructions", "*"))
	if err != nil || len(found) != 1 || !strings.Contains(found[0], filepath.Join("acquired", "zero-filled")) {
		t.Errorf("images: %v %v", found, err)
	}
}

// A sweep that goes back to an earlier recipe leaves the images of that recipe, and images that were lost are made again.
func TestValidateKeepsImagesAndReportTogether(t *testing.T) {
	scans, out := volumes(t, 1), t.TempDir()
	images := filepath.Join(out, "scanner-grid", "accel-4", "zero-filled", "reconstructions", "file0000.h5")
	sweep := func(mask string) string {
		closer(t, "validate", scans, "-o", out, "--mask", mask, "--method", "zero-filled")
		return string(read(t, images))
	}
	first := sweep(kspace.Gaussian1D)
	if sweep(kspace.Equispaced) == first {
		t.Fatal("two masks give the same images")
	}
	if sweep(kspace.Gaussian1D) != first {
		t.Error("the images are those of another mask than the report")
	}
	if err := os.Remove(images); err != nil {
		t.Fatal(err)
	}
	if sweep(kspace.Gaussian1D) != first {
		t.Error("the images that were lost are not those of the first run")
	}
	done := stat(t, images).ModTime()
	if sweep(kspace.Gaussian1D); !stat(t, images).ModTime().Equal(done) {
		t.Error("images that were there were made again")
	}
}

// Volumes are found through links to folders and files, each once, also where links lead in circles; a link to nothing is told.
func TestValidateFollowsLinks(t *testing.T) {
	scans, elsewhere, links := volumes(t, 2), t.TempDir(), t.TempDir()
	other, root, file := filepath.Join(elsewhere, "other.h5"), filepath.Join(links, "root"), filepath.Join(links, "other.h5")
	closer(t, "phantom", "-o", other, "--matrix", "64", "--slices", "1")
	link := func(path, target string) {
		t.Helper()
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	link(root, scans)
	link(file, other)
	inside := filepath.Join(scans, "nested")
	link(filepath.Join(inside, "more"), elsewhere)
	link(filepath.Join(inside, "circle"), scans)
	link(filepath.Join(inside, "itself"), ".")
	for _, paths := range [][]string{{root}, {root, scans, file, elsewhere}} {
		out := t.TempDir()
		closer(t, append([]string{"validate", "-o", out, "--method", "zero-filled"}, paths...)...)
		if v := readValidation(t, out); len(v.Units) != 3 || len(v.Failures) != 0 {
			t.Errorf("%d volumes of 3 below %v", len(v.Units), paths)
		}
	}
	link(filepath.Join(links, "lost"), filepath.Join(elsewhere, "gone"))
	if _, stderr, err := try("validate", links, "-o", t.TempDir(), "--method", "zero-filled"); err == nil || !strings.Contains(stderr, "lost leads nowhere") {
		t.Errorf("a link to nothing: %v: %s", err, stderr)
	}
}

// Without a mask there is one result, of no acceleration, whatever accelerations are asked for.
func TestValidateWithoutAMask(t *testing.T) {
	out := t.TempDir()
	printed := closer(t, "validate", volumes(t, 1), "-o", out, "--mask", "none", "--accel", "2,4", "--method", "zero-filled")
	v := readValidation(t, out)
	if len(v.Units) != 1 || v.Units[0].Accel != 0 || len(v.Groups) != 1 || len(v.Failures) != 0 {
		t.Errorf("%d units, the first of acceleration %v, %d groups, failures %v", len(v.Units), v.Units[0].Accel, len(v.Groups), v.Failures)
	}
	if rows := means(printed); len(rows) != 1 || !strings.HasPrefix(rows[0], "acquired ") {
		t.Errorf("printed\n%s", printed)
	}
}

// What makes the means others than they seem is said: scans that are there twice, images of other sweeps among those of a submission, and
// that nothing counts.
func TestValidateSaysWhatCounts(t *testing.T) {
	scans, out := volumes(t, 2), t.TempDir()
	sweep := func(args ...string) string {
		return closer(t, append([]string{"validate", scans, "-o", out, "--method", "zero-filled"}, args...)...)
	}
	if printed := sweep(); strings.Contains(printed, "as often") || strings.Contains(printed, "not of this sweep") {
		t.Errorf("two scans:\n%s", printed)
	}
	first, second := filepath.Join(scans, "nested", "file0000.h5"), filepath.Join(scans, "nested", "file0001.h5")
	if err := os.WriteFile(filepath.Join(scans, "copy.h5"), read(t, first), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	printed := sweep("--mask-seed", "1")
	if !strings.Contains(printed, "counts as often: copy.h5, file0000.h5\n") || !strings.Contains(string(read(t, out, "report.html")), "<code>copy.h5, file0000.h5</code>") {
		t.Errorf("a scan twice:\n%s", printed)
	}
	if stale := filepath.Join(out, "scanner-grid", "accel-4", "zero-filled", "reconstructions", "file0001.h5"); !strings.Contains(printed, stale+" is not of this sweep") {
		t.Errorf("an image of another sweep:\n%s", printed)
	}
	if _, stderr, err := try("validate", scans, "-o", t.TempDir(), "--acquisition", "AXT1,AXFLAIR"); err == nil || !strings.Contains(stderr, "none of the volumes is of acquisition AXT1 or AXFLAIR") {
		t.Errorf("another acquisition: %v: %s", err, stderr)
	}
	if err := os.Truncate(first, 100); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err := try("validate", first, "-o", t.TempDir(), "--method", "zero-filled")
	if err == nil || !strings.Contains(stdout, "no volume was reconstructed") || !strings.HasSuffix(stderr, "1 reconstruction failed and is missing from the numbers; the report says why\n") {
		t.Errorf("a broken file: %v\n%s%s", err, stdout, stderr)
	}
}

// Each of the folders has to have a volume: one that is mistyped is not passed over.
func TestValidateRefusesAnEmptyFolder(t *testing.T) {
	scans, empty := volumes(t, 1), t.TempDir()
	command := exec.Command(binary, "validate", scans, empty, "-o", t.TempDir(), "--method", "zero-filled")
	if out, err := command.CombinedOutput(); err == nil || !strings.Contains(string(out), "no .h5 file below "+empty) {
		t.Errorf("%v: %s", err, out)
	}
}
