package intake_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/internal/intake"
	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
)

// instance writes a file with the UIDs of an instance and nothing else.
func instance(t *testing.T, series, uid, more string) string {
	t.Helper()
	file := append(make([]byte, 128), "DICM\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00"...)
	for _, e := range []struct{ tag, value string }{
		{"\x08\x00\x16\x00UI", "1.2.840.10008.5.1.4.1.1.4"}, {"\x08\x00\x18\x00UI", uid}, {"\x08\x00\x70\x00LO", more},
		{"\x20\x00\x0d\x00UI", "1.2"}, {"\x20\x00\x0e\x00UI", series},
	} {
		if len(e.value)%2 == 1 {
			e.value += " "
		}
		file = append(append(file, e.tag...), byte(len(e.value)), 0)
		file = append(file, e.value...)
	}
	path := filepath.Join(t.TempDir(), "instance")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type bench struct {
	*intake.Intake
	config    intake.Config
	inspected func(path string) error
}

func newBench(t *testing.T) *bench {
	t.Helper()
	blobs, err := store.OpenBlobs(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{inspected: func(string) error { return nil }}
	b.config = intake.Config{
		Queue: store.NewMemory(store.Options{}), Blobs: blobs, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
		Inspect: func(_ context.Context, path string) error { return b.inspected(path) },
	}
	b.restart(t)
	return b
}

// restart is what a crash leaves: the directory.
func (b *bench) restart(t *testing.T) {
	t.Helper()
	var err error
	if b.Intake, err = intake.New(b.config); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) hold(t *testing.T, path string, want recon.Code, instances int) string {
	t.Helper()
	held, err := b.Hold(t.Context(), path)
	if recon.CodeOf(err) != want || held.Instances != instances {
		t.Fatalf("%d instances, %v; want %d, %q", held.Instances, err, instances, want)
	}
	return held.Scan
}

func (b *bench) commit(t *testing.T, scan string, instances int, want recon.Code) recon.Job {
	t.Helper()
	job, _, err := b.Commit(t.Context(), scan, instances, recon.DefaultRecipe())
	if recon.CodeOf(err) != want {
		t.Fatalf("%v, want %q", err, want)
	}
	return job
}

// A series may come in any order, twice, and over restarts; it is one input when it is committed, and takes nothing afterwards.
func TestSeriesIsHeldUntilItIsCommitted(t *testing.T) {
	b := newBench(t)
	first, second, third := instance(t, "1.2.3", "1.2.3.1", ""), instance(t, "1.2.3", "1.2.3.2", ""), instance(t, "1.2.3", "1.2.3.3", "")
	other := instance(t, "1.2.4", "1.2.4.1", "")
	scan := b.hold(t, second, "", 1)
	b.hold(t, first, "", 2)
	b.hold(t, second, "", 2)
	b.hold(t, instance(t, "1.2.3", "1.2.3.2", "changed"), recon.Conflict, 2)
	if again := b.hold(t, other, "", 1); again == scan {
		t.Fatal("another series is the same scan")
	}
	b.restart(t)
	b.commit(t, scan, 3, recon.Conflict)
	b.hold(t, third, "", 3)
	job := b.commit(t, scan, 3, "")
	if held, err := b.Held(t.Context(), scan); err != nil || held.Instances != 3 || held.Input != job.Input {
		t.Fatalf("%+v, %v", held, err)
	}
	b.restart(t)
	if again := b.commit(t, scan, 0, ""); again.ID != job.ID {
		t.Errorf("committed again: %+v, not %+v", again, job)
	}
	if other, created, err := b.Commit(t.Context(), scan, 3, recon.Recipe{Accel: 2}); err != nil || !created || other.Input != job.Input {
		t.Errorf("committed with another recipe: %+v, %v, %v", other, created, err)
	}
	for _, member := range []string{first, second, third} {
		b.hold(t, member, "", 3) // it is in there
	}
	b.hold(t, instance(t, "1.2.3", "1.2.3.1", "changed"), recon.Conflict, 3)
	b.hold(t, instance(t, "1.2.3", "1.2.3.4", ""), recon.Conflict, 3)
	b.commit(t, scan, 4, recon.Conflict)
	if err := b.Discard(t.Context(), scan); recon.CodeOf(err) != recon.Conflict {
		t.Errorf("discarded: %v", err)
	}

	// What comes in one request is the same input.
	var objects []dicomio.Object
	for _, path := range []string{third, first, second} {
		o, err := dicomio.Identify(path)
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	scans, errs := b.Store(t.Context(), objects)
	if err := errors.Join(errs...); err != nil || scans[0] != job.Scan {
		t.Errorf("in one request it is scan %v, %v", scans, err)
	}
	if left, err := filepath.Glob(filepath.Join(b.config.Dir, scan, "*")); err != nil || len(left) != 1 {
		t.Errorf("%q are left", left)
	}
}

// The answer to an instance is what is held then: the scan came when its first instance came.
func TestAnswerIsWhatIsHeld(t *testing.T) {
	b := newBench(t)
	var received time.Time
	for i, uid := range []string{"1.2.3.1", "1.2.3.2", "1.2.3.1"} {
		answer, err := b.Hold(t.Context(), instance(t, "1.2.3", uid, ""))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			received = answer.Received
		}
		held, err := b.Held(t.Context(), answer.Scan)
		if err != nil || answer != held || answer.Received != received || time.Since(received).Abs() > time.Hour {
			t.Errorf("the answer to instance %d is %+v; held is %+v, %v", i+1, answer, held, err)
		}
	}
}

// A series that is no volume stays open, so that what is wrong with it can be mended.
func TestCommitOfWhatIsNoVolume(t *testing.T) {
	b := newBench(t)
	scan := b.hold(t, instance(t, "1.2.3", "1.2.3.1", ""), "", 1)
	b.inspected = func(string) error { return recon.Errorf(recon.Invalid, "the images lie in different planes") }
	b.commit(t, scan, 0, recon.Invalid)
	b.hold(t, instance(t, "1.2.3", "1.2.3.2", ""), "", 2)
	b.inspected = func(path string) error {
		_, err := os.Stat(path)
		return err
	}
	b.commit(t, scan, 2, "")
}

// filling is a queue that another sender fills when it has just said that it takes jobs.
type filling struct{ recon.Queue }

func (filling) Ready(context.Context) error { return nil }

// A commit that the queue has no room for changes nothing: the scan is open, and becomes another one or none at all.
func TestCommitIsRefused(t *testing.T) {
	for name, filled := range map[string]func(full recon.Queue) recon.Queue{
		"before the scan is closed": func(full recon.Queue) recon.Queue { return full },
		"after it":                  func(full recon.Queue) recon.Queue { return filling{full} },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			free, full := b.config.Queue, store.NewMemory(store.Options{MaxQueued: 1})
			b.queueing(t, full)
			b.commit(t, b.hold(t, instance(t, "1.2.9", "1.2.9.1", ""), "", 1), 1, "")
			b.queueing(t, filled(full))
			scan := b.hold(t, instance(t, "1.2.3", "1.2.3.1", ""), "", 1)
			before, err := b.Held(t.Context(), scan)
			if err != nil {
				t.Fatal(err)
			}
			b.commit(t, scan, 1, recon.Busy)
			if after, err := b.Held(t.Context(), scan); err != nil || after.Committed() || after.Instances != 1 || after.Size != before.Size {
				t.Fatalf("%+v, %v; it was %+v", after, err, before)
			}
			b.hold(t, instance(t, "1.2.3", "1.2.3.2", ""), "", 2)
			b.commit(t, scan, 2, recon.Busy)
			if err := b.Discard(t.Context(), scan); err != nil {
				t.Fatal(err)
			}
			b.hold(t, instance(t, "1.2.3", "1.2.3.3", ""), "", 1)
			b.commit(t, scan, 1, recon.Busy)
			b.queueing(t, free)
			b.wantInput(t, b.commit(t, scan, 1, ""))
		})
	}
}

// An input that is one file is that file, and a failure on the way to its job loses nothing.
func TestCommitGoesOnAfterACrash(t *testing.T) {
	b := newBench(t)
	path := instance(t, "1.2.3", "1.2.3.1", "")
	scan := b.hold(t, path, "", 1)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	record := filepath.Join(b.config.Dir, scan, "committed.json")
	if err := os.Mkdir(record, 0o700); err != nil { // stands in its way, as a full disk would
		t.Fatal(err)
	}
	b.commit(t, scan, 0, recon.Internal)
	if err := os.Remove(record); err != nil {
		t.Fatal(err)
	}
	b.restart(t)
	// The queue goes away after the record is there; meanwhile the content that no job names may be swept from the blob store.
	queue := b.config.Queue
	b.queueing(t, silent{queue})
	b.commit(t, scan, 0, recon.Unavailable)
	if err := b.config.Blobs.Delete(t.Context(), hex.EncodeToString(sum[:])); err != nil {
		t.Fatal(err)
	}
	b.queueing(t, queue)
	job := b.commit(t, scan, 0, "")
	if job.Input.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("the input is %+v", job.Input)
	}
	r, err := b.config.Blobs.Open(t.Context(), job.Input.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if stored, err := io.ReadAll(r); err != nil || string(stored) != string(content) {
		t.Errorf("%d bytes are stored, %v", len(stored), err)
	}
}

// A committed scan is forgotten with its input; its sender may then send it again.
func TestCommittedScanExpires(t *testing.T) {
	b := newBench(t)
	path := instance(t, "1.2.3", "1.2.3.1", "")
	scan := b.hold(t, path, "", 1)
	held := b.commit(t, scan, 1, "")
	if err := b.config.Blobs.Delete(t.Context(), held.Input.SHA256); err != nil {
		t.Fatal(err)
	}
	b.commit(t, scan, 1, recon.NotFound)
	b.hold(t, path, "", 1)
	if again := b.commit(t, scan, 1, ""); again.Input != held.Input {
		t.Errorf("committed again: %+v, not %+v", again, held)
	}
}

// A series is forgotten when nothing came of it for long, and not when its input was deleted with its job.
func TestSweepAndDeletedInput(t *testing.T) {
	b := newBench(t)
	var log bytes.Buffer
	b.config.Log = slog.New(slog.NewTextHandler(&log, nil))
	b.restart(t)
	scan := b.hold(t, instance(t, "1.2.3", "1.2.3.1", ""), "", 1)
	if err := b.Sweep(time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	job := b.commit(t, scan, 1, "")
	if err := b.config.Blobs.Delete(t.Context(), job.Input.SHA256); err != nil {
		t.Fatal(err)
	}
	b.commit(t, scan, 1, recon.NotFound)
	if err := b.Sweep(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	b.hold(t, instance(t, "1.2.3", "1.2.3.2", ""), "", 1)
	if log.Len() > 0 {
		t.Errorf("the record of a scan that was committed is no scan that is forgotten: %s", log.String())
	}
	if err := b.Sweep(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "action=forget key=server scan="+scan) {
		t.Errorf("the log says %q", log.String())
	}
}

func TestDiscard(t *testing.T) {
	b := newBench(t)
	scan := b.hold(t, instance(t, "1.2.3", "1.2.3.1", ""), "", 1)
	if err := b.Discard(t.Context(), scan); err != nil {
		t.Fatal(err)
	}
	b.commit(t, scan, 0, recon.NotFound)
	b.hold(t, instance(t, "1.2.3", "1.2.3.1", "another"), "", 1)
	b.hold(t, filepath.Join(t.TempDir(), "none"), recon.Internal, 0)
	report := filepath.Join(t.TempDir(), "report")
	if err := os.WriteFile(report, []byte("no DICOM"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.hold(t, report, recon.Invalid, 0)
	b.hold(t, instance(t, "", "1.2.3.1", ""), recon.Invalid, 0)
}

// enormous writes an instance with so many zeros as pixels.
func enormous(t *testing.T, series, uid, more string, size uint32) string {
	t.Helper()
	path := instance(t, series, uid, more)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(binary.LittleEndian.AppendUint32([]byte("\xe0\x7f\x10\x00OW\x00\x00"), size)); err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err == nil {
		err = f.Truncate(info.Size() + int64(size))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Of instances of any size, and of as many as come at a time, next to nothing is in memory.
func TestInstancesAreNotInMemory(t *testing.T) {
	const size = 48 << 20
	b := newBench(t)
	first, second := enormous(t, "1.2.3", "1.2.3.1", "", size), enormous(t, "1.2.3", "1.2.3.2", "", size)
	changed := enormous(t, "1.2.3", "1.2.3.1", "changed", size)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	scan := b.hold(t, first, "", 1)
	b.hold(t, second, "", 2)
	b.hold(t, first, "", 2)
	b.hold(t, changed, recon.Conflict, 2)
	b.wantInput(t, b.commit(t, scan, 2, ""))
	b.hold(t, first, "", 2)
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > size/8 {
		t.Errorf("%d bytes were allocated", bytes)
	}
	b.hold(t, enormous(t, "1.2.3", "1.2.3.3", "", dicomio.MaxFile), recon.Invalid, 0)
}
