package intake

import (
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
	"strconv"
	"sync"
	"time"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/recon"
)

// The instances of a series are files in a directory of its own, named by the digest of their UID. Once the series is committed,
// there is a record in their place.
const (
	ending     = ".dcm"
	recordName = "committed.json"
)

// Name is the name of the scan that a series is, from the moment its first instance comes until its content gives it another.
func Name(study, series string) string { return digest(study + "/" + series) }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

func (in *Intake) lock(scan string) *sync.Mutex {
	shard, _ := strconv.ParseUint(scan[:min(2, len(scan))], 16, 8)
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
	held, err := in.Held(ctx, scan)
	switch {
	case recon.CodeOf(err) == recon.NotFound:
		err = os.RemoveAll(in.path(scan)) // the record of what is not stored any more
		err = cmp.Or(err, os.Mkdir(in.path(scan), 0o700))
		err = cmp.Or(err, durable.Sync(in.Dir))
	case err == nil && held.Committed():
		if in.isMember(scan, o) {
			return held, nil
		}
		return held, recon.Errorf(recon.Conflict, "the series was committed with %d instances and takes no more", held.Instances)
	case err == nil:
		err = in.reopen(scan) // the input of a record may be stored again by others, and would lack this instance
	}
	if err != nil {
		return held, fmt.Errorf("hold an instance: %w", err)
	}
	kept, err := keep(in.path(scan, fileName(o)), o.Path)
	if kept != nil {
		count(&held, kept)
	}
	return held, err
}

// count adds an instance to what is held.
func count(held *recon.Held, instance fs.FileInfo) {
	held.Instances++
	held.Size += instance.Size()
	if came := instance.ModTime().UTC(); held.Received.IsZero() || came.Before(held.Received) {
		held.Received = came
	}
}

func fileName(o dicomio.Object) string { return digest(o.Instance) + ending }

// isMember reports whether a committed series was committed with just this instance.
func (in *Intake) isMember(scan string, o dicomio.Object) bool {
	var of committed
	data, err := os.ReadFile(in.path(scan, recordName))
	if err != nil || json.Unmarshal(data, &of) != nil {
		return false
	}
	sum, err := durable.SHA256(o.Path)
	return err == nil && of.Members[fileName(o)] == sum
}

// keep copies a file to a path, durably, and returns what is there now; nil when it was there already. Conflict when another is.
func keep(path, from string) (fs.FileInfo, error) {
	switch held, err := durable.SHA256(path); {
	case err == nil:
		sum, err := durable.SHA256(from)
		if err == nil && sum != held {
			err = recon.Errorf(recon.Conflict, "another instance of the same SOP Instance UID is held")
		}
		return nil, err
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	src, err := os.Open(from)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if err := durable.Copy(path, src, 0o600); err != nil {
		return nil, err
	}
	return os.Stat(path)
}

// Held implements recon.Intake. It finds nothing of a scan that was committed when its input is not stored any more: its jobs have expired. If its instances are
// there the input was swept before it had a job, and the scan is open.
func (in *Intake) Held(ctx context.Context, scan string) (recon.Held, error) {
	return in.look(ctx, scan, in.stored)
}

// stored is NotFound when there is no such content.
func (in *Intake) stored(ctx context.Context, sha256 string) error {
	content, err := in.Blobs.Open(ctx, sha256)
	if err == nil {
		err = content.Close()
	}
	return err
}

// look is Held, which asks there for the input of a scan that was committed.
func (in *Intake) look(ctx context.Context, scan string, there func(ctx context.Context, sha256 string) error) (recon.Held, error) {
	held := recon.Held{Scan: scan}
	if data, err := os.ReadFile(in.path(scan, recordName)); err == nil {
		if err := json.Unmarshal(data, &held); err != nil {
			return held, err
		}
		switch err := there(ctx, held.Input.SHA256); recon.CodeOf(err) {
		case "":
			return held, nil
		case recon.NotFound:
			held = recon.Held{Scan: scan}
			if files, err := in.files(scan); err != nil || len(files) == 0 {
				return held, cmp.Or(err, noScan())
			}
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
		count(&held, info)
	}
	return held, err
}

// files are the paths of the instances of a scan.
func (in *Intake) files(scan string) ([]string, error) {
	return filepath.Glob(in.path(scan, "*"+ending))
}

func noScan() error { return recon.Errorf(recon.NotFound, "there is no scan of this name") }

// Discard implements recon.Intake.
func (in *Intake) Discard(ctx context.Context, scan string) error {
	mu := in.lock(scan)
	mu.Lock()
	defer mu.Unlock()
	held, err := in.Held(ctx, scan)
	switch {
	case err != nil:
		return err
	case held.Committed():
		return recon.Errorf(recon.Conflict, "the series was committed")
	}
	return os.RemoveAll(in.path(scan))
}

// Sweep forgets the series that nothing came of since a time, each with a line in the log, and the records of those that were committed
// before.
func (in *Intake) Sweep(since time.Time) error {
	entries, err := os.ReadDir(in.Dir)
	for _, e := range entries {
		in.forget(e.Name(), since)
	}
	return err
}

// forget forgets one, unless something comes of it just now.
func (in *Intake) forget(scan string, since time.Time) {
	mu := in.lock(scan)
	mu.Lock()
	defer mu.Unlock()
	if info, err := os.Stat(in.path(scan)); err == nil && info.ModTime().Before(since) {
		if _, err := os.Stat(in.path(scan, recordName)); errors.Is(err, fs.ErrNotExist) {
			in.Log.Info("audit", "action", "forget", "key", "server", "scan", scan, "since", info.ModTime().UTC())
		}
		os.RemoveAll(in.path(scan)) // what cannot be removed is swept another time
	}
}
