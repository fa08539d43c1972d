package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/closer-mri/closer/recon"
)

// An outage of the queue or of the blob store is waited for, with pauses that grow.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// outlast calls f again while what it needs is unavailable, until ctx ends.
func outlast(ctx context.Context, log *slog.Logger, f func() error) error {
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		err := f()
		if recon.CodeOf(err) != recon.Unavailable || ctx.Err() != nil {
			return err
		}
		log.Warn("waiting for a service", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// patientSlices is a checkpoint that outlasts the blob store's outages.
type patientSlices struct {
	recon.JobCheckpoint
	log *slog.Logger
}

func (s patientSlices) Load(ctx context.Context, method recon.Method, index int) (result recon.SliceResult, found bool, err error) {
	err = outlast(ctx, s.log, func() (err error) {
		result, found, err = s.JobCheckpoint.Load(ctx, method, index)
		return err
	})
	return result, found, err
}

func (s patientSlices) Save(ctx context.Context, method recon.Method, index int, result recon.SliceResult) error {
	return outlast(ctx, s.log, func() error { return s.JobCheckpoint.Save(ctx, method, index, result) })
}

// lingering is ctx, ending by endTime later.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	linger, end := context.WithCancel(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(ctx, func() { time.AfterFunc(endTime, end) })
	return linger, func() { unwatch(); end() }
}
