package recon_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
)

// archive is a queue and files in which the tests keep jobs.
type archive struct {
	*testing.T
	queue recon.Queue
	blobs recon.Blobs
}

func newArchive(t *testing.T) archive {
	blobs, err := store.OpenBlobs(t.Context(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	return archive{t, store.NewMemory(store.Options{Lease: time.Minute}), blobs}
}

func (a archive) put(content string) recon.Blob {
	a.Helper()
	blob, err := a.blobs.Put(a.Context(), strings.NewReader(content))
	if err != nil {
		a.Fatal(err)
	}
	return blob
}

func (a archive) submit(id, input string) {
	a.Helper()
	if _, _, err := a.queue.Submit(a.Context(), recon.Job{ID: id, Input: a.put(input)}); err != nil {
		a.Fatal(err)
	}
}

// run ends the next job with results of the given contents.
func (a archive) run(results ...string) recon.Job {
	a.Helper()
	lease, err := a.queue.Claim(a.Context(), "worker")
	if err != nil {
		a.Fatal(err)
	}
	var artifacts []recon.Artifact
	for _, content := range results {
		artifacts = append(artifacts, recon.Artifact{Name: content, Blob: a.put(content)})
	}
	if err := lease.Finish(a.Context(), artifacts, nil); err != nil {
		a.Fatal(err)
	}
	return a.job(lease.Job().ID)
}

func (a archive) job(id string) recon.Job {
	a.Helper()
	job, err := a.queue.Job(a.Context(), id)
	if err != nil {
		a.Fatal(err)
	}
	return job
}

// holds reports whether content is there.
func (a archive) holds(blob recon.Blob) bool {
	r, err := a.blobs.Open(a.Context(), blob.SHA256)
	if err != nil {
		return false
	}
	defer r.Close()
	_, err = io.ReadAll(r)
	return err == nil
}

// whole fails when a job that can be seen lacks anything that it names, and returns the identifiers of all jobs, sorted.
func (a archive) whole() []string {
	a.Helper()
	jobs, err := a.queue.Jobs(a.Context())
	if err != nil {
		a.Fatal(err)
	}
	var ids []string
	for _, job := range jobs {
		ids = append(ids, job.ID)
		if !a.holds(job.Input) {
			a.Errorf("job %s lost its input", job.ID)
		}
		for _, result := range job.Results {
			if !a.holds(result.Blob) {
				a.Errorf("job %s lost %s", job.ID, result.Name)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

const keep = 30 * 24 * time.Hour

// Jobs go a while after their end, oldest first, with what only they have; what runs, waits or is shared stays.
func TestRetention(t *testing.T) {
	a := newArchive(t)
	a.submit("first", "scan A")
	first := a.run("report of A", "a picture that two jobs share")
	time.Sleep(2 * time.Millisecond) // the resolution of a record's time
	a.submit("second", "scan B")
	second := a.run("report of B", "a picture that two jobs share")
	a.submit("running", "scan A")
	running, err := a.queue.Claim(t.Context(), "worker")
	if err != nil {
		t.Fatal(err)
	}
	a.submit("queued", "scan C")
	for _, piece := range []string{"slices/first/tv/1", "slices/running/tv/1", "slices/nobody/tv/1", "session/secret"} {
		if err := a.blobs.PutPiece(t.Context(), piece, nil); err != nil {
			t.Fatal(err)
		}
	}
	orphan := a.put("content of a push that was never acknowledged")

	var deleted []string
	r := recon.Retention{Queue: a.queue, Blobs: a.blobs, Keep: keep, Deleted: func(j recon.Job) { deleted = append(deleted, j.ID) }}
	sweep := func(now time.Time) recon.Swept {
		t.Helper()
		swept, err := r.Sweep(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		return swept
	}
	if swept := sweep(first.Finished.Add(recon.OrphanAge / 2)); swept != (recon.Swept{}) || !a.holds(orphan) {
		t.Errorf("what was just put was swept: %+v", swept)
	}
	if swept := sweep(second.Finished.Add(2 * recon.OrphanAge)); swept.Contents != 1 || swept.Pieces != 2 || a.holds(orphan) {
		t.Errorf("of orphans, swept %+v", swept)
	}
	for _, piece := range []string{"slices/running/tv/1", "session/secret"} {
		if _, err := a.blobs.Piece(t.Context(), piece); err != nil {
			t.Errorf("%s is gone: %v", piece, err)
		}
	}
	sweep(first.Finished.Add(keep + time.Nanosecond))
	if ids := a.whole(); !slices.Equal(ids, []string{"queued", "running", "second"}) || !slices.Equal(deleted, []string{"first"}) {
		t.Errorf("jobs %v, deleted %v", ids, deleted)
	}
	if a.holds(first.Results[0].Blob) || !a.holds(first.Results[1].Blob) || !a.holds(first.Input) {
		t.Error("a deleted job's own result must go; what others name must stay")
	}
	if err := running.Finish(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	sweep(second.Finished.Add(2 * keep))
	if ids := a.whole(); !slices.Equal(ids, []string{"queued"}) || !slices.Equal(deleted, []string{"first", "second", "running"}) {
		t.Errorf("jobs %v, deleted %v", ids, deleted)
	}
	if a.holds(second.Results[1].Blob) || a.holds(first.Input) {
		t.Error("what nobody names is still there")
	}
	r.Keep = 0
	a.run("report of C")
	sweep(second.Finished.Add(1000 * keep))
	if ids := a.whole(); !slices.Equal(ids, []string{"queued"}) {
		t.Errorf("jobs %v; without a time to keep them all stay", ids)
	}
}

var errKilled = errors.New("the process was killed")

// dyingQueue and dyingBlobs are those of a process that is killed after some deletions.
type dyingQueue struct {
	recon.Queue
	left *int
}

type dyingBlobs struct {
	recon.Blobs
	left *int
}

func (q dyingQueue) Delete(ctx context.Context, id string) error {
	if *q.left--; *q.left < 0 {
		return errKilled
	}
	return q.Queue.Delete(ctx, id)
}

func (b dyingBlobs) Sweep(ctx context.Context, before time.Time, keepContent, keepPiece func(string) bool) (recon.Swept, error) {
	return b.Blobs.Sweep(ctx, before, func(name string) bool {
		if keepContent(name) {
			return true
		}
		*b.left--
		return *b.left < 0
	}, keepPiece)
}

// A sweep that dies after any of its deletions leaves no job that lacks something, and the next sweep completes it.
func TestRetentionThatIsKilled(t *testing.T) {
	for after := 0; ; after++ {
		a := newArchive(t)
		var last recon.Job
		for i := range 4 {
			a.submit(fmt.Sprint("job", i), fmt.Sprint("scan ", i/2))
			last = a.run(fmt.Sprint("report ", i), "shared", fmt.Sprint("shared by half ", i/2))
		}
		a.submit("new", "scan 1")
		left, now := after, last.Finished.Add(keep+time.Hour)
		dying := recon.Retention{Queue: dyingQueue{a.queue, &left}, Blobs: dyingBlobs{a.blobs, &left}, Keep: keep}
		if _, err := dying.Sweep(t.Context(), now); err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		a.whole()
		if _, err := (recon.Retention{Queue: a.queue, Blobs: a.blobs, Keep: keep}).Sweep(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if ids := a.whole(); !slices.Equal(ids, []string{"new"}) {
			t.Fatalf("killed after %d deletions, and swept again: jobs %v", after, ids)
		}
		for _, result := range last.Results {
			if a.holds(result.Blob) {
				t.Errorf("killed after %d deletions, and swept again: %s is still there", after, result.Name)
			}
		}
		if left >= 0 {
			if after < 8 {
				t.Errorf("the whole sweep made only %d deletions", after)
			}
			return
		}
	}
}

// Two servers that sweep at the same time delete each job once.
func TestRetentionOfManyServers(t *testing.T) {
	a := newArchive(t)
	for i := range 20 {
		a.submit(fmt.Sprint("job", i), "scan")
		a.run(fmt.Sprint("report ", i))
	}
	deleted := make(chan string, 100)
	errs := make(chan error)
	for range 3 {
		r := recon.Retention{Queue: a.queue, Blobs: a.blobs, Keep: keep, Deleted: func(j recon.Job) { deleted <- j.ID }}
		go func() {
			_, err := r.Sweep(t.Context(), time.Now().Add(2*keep))
			errs <- err
		}()
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if len(deleted) != 20 {
		t.Errorf("%d deletions of 20 jobs", len(deleted))
	}
	if ids := a.whole(); len(ids) != 0 {
		t.Errorf("jobs %v", ids)
	}
}

// A job stays until the archive has its series or refuses them.
func TestRetentionWaitsForTheArchive(t *testing.T) {
	a := newArchive(t)
	a.submit("job", "scan")
	job := a.run("dicom/tv/1.dcm", "dicom/unet/1.dcm")
	deliver := func(series string, state recon.DeliveryState) {
		if _, err := a.queue.Deliver(t.Context(), job.ID, recon.Delivery{Series: series, State: state}); err != nil {
			t.Fatal(err)
		}
	}
	left := func(want int, when string) {
		t.Helper()
		r := recon.Retention{Queue: a.queue, Blobs: a.blobs, Keep: keep, Archive: true}
		if _, err := r.Sweep(t.Context(), job.Finished.Add(2*keep)); err != nil {
			t.Fatal(err)
		}
		if ids := a.whole(); len(ids) != want {
			t.Errorf("jobs %v %s", ids, when)
		}
	}
	left(1, "before any series is on its way, as after an outage of the server")
	deliver("unet", recon.DeliveryFailed)
	left(1, "before all series are on their way")
	for _, state := range []recon.DeliveryState{recon.DeliveryQueued, recon.DeliverySending} {
		deliver("tv", state)
		left(1, "while a series is "+string(state))
	}
	deliver("tv", recon.DeliverySent)
	left(0, "when none is on its way")
}

// A queue that was made anew knows none of the jobs whose files are there: it deletes nothing.
func TestRetentionOfAnotherQueue(t *testing.T) {
	a := newArchive(t)
	a.submit("job", "scan")
	a.run("report")
	sweep := func(queue recon.Queue) error {
		_, err := recon.Retention{Queue: queue, Blobs: a.blobs, Keep: keep}.Sweep(t.Context(), time.Now().Add(2*recon.OrphanAge))
		return err
	}
	if err := sweep(a.queue); err != nil {
		t.Fatal(err)
	}
	if err := sweep(store.NewMemory(store.Options{})); recon.CodeOf(err) != recon.Conflict {
		t.Errorf("a queue that is not the owner swept: %v", err)
	}
	if ids := a.whole(); len(ids) != 1 {
		t.Errorf("jobs %v", ids)
	}
}

// Stores on a disk that has no room for a piece, nor for the deletion of a record.
type (
	fullQueue struct{ recon.Queue }
	fullBlobs struct{ recon.Blobs }
)

var errFull = recon.Errorf(recon.Busy, "the disk is full")

func (fullQueue) Delete(context.Context, string) error           { return errFull }
func (fullBlobs) PutPiece(context.Context, string, []byte) error { return errFull }

// A sweep makes room on a full disk, where nothing can be written.
func TestRetentionOnAFullDisk(t *testing.T) {
	a := newArchive(t)
	a.submit("job", "scan")
	finished := a.run("report").Finished
	orphan := a.put("content that nobody names")
	if _, err := (recon.Retention{Queue: a.queue, Blobs: a.blobs}).Sweep(t.Context(), finished); err != nil { // which claims the store
		t.Fatal(err)
	}
	swept, err := recon.Retention{Queue: fullQueue{a.queue}, Blobs: fullBlobs{a.blobs}, Keep: keep}.Sweep(t.Context(), finished.Add(2*keep))
	if !errors.Is(err, errFull) || swept.Contents != 1 || a.holds(orphan) {
		t.Errorf("swept %+v, %v", swept, err)
	}
	if ids := a.whole(); len(ids) != 1 {
		t.Errorf("jobs %v", ids)
	}
}
