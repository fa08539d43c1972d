package store

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// follow calls entry with the latest record of each key, then with every change, until ctx ends. A watch that breaks begins anew.
func (q *Queue) follow(ctx context.Context, keys string, entry func(jetstream.KeyValueEntry)) {
	for ctx.Err() == nil {
		q.followOnce(ctx, keys, entry)
		sleep(ctx, 100*time.Millisecond)
	}
}

func (q *Queue) followOnce(ctx context.Context, keys string, entry func(jetstream.KeyValueEntry)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A server that was restarted does not know the watch any more; the client would notice after missed heartbeats only.
	restored := q.restored.wait()
	watch, err := q.records.Watch(ctx, keys)
	if err != nil {
		return
	}
	defer func() {
		_ = watch.Stop()
		go func() { // the client blocks while it has updates that nobody takes
			for range watch.Updates() {
			}
		}()
	}()
	for {
		select {
		case e, ok := <-watch.Updates():
			if !ok {
				return
			}
			if e != nil { // nil marks the end of what was there before
				entry(e)
			}
		case <-restored:
			return
		case <-ctx.Done():
			return
		}
	}
}

// signal tells any number of waiters that something happened.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

func newSignal() *signal { return &signal{ch: make(chan struct{})} }

// wait returns a channel that the next fire closes.
func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ch
}

func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.ch)
	s.ch = make(chan struct{})
}
