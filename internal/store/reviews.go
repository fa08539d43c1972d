package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/closer-mri/closer/recon"
)

// reviews keeps each review under a key of its own, job.id, in a bucket that lets nothing be deleted or replaced.
type reviews struct {
	queue   *Queue // for its connection
	stream  jetstream.Stream
	entries jetstream.KeyValue
}

// Reviews returns the reviews that are kept on the same servers.
func (q *Queue) Reviews(ctx context.Context) (recon.Reviews, error) {
	bucket := q.opts.Name + "-reviews"
	stream, err := q.adopt(ctx, jetstream.StreamConfig{ // a key-value bucket, as for the records
		Name: "KV_" + bucket, Subjects: []string{"$KV." + bucket + ".>"}, Description: "closer: what readers said of results",
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, DenyDelete: true, DenyPurge: true,
	})
	if err != nil {
		return nil, err
	}
	r := &reviews{queue: q, stream: stream}
	return r, q.try(ctx, func(ctx context.Context) (err error) {
		r.entries, err = q.js.KeyValue(ctx, bucket)
		return err
	})
}

func checkReview(r recon.Review) error {
	if err := checkID(r.Job); err != nil {
		return err
	}
	return checkID(r.ID)
}

// Add implements recon.Reviews.
func (s *reviews) Add(ctx context.Context, r recon.Review) error {
	if err := checkReview(r); err != nil {
		return err
	}
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	key := r.Job + "." + r.ID
	return s.queue.try(ctx, func(ctx context.Context) error {
		_, err := s.entries.Create(ctx, key, value)
		if !isConflict(err) {
			return err
		}
		stored, err := s.entries.Get(ctx, key)
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound): // the leader refuses a second writer before the first is stored, which it may never be
			return errNotYet
		case err == nil && !bytes.Equal(stored.Value(), value): // equal when it was stored but the answer was lost
			return reviewExists()
		}
		return err
	})
}

// List implements recon.Reviews. The leader says how many there are; a replica that reads may lag behind it.
func (s *reviews) List(ctx context.Context, job string) (list []recon.Review, err error) {
	keys := ">"
	if job != "" {
		if err := checkID(job); err != nil {
			return nil, notFound()
		}
		keys = job + ".*"
	}
	return list, s.queue.try(ctx, func(ctx context.Context) error {
		subject := "$KV." + s.entries.Bucket() + "." + keys
		info, err := s.stream.Info(ctx, jetstream.WithSubjectFilter(subject))
		if err != nil {
			return err
		}
		if list, err = s.read(ctx, keys); err == nil && len(list) < len(info.State.Subjects) {
			err = errNotYet
		}
		return err
	})
}

var errNotYet = fmt.Errorf("a write is on its way: %w", jetstream.ErrNoStreamResponse) // transient, as the latter is

// read returns what the replica that answers has, in the order of the revisions.
func (s *reviews) read(ctx context.Context, keys string) (list []recon.Review, err error) {
	watch, err := s.entries.Watch(ctx, keys)
	if err != nil {
		return nil, err
	}
	defer watch.Stop()
	for {
		select {
		case e, open := <-watch.Updates():
			switch {
			case !open:
				return nil, jetstream.ErrNoStreamResponse
			case e == nil: // the end of what is there
				return list, nil
			}
			var r recon.Review
			if err := json.Unmarshal(e.Value(), &r); err != nil {
				return nil, err
			}
			list = append(list, r)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// MemoryReviews are reviews that live as long as the process. The zero value is empty.
type MemoryReviews struct {
	mu   sync.Mutex
	list []recon.Review
}

var _ recon.Reviews = (*MemoryReviews)(nil)

// Add implements recon.Reviews.
func (m *MemoryReviews) Add(ctx context.Context, r recon.Review) error {
	if err := errors.Join(checkReview(r), ctx.Err()); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.list, func(o recon.Review) bool { return o.Job == r.Job && o.ID == r.ID }) {
		return reviewExists()
	}
	m.list = append(m.list, r)
	return nil
}

// List implements recon.Reviews.
func (m *MemoryReviews) List(ctx context.Context, job string) (list []recon.Review, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.list {
		if job == "" || r.Job == job {
			list = append(list, r)
		}
	}
	return list, ctx.Err()
}

func reviewExists() error { return recon.Errorf(recon.Conflict, "this was answered already") }
