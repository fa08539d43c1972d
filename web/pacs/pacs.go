// Package pacs sends the series of finished jobs to an archive by STOW-RS (PS3.18 10.5), and keeps trying until the archive has
// them or refuses them for good.
//
// How far each series is stands in the job's record before and after every attempt, so that another process goes on where this
// one was killed. What is sent again then is the same file with the same UIDs, which an archive that has it keeps once. For that
// reason several servers of one queue may send at the same time, although one is enough.
package pacs

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/closer-mri/closer/recon"
)

// Config says what is sent where.
type Config struct {
	Queue recon.Queue
	Blobs recon.Blobs
	URL   string // of the archive's DICOMweb service, "https://pacs.example.org/dicom-web"
	// Credentials is the path of a file that holds "Basic USER:PASSWORD" or "Bearer TOKEN". It is read at every attempt, so that
	// it may be replaced. "" is none.
	Credentials string
	Log         *slog.Logger // nil is slog.Default

	firstPause time.Duration // after a first attempt that failed; 0 is 2 s
}

// The pause after an attempt that failed doubles up to lastPause, so that maxAttempts take about a week.
const (
	defaultFirstPause = 2 * time.Second
	lastPause         = 15 * time.Minute
	maxAttempts       = 680
)

// Sender sends series, one at a time.
type Sender struct {
	Config
	client http.Client
}

// New checks the configuration; Invalid.
func New(c Config) (*Sender, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.firstPause == 0 {
		c.firstPause = defaultFirstPause
	}
	if err := checkURL(c.URL); err != nil {
		return nil, err
	}
	s := &Sender{Config: c}
	// Credentials and patients are for this archive and no other.
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	_, err := s.authorization()
	return s, err
}

// Run sends the series of every job that is done, now or later, until ctx ends.
func (s *Sender) Run(ctx context.Context) {
	for ctx.Err() == nil {
		changes, err := s.Queue.Watch(ctx, "")
		if err == nil {
			s.follow(ctx, changes)
			continue
		}
		s.Log.WarnContext(ctx, "jobs cannot be followed to send their series", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(defaultFirstPause):
		}
	}
}

// follow attends to jobs as they change and as pauses end, until changes is closed.
func (s *Sender) follow(ctx context.Context, changes <-chan recon.Job) {
	type outcome struct {
		id  string
		job recon.Job
		err error
	}
	due := map[string]time.Time{} // when to look at a job again
	note := func(o outcome) {
		switch d, waits := next(o.job); {
		case recon.CodeOf(o.err) == recon.NotFound, recon.CodeOf(o.err) == recon.Conflict: // deleted, perhaps submitted again
			delete(due, o.id)
		case o.err != nil:
			s.Log.WarnContext(ctx, "the state of a series could not be stored", "job", o.id, "error", o.err)
			due[o.id] = time.Now().Add(defaultFirstPause)
		case waits:
			due[o.id] = begin(d)
		default:
			delete(due, o.id)
		}
	}
	ended := make(chan outcome, 1)
	for busy := false; ; {
		id, wait := soonest(due)
		timer := time.NewTimer(wait)
		ready := timer.C
		if id == "" || busy {
			ready = nil
		}
		select {
		case job, open := <-changes:
			if !open {
				if busy {
					<-ended
				}
				return
			}
			planned, err := s.plan(ctx, job)
			note(outcome{job.ID, planned, err})
		case <-ready:
			busy = true
			go func() {
				job, err := s.attend(ctx, id)
				ended <- outcome{id, job, err}
			}()
		case o := <-ended:
			busy = false
			note(o)
		}
		timer.Stop()
	}
}

func soonest(due map[string]time.Time) (id string, wait time.Duration) {
	wait = time.Hour
	for other, at := range due {
		if w := min(time.Until(at), lastPause); id == "" || w < wait {
			id, wait = other, w
		}
	}
	return id, wait
}

// next is the delivery of the job to attend to, the soonest first. One that says sending was interrupted, unless it is just being
// sent.
func next(job recon.Job) (soonest recon.Delivery, waits bool) {
	for _, d := range job.Deliveries {
		if (d.State == recon.DeliveryQueued || d.State == recon.DeliverySending) && (!waits || d.Next.Before(soonest.Next)) {
			soonest, waits = d, true
		}
	}
	return soonest, waits
}

// begin is when the next attempt at a delivery is due. A longer pause than there is was written by a clock that has been set back since:
// it is over.
func begin(d recon.Delivery) time.Time {
	if time.Until(d.Next) > lastPause {
		return time.Time{}
	}
	return d.Next
}

// plan queues the series of a job that is done and has none queued yet, and returns its record.
func (s *Sender) plan(ctx context.Context, job recon.Job) (recon.Job, error) {
	if job.State != recon.Done {
		return job, nil
	}
	var added []recon.Delivery
	for _, name := range job.Undispatched() {
		added = append(added, recon.Delivery{Series: name, State: recon.DeliveryQueued, Time: now()})
	}
	if added == nil {
		return job, nil
	}
	return s.Queue.Deliver(ctx, job.ID, added...)
}

// attend makes the next attempt at a series of the job, when its time has come, and returns the record after it.
func (s *Sender) attend(ctx context.Context, id string) (recon.Job, error) {
	job, err := s.Queue.Job(ctx, id) // the record: what the watch showed may be older
	if err != nil {
		return job, err
	}
	d, waits := next(job)
	if !waits || time.Now().Before(begin(d)) {
		return job, nil
	}
	d.State, d.Attempts, d.Time, d.Next = recon.DeliverySending, d.Attempts+1, now(), time.Time{}
	if job, err = s.record(ctx, id, d); err != nil {
		return job, err
	}
	_, files := job.Series()
	err = s.store(ctx, files[d.Series])
	log := s.Log.With("job", id, "series", d.Series, "attempt", d.Attempts, "seconds", time.Since(d.Time).Seconds())
	if ctx.Err() != nil && err != nil { // asked to stop: no attempt
		d.State, d.Attempts = recon.DeliveryQueued, d.Attempts-1
	} else {
		s.judge(&d, err)
		log.InfoContext(ctx, "series "+string(d.State), "objects", len(files[d.Series]), "reason", d.Reason)
	}
	d.Time = now()
	return s.record(ctx, id, d)
}

// recordTime bounds how long the start or the outcome of an attempt may take to be stored.
const recordTime = 5 * time.Second

// record stores a delivery, also when the sender is asked to stop meanwhile: a start that was stored needs its outcome.
func (s *Sender) record(ctx context.Context, id string, d recon.Delivery) (recon.Job, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	return s.Queue.Deliver(ctx, id, d)
}

// judge puts the outcome of an attempt into d.
func (s *Sender) judge(d *recon.Delivery, err error) {
	if err == nil {
		d.State, d.Reason = recon.DeliverySent, ""
		return
	}
	f := failureOf(err)
	d.Reason = f.reason
	switch {
	case f.lasting:
		d.State = recon.DeliveryFailed
	case d.Attempts >= maxAttempts:
		d.State, d.Reason = recon.DeliveryFailed, "given up: "+f.reason
	default:
		d.State, d.Next = recon.DeliveryQueued, now().Add(max(s.pause(d.Attempts), min(f.after, lastPause)))
	}
}

func (s *Sender) pause(attempts int) time.Duration {
	pause := s.firstPause
	for range attempts - 1 {
		if pause = 2 * pause; pause >= lastPause {
			return lastPause
		}
	}
	return pause
}

// now is the time as records keep it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
