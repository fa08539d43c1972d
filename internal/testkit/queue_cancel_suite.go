package testkit

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/closer-mri/closer/recon"
)

func cancelQueued(t *testing.T, c queueCase) {
	c.submit("one")
	job, err := c.q.Cancel(c.ctx, "one")
	if err != nil || job.State != recon.StateCanceled || job.Finished.IsZero() {
		t.Fatalf("canceled as %+v, %v", job, err)
	}
	_, err = c.q.Cancel(c.ctx, "one")
	c.code(recon.Conflict, err)
	_, err = c.q.Cancel(c.ctx, "absent")
	c.code(recon.NotFound, err)
	c.submit("two")
	if id := c.claim().Job().ID; id != "two" {
		t.Errorf("claimed %s", id)
	}
	c.noClaim(300 * time.Millisecond)
}

func cancelRunning(t *testing.T, c queueCase) {
	c.submit("one")
	lease := c.claim()
	_, err := c.open().Cancel(c.ctx, "one")
	c.must(err)
	c.closed("the holder", lease.Lost())
	c.lost(lease)
	c.job("one", recon.StateCanceled)
}

// cancelAgainstUpdates cancels jobs while their holders write as fast as they can: without a compare-and-set a writer that read
// the record before the cancel would bring the job back.
func cancelAgainstUpdates(t *testing.T, c queueCase) {
	other := c.open()
	for i := range 10 {
		id := fmt.Sprint("job", i)
		c.submit(id)
		lease := c.claim()
		started, ended := make(chan struct{}), make(chan error, 3)
		for w := range cap(ended) {
			go func() {
				for n := 0; ; n++ {
					if err := lease.Update(c.ctx, recon.JobProgress{SlicesDone: n}, nil); err != nil {
						ended <- err
						return
					}
					if w == 0 && n == 0 {
						close(started)
					}
				}
			}()
		}
		<-started
		_, err := other.Cancel(c.ctx, id)
		c.must(err)
		for range cap(ended) {
			if err := <-ended; !errors.Is(err, recon.ErrLeaseLost) {
				t.Errorf("an update of a canceled job: %v", err)
			}
		}
		c.job(id, recon.StateCanceled)
	}
}

func cancelAndResubmit(t *testing.T, c queueCase) {
	c.submit("one")
	stale := c.claim()
	_, err := c.q.Cancel(c.ctx, "one")
	c.must(err)
	c.submit("one")
	start := time.Now()
	lease := c.claim()
	if wait := time.Since(start); wait > 10*time.Second {
		t.Errorf("the job ran again after %v", wait)
	}
	c.lost(stale)
	c.must(lease.Finish(c.ctx, nil, nil))
	c.noClaim(300 * time.Millisecond)
	c.job("one", recon.Done)
}
