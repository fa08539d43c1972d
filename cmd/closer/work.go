package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/semaphore"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
)

// The environment can hold what the arguments of a process would show to every user of the machine.
const (
	natsVariable  = "CLOSER_NATS"
	blobsVariable = "CLOSER_BLOBS"
)

func workCommand() *cobra.Command {
	var natsURL, blobsURL string
	var e engine
	var attempts int
	var attached bool
	c := &cobra.Command{
		Use:   "work --nats URL --blobs URL",
		Short: "Run jobs of a server's queue, from any host",
		Long: `Run the jobs of a server's queue, --jobs at a time, until it is asked to stop; then give those under way back at once.
A worker that dies loses its jobs to others, which go on from the slices that are finished. It may have died of any of them, so that
each then runs alone on its worker.
$CLOSER_NATS and $CLOSER_BLOBS stand in for --nats and --blobs, since the first holds a secret and every user sees arguments.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if natsURL == "" || blobsURL == "" {
				return recon.Errorf(recon.Invalid, "a worker needs --nats and --blobs")
			}
			if attempts < 1 {
				return tooFewAttempts(attempts)
			}
			if err := e.check(); err != nil {
				return err
			}
			ctx := cmd.Context()
			if attached {
				var stop context.CancelFunc
				ctx, stop = context.WithCancel(ctx)
				go func() {
					io.Copy(io.Discard, os.Stdin) // ends with the server, however it ends
					stop()
				}()
			}
			return work(ctx, natsURL, blobsURL, attempts, e)
		},
	}
	c.Flags().StringVar(&natsURL, "nats", os.Getenv(natsVariable), "address of the queue, nats://[token@]host:port, several separated by commas")
	c.Flags().StringVar(&blobsURL, "blobs", os.Getenv(blobsVariable), "where inputs and results are: a directory or s3://bucket")
	e.bindWorker(c.Flags())
	c.Flags().IntVar(&attempts, "attempts", store.DefaultMaxAttempts, "workers that a job may lose without getting further before it fails")
	c.Flags().BoolVar(&attached, "attached", false, "stop when standard input ends")
	for _, secret := range []string{"nats", "blobs"} {
		c.Flags().Lookup(secret).DefValue = "" // the help must not print the environment
	}
	c.Flags().MarkHidden("attached")
	return c
}

func work(ctx context.Context, natsURL, blobsURL string, attempts int, e engine) error {
	os.Unsetenv(natsVariable)
	blobs, err := store.OpenBlobs(ctx, blobsURL)
	if err != nil {
		return err
	}
	defer blobs.Close()
	queue, err := store.Connect(ctx, natsURL, store.Options{MaxAttempts: attempts})
	if err != nil {
		return err
	}
	defer queue.Close()
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name of this host: %w", err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := awaitOwner(ctx, queue, blobs, log); err != nil {
		return err
	}
	dir, remove, err := newWorkDir()
	if err != nil {
		return err
	}
	defer remove()
	w := worker{
		queue: queue, blobs: blobs, dir: dir, silence: queue.LeaseTime(), engine: e, name: fmt.Sprintf("%s/%d", host, os.Getpid()),
		networks: &networks{}, log: log,
	}
	defer w.networks.close()
	return w.run(ctx)
}

// awaitOwner waits until a server has used the files, which it says at its start: in a wrong directory, or one that is not mounted yet,
// every job of the queue would fail at once for want of its input. Files of another queue, as where that one was lost, are only
// warned of.
func awaitOwner(ctx context.Context, queue recon.Queue, blobs recon.Blobs, log *slog.Logger) error {
	for told := false; ; told = true {
		owner, err := recon.OwnerOf(ctx, blobs)
		if err == nil && owner != queue.Identity() {
			log.Warn("the files belong to another queue", "files", owner, "queue", queue.Identity())
		}
		if recon.CodeOf(err) != recon.NotFound {
			return err
		}
		if !told {
			log.Warn("waiting: no server of a queue has used these files yet; is --blobs right, and mounted?")
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil
		}
	}
}

// worker runs the jobs of a queue.
type worker struct {
	queue    recon.Queue
	blobs    recon.Blobs
	dir      string        // of the files of its jobs
	silence  time.Duration // how long the queue lets it be silent
	name     string
	engine   engine
	networks *networks // shared by the jobs
	log      *slog.Logger
}

// warmUp opens the networks of this program before a job needs them. What cannot be opened is left to the jobs that need it, which
// say so.
func (w *worker) warmUp() {
	b := newBuilder(recon.Recipe{}, w.engine)
	b.networks = w.networks
	for name, file := range map[string][]byte{"unet": b.unetFile, "score": b.scoreFile} {
		if _, err := b.network(name, file); err != nil {
			w.log.Warn("a network is not ready", "error", err)
		}
	}
}

// run claims a job whenever there is room for one, until ctx ends, which is no error, and returns when all attempts have ended.
//
// A job that was tried before may be what its worker died of, and runs alone, so that it costs no other job more than one attempt.
// One that comes while others run is given back, to be had by a worker that is free meanwhile; here, the others end first.
func (w *worker) run(ctx context.Context) error {
	w.warmUp()
	jobs := int64(w.engine.jobsOn(w.networks.device()))
	w.log.Info("worker ready", "worker", w.name, "jobs", jobs)
	room := semaphore.NewWeighted(jobs)
	defer room.Acquire(context.WithoutCancel(ctx), jobs)
	for wanted := int64(1); ; {
		if room.Acquire(ctx, wanted) != nil {
			return nil
		}
		room.Release(wanted - 1)
		wanted = 1
		lease, err := w.queue.Claim(ctx, w.name)
		if err != nil {
			room.Release(1)
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, recon.ErrUnreadable) {
				w.log.Error("a job is left alone", "error", err)
				continue
			}
			w.log.Error("no more jobs are claimed", "error", err)
			return fmt.Errorf("claim a job: %w", err)
		}
		taken := int64(1)
		if lease.Job().Attempt > 1 {
			if !room.TryAcquire(jobs - 1) {
				w.giveBack(ctx, lease)
				room.Release(1)
				wanted = jobs // the next one waits for those under way
				continue
			}
			taken = jobs
		}
		go func() {
			defer room.Release(taken)
			w.attempt(ctx, lease)
		}()
	}
}

// giveBack gives a job back without blame.
func (w *worker) giveBack(stopped context.Context, lease recon.Lease) {
	ctx, end := lingering(stopped)
	defer end()
	job := lease.Job()
	err := outlast(ctx, w.log, func() error { return lease.Release(ctx) })
	w.log.Info("job given back", "job", job.ID, "attempt", job.Attempt, "error", err)
}

// endTime bounds what a worker still stores about an attempt after it was asked to stop.
const endTime = 5 * time.Second

// attempt runs a job and tells the queue how it ended.
func (w *worker) attempt(stopped context.Context, lease recon.Lease) {
	job := lease.Job()
	log := w.log.With("job", job.ID, "attempt", job.Attempt)
	log.Info("job started")
	ctx, cancel := context.WithCancelCause(stopped)
	a := &attempt{worker: w, lease: lease, job: job, log: log, begin: time.Now(), files: map[string]stored{},
		slices: patientSlices{recon.JobCheckpoint{Blobs: w.blobs, Job: job.ID, Software: software()}, log}}
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		a.keep(ctx, cancel)
	}()
	err := a.execute(ctx)
	lost := errors.Is(context.Cause(ctx), recon.ErrLeaseLost)
	cancel(nil)
	<-kept // before the end: its last update must not come after it

	ctx, end := lingering(stopped)
	defer end()
	switch {
	case lost:
		log.Info("job taken away")
		now, err := w.queue.Job(ctx, job.ID)
		if ended := recon.CodeOf(err) == recon.NotFound || err == nil && now.State.Terminal(); !ended {
			return // another worker goes on from the finished slices
		}
	case stopped.Err() != nil && err != nil:
		w.giveBack(stopped, lease)
		return
	default:
		log.Info("job ended", "seconds", time.Since(a.begin).Seconds(), "resumed_slices", a.resumed(), "code", recon.CodeOf(err), "error", err)
		if err := outlast(ctx, log, func() error { return a.finish(ctx, err) }); err != nil {
			log.Error("the end of the job could not be stored", "error", err)
			return
		}
	}
	if err := a.slices.Clear(ctx); err != nil {
		log.Error("slices of an ended job remain", "error", err)
	}
}
