package store_test

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

// anyDisk lets the tests run where little is free.
var anyDisk = store.BlobOptions{MinFreeBytes: -1}

func openBlobs(t *testing.T, place string, opts store.BlobOptions) store.Blobs {
	t.Helper()
	b, err := opts.Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestDirectoryBlobs(t *testing.T) {
	t.Parallel()
	testkit.BlobSuite(t, func(t *testing.T) func() recon.Blobs {
		root := t.TempDir()
		return func() recon.Blobs { return openBlobs(t, "file://"+root, anyDisk) }
	})
}

func TestDirectoryKeepsNothingTemporary(t *testing.T) {
	root := t.TempDir()
	b := openBlobs(t, root, anyDisk)
	data := []byte("content")
	for range 2 {
		if _, err := b.Put(t.Context(), bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if err := b.PutPiece(t.Context(), "job/piece", data); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Put(t.Context(), io.LimitReader(failing{}, 1)); err == nil {
		t.Error("put of a broken reader succeeded")
	}
	if err := b.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(filepath.Join(root, "tmp")); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	// what a crash leaves goes when the store is opened a day later, what is being written stays
	for name, age := range map[string]time.Duration{"put-crashed": 25 * time.Hour, "put-current": time.Hour} {
		name = filepath.Join(root, "tmp", name)
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	openBlobs(t, root, anyDisk)
	if entries, err := os.ReadDir(filepath.Join(root, "tmp")); err != nil || len(entries) != 1 || entries[0].Name() != "put-current" {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// A file that becomes the store's own is read by nobody else.
func TestDirectoryKeepsFilesToItself(t *testing.T) {
	root, path := t.TempDir(), filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	blob, err := openBlobs(t, root, anyDisk).PutFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(root, "sha256", blob.SHA256[:2], blob.SHA256))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if entries, err := os.ReadDir(filepath.Join(root, "tmp")); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// A file of another file system is copied.
func TestDirectoryTakesFilesFromElsewhere(t *testing.T) {
	elsewhere, err := os.MkdirTemp("/dev/shm", "closer-")
	if err != nil {
		t.Skip("there is no other file system at /dev/shm")
	}
	t.Cleanup(func() { os.RemoveAll(elsewhere) })
	path := filepath.Join(elsewhere, "file")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	b := openBlobs(t, root, anyDisk)
	blob, err := b.PutFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Open(t.Context(), blob.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if data, err := io.ReadAll(r); err != nil || string(data) != "content" {
		t.Errorf("read %q, %v", data, err)
	}
	if entries, err := os.ReadDir(filepath.Join(root, "tmp")); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// A directory that goes away while content is written, as one that is unmounted, is said to be gone, and none is made in its place.
func TestDirectoryGoneWhileItIsWrittenTo(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	b := openBlobs(t, root, anyDisk)
	content := io.MultiReader(strings.NewReader("content"), leaving(func() error { return os.Rename(root, root+".away") }))
	if _, err := b.Put(t.Context(), content); recon.CodeOf(err) != recon.Unavailable || !strings.Contains(err.Error(), "the directory for files is gone") {
		t.Error(err)
	}
	if _, err := os.Stat(root); !os.IsNotExist(err) {
		t.Errorf("a directory was made where none is mounted: %v", err)
	}
}

// leaving does something at the end of what is read.
type leaving func() error

func (l leaving) Read([]byte) (int, error) { return 0, cmp.Or(l(), io.EOF) }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, os.ErrClosed }

func TestDamagedContentIsNoticed(t *testing.T) {
	root := t.TempDir()
	b := openBlobs(t, root, anyDisk)
	data := bytes.Repeat([]byte("content"), 1000)
	blob, err := b.Put(t.Context(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "sha256", blob.SHA256[:2], blob.SHA256)
	for name, damage := range map[string]func([]byte) []byte{
		"flipped":   func(d []byte) []byte { d[3000] ^= 1; return d },
		"truncated": func(d []byte) []byte { return d[:3000] },
		"longer":    func(d []byte) []byte { return append(d, 0) },
		"emptied":   func(d []byte) []byte { return nil },
	} {
		if err := os.WriteFile(file, damage(bytes.Clone(data)), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := b.Open(t.Context(), blob.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); recon.CodeOf(err) != recon.Internal {
			t.Errorf("%s content gave %v", name, err)
		}
		r.Close()
	}
	if _, err := b.Put(t.Context(), bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	r, err := b.Open(t.Context(), blob.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("storing the content again did not repair it: %v", err)
	}
}

func TestFullDiskIsNotReady(t *testing.T) {
	for name, opts := range map[string]store.BlobOptions{
		"bytes":   {MinFreeBytes: 1 << 60},
		"percent": {MinFreePercent: 100.5},
	} {
		for _, place := range []string{t.TempDir(), "mem://"} {
			if err := openBlobs(t, place, opts).Ready(t.Context()); recon.CodeOf(err) != recon.Unavailable {
				t.Errorf("%s at %s: %v", name, place, err)
			}
		}
	}
	if err := openBlobs(t, t.TempDir(), store.BlobOptions{MinFreeBytes: 1, MinFreePercent: 0.001}).Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPlacesThatAreNone(t *testing.T) {
	for _, place := range []string{"", "ftp://host/x", "file://host/x", "s3://", "gs://bucket"} {
		if _, err := store.OpenBlobs(t.Context(), place); recon.CodeOf(err) != recon.Invalid {
			t.Errorf("%q: %v", place, err)
		}
	}
}

// Content that is touched is as new as that: a sweep for what was old before leaves it alone.
func TestTouchedContentIsNew(t *testing.T) {
	root := t.TempDir()
	b := openBlobs(t, root, anyDisk)
	var touched recon.Blob
	for _, content := range []string{"left", "touched"} {
		blob, err := b.Put(t.Context(), strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-2 * recon.OrphanAge)
		if err := os.Chtimes(filepath.Join(root, "sha256", blob.SHA256[:2], blob.SHA256), old, old); err != nil {
			t.Fatal(err)
		}
		touched = blob
	}
	if err := b.Touch(t.Context(), touched.SHA256); err != nil {
		t.Fatal(err)
	}
	none := func(string) bool { return false }
	if swept, err := b.Sweep(t.Context(), time.Now().Add(-recon.OrphanAge), none, none); err != nil || swept.Contents != 1 {
		t.Errorf("swept %+v, %v; want the one that was left alone", swept, err)
	}
	if r, err := b.Open(t.Context(), touched.SHA256); err != nil {
		t.Errorf("touched content was swept: %v", err)
	} else {
		r.Close()
	}
}

// What is put or touched after a sweep has seen how old it is stays.
func TestSweepLooksAgain(t *testing.T) {
	root := t.TempDir()
	b := openBlobs(t, root, anyDisk)
	data := []byte("content")
	put := func() recon.Blob {
		blob, err := b.Put(t.Context(), bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return blob
	}
	name := put().SHA256
	file := filepath.Join(root, "sha256", name[:2], name)
	for what, renew := range map[string]func(){
		"put":     func() { put() },
		"touched": func() { _ = b.Touch(t.Context(), name) },
		"neither": func() {},
	} {
		long := time.Now().Add(-10 * recon.OrphanAge)
		if err := os.Chtimes(file, long, long); err != nil {
			t.Fatal(err)
		}
		asked := false
		swept, err := b.Sweep(t.Context(), time.Now().Add(-recon.OrphanAge), func(string) bool {
			if !asked {
				renew()
			}
			asked = true
			return false
		}, nil)
		_, gone := os.Stat(file)
		if want := what == "neither"; err != nil || (swept.Contents == 1) != want || (gone != nil) != want {
			t.Errorf("content that was %s meanwhile: %+v, %v, then %v", what, swept, err, gone)
		}
		put()
	}
	if entries, err := os.ReadDir(filepath.Join(root, "tmp")); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
