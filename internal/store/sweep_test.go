package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

// Servers that sweep one queue and one directory at the same time delete each job once and whole, and nothing of the jobs that stay.
func TestServersSweepTheSame(t *testing.T) {
	t.Parallel()
	server, err := store.StartServer(t.TempDir(), store.ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	root := t.TempDir()
	type host struct {
		*store.Queue
		store.Blobs
	}
	var hosts []host
	for range 3 {
		hosts = append(hosts, host{connect(t, server.URL(), store.Options{Lease: time.Minute}), openBlobs(t, root, anyDisk)})
	}
	put := func(content string) recon.Blob {
		blob, err := hosts[0].Put(t.Context(), strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		return blob
	}
	const jobs = 30
	var shown []recon.Blob
	for i := range jobs {
		id := fmt.Sprintf("job%02d", i)
		if _, _, err := hosts[0].Submit(t.Context(), recon.Job{ID: id, Input: put(fmt.Sprint("scan ", i%4))}); err != nil {
			t.Fatal(err)
		}
		lease, err := hosts[0].Claim(t.Context(), "worker")
		if err != nil {
			t.Fatal(err)
		}
		report := put(fmt.Sprint("report ", i))
		shown = append(shown, report)
		if err := hosts[0].PutPiece(t.Context(), "slices/"+id+"/tv/1", nil); err != nil {
			t.Fatal(err)
		}
		if err := lease.Finish(t.Context(), []recon.Artifact{{Name: "report", Blob: report}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	waiting := recon.Job{ID: "waiting", Input: put("scan 0")}
	if _, _, err := hosts[0].Submit(t.Context(), waiting); err != nil {
		t.Fatal(err)
	}

	var mu sync.Mutex
	var deleted []string
	var swept recon.Swept
	var sweeps sync.WaitGroup
	for _, h := range hosts {
		sweeps.Go(func() {
			r := recon.Retention{Queue: h.Queue, Blobs: h.Blobs, Keep: time.Hour, Deleted: func(j recon.Job) {
				mu.Lock()
				deleted = append(deleted, j.ID)
				mu.Unlock()
			}}
			s, err := r.Sweep(t.Context(), time.Now().Add(2*recon.OrphanAge+time.Minute))
			mu.Lock()
			defer mu.Unlock()
			if swept.Contents, swept.Pieces = swept.Contents+s.Contents, swept.Pieces+s.Pieces; err != nil {
				t.Error(err)
			}
		})
	}
	sweeps.Wait()

	slices.Sort(deleted)
	if once := slices.Compact(slices.Clone(deleted)); len(once) != jobs || len(deleted) != jobs {
		t.Errorf("%d deletions of %d jobs, %d were to go", len(deleted), len(once), jobs)
	}
	if swept.Contents != jobs+3 || swept.Pieces != jobs { // of four scans one is still needed
		t.Errorf("swept %d files and %d pieces, want %d and %d", swept.Contents, swept.Pieces, jobs+3, jobs)
	}
	left, err := hosts[1].Jobs(t.Context())
	if err != nil || len(left) != 1 || left[0].ID != "waiting" {
		t.Errorf("jobs %v, %v", left, err)
	}
	for _, blob := range shown {
		if _, err := hosts[1].Open(t.Context(), blob.SHA256); recon.CodeOf(err) != recon.NotFound {
			t.Errorf("a report is still there: %v", err)
		}
	}
	if r, err := hosts[2].Open(t.Context(), waiting.Input.SHA256); err != nil {
		t.Errorf("the waiting job lost its scan: %v", err)
	} else {
		r.Close()
	}
}

// The files of a job whose record is damaged stay, and the sweep says why; those of others expire by their records. The same job
// submitted again heals it.
func TestDamagedRecordKeepsItsFiles(t *testing.T) {
	t.Parallel()
	server := startServer(t, t.TempDir(), store.ServerOptions{})
	q, blobs := connect(t, server.URL(), store.Options{}), openBlobs(t, t.TempDir(), anyDisk)
	scans := map[string]recon.Blob{}
	for _, id := range []string{"damaged", "other"} {
		var err error
		if scans[id], err = blobs.Put(t.Context(), strings.NewReader("the scan of "+id)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := q.Submit(t.Context(), recon.Job{ID: id, Input: scans[id]}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := q.Cancel(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	records, err := testkit.JetStream(t, server.URL()).KeyValue(t.Context(), "closer-jobs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := records.Put(t.Context(), "damaged", []byte(`{"id": 1`)); err != nil {
		t.Fatal(err)
	}
	sweep := func(q recon.Queue) (left []string, err error) {
		_, err = recon.Retention{Queue: q, Blobs: blobs, Keep: time.Minute}.Sweep(t.Context(), time.Now().Add(2*recon.OrphanAge))
		for id, scan := range scans {
			if r, err := blobs.Open(t.Context(), scan.SHA256); err == nil {
				r.Close()
				left = append(left, id)
			}
		}
		slices.Sort(left)
		return left, err
	}
	restarted := connect(t, server.URL(), store.Options{Reconcile: time.Hour}) // which never knew what is damaged
	if left, err := sweep(restarted); len(left) != 2 || !errors.Is(err, recon.ErrUnreadable) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("left are the scans of %v, %v", left, err)
	}
	if jobs, err := restarted.Jobs(t.Context()); len(jobs) != 0 || !errors.Is(err, recon.ErrUnreadable) {
		t.Errorf("jobs %v, %v", jobs, err)
	}
	if err := recon.CheckFiles(t.Context(), restarted, blobs); err != nil {
		t.Error(err)
	}
	if _, created, err := restarted.Submit(t.Context(), recon.Job{ID: "damaged", Input: scans["damaged"]}); !created || err != nil {
		t.Errorf("submitted again it is created: %t, %v", created, err)
	}
	if left, err := sweep(restarted); len(left) != 1 || left[0] != "damaged" || err != nil {
		t.Errorf("left are the scans of %v, %v", left, err)
	}
}
