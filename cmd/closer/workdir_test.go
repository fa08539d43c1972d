package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWorkDirOfDeadWorkers: what a killed worker left goes when the next one begins; that of one that lives, and what is another
// program's, stays.
func TestWorkDirOfDeadWorkers(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	alive, remove, err := newWorkDir()
	if err != nil {
		t.Fatal(err)
	}
	dead, foreign := filepath.Join(os.TempDir(), workDirs+"1"), filepath.Join(os.TempDir(), "other-1")
	for _, dir := range []string{alive, dead, foreign} {
		if err := os.MkdirAll(filepath.Join(dir, "job"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "job", "input"), []byte("a patient"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, removeNext, err := newWorkDir()
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{alive: true, dead: false, foreign: true} {
		if _, err := os.Stat(filepath.Join(dir, "job", "input")); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %v", filepath.Base(dir), err, want)
		}
	}
	remove()
	removeNext()
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), workDirs+"*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestPlantedWorkDir: a name that another user planted where everybody may make one leads to no file of ours being made elsewhere.
func TestPlantedWorkDir(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	elsewhere := t.TempDir()
	planted := filepath.Join(os.TempDir(), workDirs+"planted")
	if err := os.Mkdir(planted, 0o777); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{planted + "2": elsewhere, filepath.Join(planted, "lock"): filepath.Join(elsewhere, "nologin")} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	_, remove, err := newWorkDir()
	if err != nil {
		t.Fatal(err)
	}
	remove()
	if made, err := os.ReadDir(elsewhere); err != nil || len(made) > 0 {
		t.Errorf("elsewhere there is %v, %v", made, err)
	}
}
