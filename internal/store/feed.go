package store

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/closer-mri/closer/recon"
)

// feed holds the latest record of every job and tells watchers of changes. A watcher that is slow skips states, never the last.
type feed struct {
	mu       sync.Mutex
	jobs     map[string]recon.Job
	count    uint64            // of changes
	changed  map[string]uint64 // the number of each record's last change, also of those that are gone
	watchers map[*watcher]struct{}
}

func newFeed() *feed {
	return &feed{jobs: map[string]recon.Job{}, changed: map[string]uint64{}, watchers: map[*watcher]struct{}{}}
}

func (f *feed) set(job recon.Job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs[job.ID] = job
	f.count++
	f.changed[job.ID] = f.count
	for w := range f.watchers {
		if w.id == "" || w.id == job.ID {
			w.offer(job)
		}
	}
}

func (f *feed) remove(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.jobs, id)
	f.count++
	f.changed[id] = f.count
}

// changes implements recon.Queue.Changes.
func (f *feed) changes(since uint64) (changed []recon.Job, gone []string, next uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if since == f.count {
		return nil, nil, since
	}
	for id, number := range f.changed {
		if number <= since {
			continue
		}
		if job, ok := f.jobs[id]; ok {
			changed = append(changed, detached(job))
		} else if since > 0 {
			gone = append(gone, id)
		}
	}
	return changed, gone, f.count
}

// list returns all jobs, newest first.
func (f *feed) list() []recon.Job {
	f.mu.Lock()
	out := make([]recon.Job, 0, len(f.jobs))
	for _, job := range f.jobs {
		out = append(out, job)
	}
	f.mu.Unlock()
	slices.SortFunc(out, func(a, b recon.Job) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	for i := range out {
		out[i] = detached(out[i])
	}
	return out
}

func (f *feed) depth() (queued, running int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, job := range f.jobs {
		switch job.State {
		case recon.Queued:
			queued++
		case recon.Running:
			running++
		}
	}
	return queued, running
}

// watch implements recon.Queue.Watch.
func (f *feed) watch(ctx context.Context, id string) (<-chan recon.Job, error) {
	w := &watcher{id: id, pending: map[string]change{}, wake: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if id == "" {
		for _, job := range f.jobs {
			w.offer(job)
		}
	} else {
		job, ok := f.jobs[id]
		if !ok {
			return nil, notFound()
		}
		w.offer(job)
	}
	f.watchers[w] = struct{}{}
	out := make(chan recon.Job)
	go func() {
		defer close(out)
		w.send(ctx, out)
		f.mu.Lock()
		delete(f.watchers, w)
		f.mu.Unlock()
	}()
	return out, nil
}

// watcher is one call of watch: for each job at most one state waits to be sent.
type watcher struct {
	id   string
	wake chan struct{} // has a token after each offer

	mu      sync.Mutex
	order   []string // of pending, oldest change first
	pending map[string]change
	count   int
}

type change struct {
	job    recon.Job
	number int // tells a state from the one that replaced it while it was being sent
}

func (w *watcher) offer(job recon.Job) {
	w.mu.Lock()
	if _, waits := w.pending[job.ID]; !waits {
		w.order = append(w.order, job.ID)
	}
	w.count++
	w.pending[job.ID] = change{job, w.count}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watcher) next() (change, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.order) == 0 {
		return change{}, false
	}
	return w.pending[w.order[0]], true
}

func (w *watcher) sent(c change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending[c.job.ID].number == c.number {
		delete(w.pending, c.job.ID)
		w.order = w.order[1:]
	} else { // it changed meanwhile: to the end, so that one busy job does not keep the others waiting
		w.order = append(w.order[1:], c.job.ID)
	}
}

func (w *watcher) send(ctx context.Context, out chan<- recon.Job) {
	for {
		c, ok := w.next()
		deliver := out
		if !ok {
			deliver = nil
		}
		select {
		case deliver <- detached(c.job):
			w.sent(c)
			if w.id != "" && c.job.State.Terminal() {
				return
			}
		case <-w.wake:
		case <-ctx.Done():
			return
		}
	}
}
