package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/recon"
)

// committed is the record of a series.
type committed struct {
	recon.Held
	Members map[string]string `json:"members"` // SHA-256 of each instance, by the name of its file
}

// Commit implements recon.Intake. The instances stay until the job and its input are there: content that no job names is swept from the
// blob store. The input of a scan that was committed before may be old, and the jobs that named it may have expired; so it is touched
// before the job, and looked for after it, as a sweep that knew of neither may have been about to delete it.
func (in *Intake) Commit(ctx context.Context, scan string, instances int, recipe recon.Recipe) (recon.Job, bool, error) {
	mu := in.lock(scan)
	mu.Lock()
	defer mu.Unlock()
	held, err := in.look(ctx, scan, in.Blobs.Touch)
	switch {
	case err != nil:
		return recon.Job{}, false, err
	case instances != 0 && instances != held.Instances:
		return recon.Job{}, false, recon.Errorf(recon.Conflict, "%d instances of the series have arrived, not %d", held.Instances, instances)
	case held.Instances == 0:
		return recon.Job{}, false, recon.Errorf(recon.Conflict, "no instance of the series has arrived")
	}
	files, err := in.files(scan)
	open := !held.Committed()
	if err == nil && open {
		err = in.Queue.Ready(ctx) // before the work, and before the scan is closed
	}
	if err == nil && open {
		err = in.freeze(ctx, &held, files)
	}
	if err != nil {
		return recon.Job{}, false, err
	}
	job, created, err := in.Queue.Submit(ctx, recon.NewJob(held.Input, recipe, in.Models, time.Now()))
	if open && recon.CodeOf(err) == recon.Busy { // of any other failure nobody knows whether it left a job
		err = errors.Join(err, in.reopen(scan))
	}
	if err == nil {
		err = in.stored(ctx, held.Input.SHA256)
	}
	if recon.CodeOf(err) == recon.NotFound {
		err = &recon.Error{Code: recon.Unavailable, Message: "the scan was deleted meanwhile; commit it again", Cause: err}
	}
	if err != nil {
		return job, created, err
	}
	for _, file := range files {
		os.Remove(file) // what is left is swept
	}
	return job, created, nil
}

// freeze makes the input of a series that has files, and its record.
func (in *Intake) freeze(ctx context.Context, held *recon.Held, files []string) (err error) {
	var sums []string
	if held.Input, sums, err = in.input(ctx, files, in.path(held.Scan, "series.tmp")); err != nil {
		return err
	}
	record := committed{*held, map[string]string{}}
	for i, file := range files {
		record.Members[filepath.Base(file)] = sums[i]
	}
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return durable.Write(in.path(held.Scan, recordName), data, 0o600)
}

// reopen takes the record of a scan back, if there is one.
func (in *Intake) reopen(scan string) error {
	err := os.Remove(in.path(scan, recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return cmp.Or(err, durable.Sync(in.path(scan)))
}
