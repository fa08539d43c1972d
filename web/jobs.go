package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/closer-mri/closer/recon"
)

// job returns the job that the address names.
func (a *api) job(r *http.Request) (recon.Job, error) {
	job, err := a.Queue.Job(r.Context(), chi.URLParam(r, "id"))
	if recon.CodeOf(err) == recon.NotFound {
		return job, problemf(http.StatusNotFound, "there is no job of this name")
	}
	concerns(r, job.Scan, job.ID)
	return job, err
}

func (a *api) getJob(w http.ResponseWriter, r *http.Request) {
	job, err := a.job(r)
	if err != nil {
		fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, job)
}

func (a *api) cancelJob(w http.ResponseWriter, r *http.Request) {
	job, err := a.job(r)
	if err == nil {
		job, err = a.Queue.Cancel(r.Context(), job.ID)
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	a.audit(r.Context(), "cancel")
	answer(w, http.StatusOK, job)
}

// redeliver queues the series that the archive refused for it again.
func (a *api) redeliver(w http.ResponseWriter, r *http.Request) {
	job, err := a.job(r)
	var again []recon.Delivery
	for _, d := range job.Deliveries {
		if d.State == recon.DeliveryFailed {
			again = append(again, recon.Delivery{Series: d.Series, State: recon.DeliveryQueued, Time: time.Now().UTC(), Reason: d.Reason})
		}
	}
	if err == nil && again == nil {
		err = problemf(http.StatusConflict, "no series of this job failed to get to the archive")
	}
	if err == nil {
		job, err = a.Queue.Deliver(r.Context(), job.ID, again...)
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	a.audit(r.Context(), "redeliver")
	answer(w, http.StatusOK, job)
}

// events sends the job as Server-Sent Events of type job, now and at each change, and ends after a terminal state.
func (a *api) events(w http.ResponseWriter, r *http.Request) {
	job, err := a.job(r)
	if err != nil {
		fail(w, r, err)
		return
	}
	a.follow(w, r, job.ID)
}

// allEvents sends the same of every job, so that a list needs one connection, and does not end.
func (a *api) allEvents(w http.ResponseWriter, r *http.Request) { a.follow(w, r, "") }

// follow sends the events of one job, or of all when id is "". The list of results is left out: it grows with the slices, and
// /jobs/{id} has it.
func (a *api) follow(w http.ResponseWriter, r *http.Request, id string) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies hold events back otherwise
	if r.Method == http.MethodHead {
		return // a stream of which nothing is sent would never end
	}
	changes, err := a.Queue.Watch(r.Context(), id)
	if err != nil {
		fail(w, r, err)
		return
	}
	conn := http.NewResponseController(w)
	fmt.Fprint(w, "retry: 2000\n\n")
	tick := time.NewTicker(a.keepAlive)
	defer tick.Stop()
	for {
		if err := conn.Flush(); err != nil {
			return
		}
		select {
		case job, open := <-changes:
			if !open {
				return
			}
			err = writeEvent(w, job)
		case <-tick.C:
			if _, ok := a.authenticate(r); !ok {
				return // the key was taken away
			}
			_, err = io.WriteString(w, ": alive\n\n")
		}
		if err != nil {
			return // the client is gone
		}
	}
}

func writeEvent(w io.Writer, job recon.Job) error {
	job.Results = nil
	data, err := json.Marshal(job) // has no line breaks
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "event: job\ndata: %s\n\n", data)
	return err
}
