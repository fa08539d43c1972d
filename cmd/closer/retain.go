package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/closer-mri/closer/recon"
)

// retain deletes what is not kept any more by a clock, now and then, until ctx ends. Several servers may do so at the same time.
func retain(ctx context.Context, r recon.Retention, clock *retentionClock, sweepUploads func(now time.Time) error, log *slog.Logger) {
	r.Deleted = func(job recon.Job) {
		log.Info("audit", "action", "expire", "key", "server", "scan", job.Scan, "job", job.ID, "finished", job.Finished)
	}
	for ticker := time.NewTicker(sweepEvery(r.Keep)); ; {
		now := clock.now()
		swept, err := r.Sweep(ctx, now)
		err = errors.Join(err, sweepUploads(now))
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			log.Warn("what is not kept any more could not be deleted", "error", err)
		}
		if swept != (recon.Swept{}) {
			log.Info("swept", "files", swept.Contents, "slices", swept.Pieces, "bytes", swept.Bytes)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// sweepEvery is an hour, or less for those who keep things for less than days.
func sweepEvery(keep time.Duration) time.Duration {
	if keep == 0 {
		return time.Hour
	}
	return min(max(keep/24, time.Second), time.Hour)
}

// span is a flag for a long time: 30d, or as Go writes durations, 36h.
type span time.Duration

// Set implements pflag.Value.
func (s *span) Set(v string) error {
	d, err := time.ParseDuration(v)
	if n, days := strings.CutSuffix(v, "d"); days {
		var count uint64
		count, err = strconv.ParseUint(n, 10, 16) // more would overflow a duration
		d = time.Duration(count) * 24 * time.Hour
	}
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no time such as 30d or 36h", v)
	}
	*s = span(d)
	return nil
}

// String implements pflag.Value.
func (s *span) String() string {
	d := time.Duration(*s)
	if days := d / (24 * time.Hour); days > 0 && d == days*24*time.Hour {
		return fmt.Sprintf("%dd", days)
	}
	return d.String()
}

// Type implements pflag.Value.
func (s *span) Type() string { return "time" }
