package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/closer-mri/closer/internal/durable"
)

// A file has its old bytes until Commit, then all of the new ones; nothing else remains, whether it is committed or discarded.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report")
	for _, test := range []struct {
		text   string
		commit bool
		want   string
	}{{"first", true, "first"}, {"lost", false, "first"}, {"second", true, "second"}} {
		f, err := durable.Create(path, ".tmp-*", 0o640)
		if err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(path)
		if _, err := f.WriteString(test.text); err != nil {
			t.Fatal(err)
		}
		if now, _ := os.ReadFile(path); string(now) != string(before) {
			t.Errorf("%q is visible before Commit", now)
		}
		if test.commit {
			if err := f.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		f.Discard()
		if got, err := os.ReadFile(path); err != nil || string(got) != test.want {
			t.Errorf("%q, %v; want %q", got, err, test.want)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("%v remain, %v", entries, err)
	}
	if err := durable.Sync(filepath.Dir(path)); err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent", "report")
	if _, err := durable.Create(absent, ".tmp-*", 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Create: %v", err)
	}
	if err := durable.Sync(absent); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Sync: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "directory")
	if err := os.MkdirAll(filepath.Join(dir, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := durable.Create(dir, ".tmp-*", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err == nil {
		t.Error("a file took the place of a directory")
	}
	f.Discard()
	if entries, _ := os.ReadDir(filepath.Dir(dir)); len(entries) != 1 {
		t.Errorf("%v remain", entries)
	}
}

func TestSHA256(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, B.1
	if sum, err := durable.SHA256(path); err != nil || sum != want {
		t.Errorf("%s, %v", sum, err)
	}
	if _, err := durable.SHA256(filepath.Dir(path)); err == nil {
		t.Error("a directory has a digest")
	}
}
