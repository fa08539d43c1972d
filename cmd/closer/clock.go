package main

import (
	"log/slog"
	"time"
)

// A clock that goes ahead of the time that passes by more than aheadTime was set, or the machine slept. It is believed once it has been so
// for trustTime.
const (
	aheadTime = time.Minute
	trustTime = 24 * time.Hour
)

// retentionClock is the time by which things are old enough to be deleted. A clock that is set forward by mistake would make everything
// so at once; there is a day to set it right again.
type retentionClock struct {
	wall   func() time.Time
	passed func() time.Duration // since some moment, whatever happens to the clock
	log    *slog.Logger

	base  time.Time     // that was believed
	at    time.Duration // passed then
	ahead time.Duration // passed when the clock was found ahead; 0 while it is not
}

func newRetentionClock(log *slog.Logger) *retentionClock {
	start := time.Now()
	return &retentionClock{wall: time.Now, passed: func() time.Duration { return time.Since(start) }, log: log, base: start.Round(0)}
}

// now is what the clock says, or less.
func (c *retentionClock) now() time.Time {
	wall, passed := c.wall().Round(0), c.passed()
	expected := c.base.Add(passed - c.at)
	switch {
	case wall.Sub(expected) <= aheadTime:
		c.ahead = 0
	case c.ahead == 0:
		c.ahead = passed
		c.log.Warn("the clock was set forward: nothing is deleted by it for a day", "by", wall.Sub(expected))
	case passed-c.ahead >= trustTime:
		c.log.Warn("the clock is believed again", "by", wall.Sub(expected))
		c.base, c.at, c.ahead = wall, passed, 0
		return wall
	}
	if wall.Before(expected) {
		return wall
	}
	return expected
}
