package intake

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/recon"
)

// abandoned is when a series that nobody committed, or the record of one that somebody did, is forgotten.
const abandoned = 7 * 24 * time.Hour

// The instances of a series are files in a directory of its own, named by the digest of their UID. Once the series is committed,
// there is a record in their place.
const (
	ending = ".dcm"
	record = "committed.json"
)

// Name is the name of the scan that a series is, from the moment its first instance comes until its content gives it another.
func Name(study, series string) string { return digest(study + "/" + series) }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

func (in *Intake) lock(scan string) *sync.Mutex {
	shard, _ := strconv.ParseUint(scan[:2], 16, 8)
	return &in.scans[shard%uint64(len(in.scans))]
}

// Hold implements recon.Intake.
func (in *Intake) Hold(ctx context.Context, path string) (recon.Held, error) {
	in.opening.Lock()
	o, err := dicomio.Identify(path)
	in.opening.Unlock()
	switch {
	case err != nil:
		return recon.Held{}, err
	case !o.Complete():
		return recon.Held{}, recon.Errorf(recon.Invalid, "the DICOM file lacks the UID of its class, study, series or instance")
	}
	return in.hold(ctx, o)
}

func (in *Intake) hold(ctx context.Context, o dicomio.Object) (recon.Held, error) {
	scan := Name(o.Study, o.Series)
	mu := in.lock(scan)
	mu.Lock()
	defer mu.Unlock()
	held, err := in.held(ctx, scan)
	switch {
	case recon.CodeOf(err) == recon.NotFound:
		in.sweep()
		err = os.RemoveAll(in.path(scan)) // the record of what is not stored any more
		err = cmp.Or(err, os.Mkdir(in.path(scan), 0o700))
		err = cmp.Or(err, durable.Sync(in.Dir))
	case err == nil && held.Committed():
		return held, recon.Errorf(recon.Conflict, "the series was committed with %d instances and takes no more", held.Instances)
	}
	if err != nil {
		return held, fmt.Errorf("hold an instance: %w", err)
	}
	size, err := keep(in.path(scan, digest(o.Instance)+ending), o.Path)
	if size > 0 {
		held.Instances++
		held.Size += size
	}
	return held, err
}

// keep copies a file to a path, durably, and returns its size; 0 when it was there already. Conflict when another is.
func keep(path, from string) (int64, error) {
	content, err := os.ReadFile(from)
	if err != nil {
		return 0, err
	}
	switch other, err := os.ReadFile(path); {
	case err == nil && bytes.Equal(other, content):
		return 0, nil
	case err == nil:
		return 0, recon.Errorf(recon.Conflict, "another instance of the same SOP Instance UID is held")
	case !errors.Is(err, fs.ErrNotExist):
		return 0, err
	}
	return int64(len(content)), durable.Write(path, content, 0o600)
}

// Held implements recon.Intake.
func (in *Intake) Held(ctx context.Context, scan string) (recon.Held, error) {
	return in.held(ctx, scan)
}

// held finds nothing of a scan that was committed when its input is not stored any more: its jobs have expired.
func (in *Intake) held(ctx context.Context, scan string) (recon.Held, error) {
	held := recon.Held{Scan: scan}
	if data, err := os.ReadFile(in.path(scan, record)); err == nil {
		if err := json.Unmarshal(data, &held); err != nil {
			return held, err
		}
		input, err := in.Blobs.Open(ctx, held.Input.SHA256)
		switch recon.CodeOf(err) {
		case "":
			return held, input.Close()
		case recon.NotFound:
			return recon.Held{Scan: scan}, noScan()
		default:
			return held, err
		}
	}
	entries, err := os.ReadDir(in.path(scan))
	if errors.Is(err, fs.ErrNotExist) {
		return held, noScan()
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || filepath.Ext(e.Name()) != ending {
			continue // a temporary file, perhaps of a crash
		}
		held.Instances++
		held.Size += info.Size()
		if held.Received.IsZero() || info.ModTime().Before(held.Received) {
			held.Received = info.ModTime().UTC()
		}
	}
	return held, err
}

func noScan() error { return recon.Errorf(recon.NotFound, "there is no scan of this name") }

// Commit implements recon.Intake.
func (in *Intake) Commit(ctx context.Context, scan string, instances int) (recon.Held, error) {
	mu := in.lock(scan)
	mu.Lock()
	defer mu.Unlock()
	held, err := in.held(ctx, scan)
	switch {
	case err != nil:
		return held, err
	case instances != 0 && instances != held.Instances:
		return held, recon.Errorf(recon.Conflict, "%d instances of the series have arrived, not %d", held.Instances, instances)
	case held.Committed():
		return held, nil
	case held.Instances == 0:
		return held, recon.Errorf(recon.Conflict, "no instance of the series has arrived")
	}
	files, err := filepath.Glob(in.path(scan, "*"+ending))
	if err != nil {
		return held, err
	}
	slices.Sort(files)
	if held.Input, err = in.input(ctx, files, in.path(scan, "series.tmp")); err != nil {
		return held, err
	}
	data, err := json.Marshal(held)
	if err != nil {
		return held, err
	}
	if err := durable.Write(in.path(scan, record), data, 0o600); err != nil {
		return held, err
	}
	for _, file := range files {
		os.Remove(file) // what is left is swept
	}
	return held, nil
}

// Discard implements recon.Intake.
func (in *Intake) Discard(ctx context.Context, scan string) error {
	mu := in.lock(scan)
	mu.Lock()
	defer mu.Unlock()
	held, err := in.held(ctx, scan)
	switch {
	case err != nil:
		return err
	case held.Committed():
		return recon.Errorf(recon.Conflict, "the series was committed")
	}
	return os.RemoveAll(in.path(scan))
}

// sweep forgets what was abandoned.
func (in *Intake) sweep() {
	entries, _ := os.ReadDir(in.Dir) // what cannot be listed is swept another time
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > abandoned {
			os.RemoveAll(in.path(e.Name()))
		}
	}
}
