package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/closer-mri/closer/recon"
)

// tryTime bounds one request; a cluster that elects a leader answers later ones.
const tryTime = 5 * time.Second

// try calls op until the servers answer, ctx ends or the patience does. What op does must bear being done twice, since an answer
// can be lost.
func (q *Queue) try(ctx context.Context, op func(context.Context) error) error {
	start := time.Now()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := once(ctx, op)
		switch {
		case err == nil || !transient(err) && !errors.Is(err, nats.ErrConnectionClosed):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, nats.ErrConnectionClosed) || time.Since(start) > q.opts.Patience:
			return unanswered(err)
		}
		q.trouble.note()
		sleep(ctx, pause)
	}
}

func once(ctx context.Context, op func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	return op(ctx)
}

// transient reports whether the same request may be answered later: the connection is down or the cluster has no leader.
func transient(err error) bool {
	for _, target := range []error{
		context.DeadlineExceeded, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrConnectionReconnecting,
		nats.ErrReconnectBufExceeded, nats.ErrNoServers, jetstream.ErrNoStreamResponse,
		jetstream.ErrServerShutdown, // the server is restarted
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	var api *jetstream.APIError
	return errors.As(err, &api) && api.Code >= 500
}

// trouble is when the servers last did not answer. Workers that could not reach them then may live.
type trouble struct{ last atomic.Pointer[time.Time] } // with its monotonic reading; nil when they always did

func (t *trouble) note() {
	now := time.Now()
	t.last.Store(&now)
}

// pardon is how long from now the silence of a worker says nothing: until it had the lease time, since the trouble, to break it, and the
// time before that in which it waits for the answer to a request that was lost. A clock that is set meanwhile, as one is after a start,
// makes it neither longer nor shorter.
func (t *trouble) pardon(lease time.Duration) time.Duration {
	last := t.last.Load()
	if last == nil {
		return 0
	}
	return time.Until(last.Add(tryTime + lease))
}

func unanswered(cause error) error {
	return &recon.Error{Code: recon.Unavailable, Message: "the job queue does not answer", Cause: cause}
}

// sleep waits for about d, or for the end of ctx. The chance in it keeps processes that failed together from trying together.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
