package store

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/closer-mri/closer/recon"
)

// Connect opens the queue on the servers at the given addresses (nats://token@host:port, several separated by commas), creating
// it when it is new. It waits for servers that are still starting, for Options.Patience or until ctx ends.
//
// What an external cluster acknowledges survives the crash of a machine when a majority of Options.Replicas does; to survive the
// loss of power everywhere its servers need `sync_interval: always`, which the embedded server has.
func Connect(ctx context.Context, addresses string, opts Options) (*Queue, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	for address := range strings.SplitSeq(addresses, ",") {
		if u, err := url.Parse(strings.TrimSpace(address)); err != nil || u.Host == "" { // err would show the token
			return nil, recon.Errorf(recon.Invalid, "an address of the job queue is not of the form nats://host:port")
		}
	}
	q := &Queue{opts: opts.withDefaults(), restored: newSignal()}
	q.life, q.end = context.WithCancel(context.WithoutCancel(ctx))
	err := q.dial(ctx, addresses)
	if err == nil {
		err = q.open(ctx)
	}
	if err == nil && q.opts.Reconcile > 0 {
		err = q.reconcile(ctx)
	}
	if err != nil {
		if q.conn != nil {
			q.conn.Close()
		}
		q.end()
		return nil, err
	}
	if q.opts.Reconcile > 0 {
		go q.keepReconciled(q.life)
	}
	return q, nil
}

func (q *Queue) dial(ctx context.Context, addresses string) error {
	options := append([]nats.Option{
		nats.Name("closer"), nats.Timeout(tryTime), nats.MaxReconnects(-1),
		nats.ReconnectWait(200 * time.Millisecond), nats.ReconnectJitter(200*time.Millisecond, time.Second),
		nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(2), // notices a silent partition within half a minute
		nats.ReconnectHandler(func(*nats.Conn) { q.trouble.note(); q.restored.fire() }),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // the default prints; calls return their errors
	}, q.opts.Extra...)
	return q.try(ctx, func(context.Context) (err error) {
		q.conn, err = nats.Connect(addresses, options...)
		if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) {
			return &recon.Error{Code: recon.Unavailable, Message: "the job queue refuses the credentials", Cause: err}
		}
		return err
	})
}

func (q *Queue) subject(id string) string { return q.opts.Name + ".run." + id }

// open finds or creates the bucket, the stream and its consumer.
func (q *Queue) open(ctx context.Context) (err error) {
	if q.js, err = jetstream.New(q.conn, jetstream.WithDefaultTimeout(tryTime)); err != nil {
		return err
	}
	bucket := q.opts.Name + "-jobs"
	recordStream, err := q.adopt(ctx, jetstream.StreamConfig{ // what a key-value bucket with one revision is made of
		Name: "KV_" + bucket, Subjects: []string{"$KV." + bucket + ".>"}, Description: "closer: job records",
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, AllowRollup: true, DenyDelete: true,
		AllowDirect: false, // a bucket made by the client has it: then any replica answers reads, and one that lags answers wrongly
	})
	if err != nil {
		return err
	}
	if q.runs, err = q.adopt(ctx, jetstream.StreamConfig{
		Name: q.opts.Name + "-run", Subjects: []string{q.subject("*")}, Description: "closer: jobs to run",
		Retention: jetstream.WorkQueuePolicy,
	}); err != nil {
		return err
	}
	if err := q.try(ctx, func(ctx context.Context) (err error) {
		q.records, err = q.js.KeyValue(ctx, bucket)
		return err
	}); err != nil {
		return err
	}
	q.mirror = newMirror(recordStream)
	q.identity = bucket + " of " + recordStream.CachedInfo().Created.UTC().Format(time.RFC3339Nano)
	return q.openWorkers(ctx)
}

// adopt returns the stream, created or with the replicas asked for.
func (q *Queue) adopt(ctx context.Context, config jetstream.StreamConfig) (stream jetstream.Stream, err error) {
	config.Storage, config.Replicas = jetstream.FileStorage, max(1, q.opts.Replicas)
	return stream, q.try(ctx, func(ctx context.Context) error {
		stream, err = q.js.Stream(ctx, config.Name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			stream, err = q.js.CreateStream(ctx, config)
		case err == nil && q.opts.Replicas > 0 && stream.CachedInfo().Config.Replicas != q.opts.Replicas:
			stream, err = q.js.UpdateStream(ctx, config)
		}
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // created by another process since it was looked up
			stream, err = q.js.Stream(ctx, config.Name)
		}
		return err
	})
}

func (q *Queue) openWorkers(ctx context.Context) error {
	const name = "workers"
	config := jetstream.ConsumerConfig{
		Durable: name, Description: "closer: hands jobs to workers", AckPolicy: jetstream.AckExplicitPolicy, AckWait: q.opts.Lease,
		MaxDeliver: -1, // the record counts the attempts: a delivery that a worker gave back is none
		// Each job that runs is unacknowledged, so a limit here would be one on the number of workers.
		MaxAckPending: -1,
	}
	return q.try(ctx, func(ctx context.Context) (err error) {
		q.workers, err = q.runs.Consumer(ctx, name)
		switch {
		case errors.Is(err, jetstream.ErrConsumerNotFound):
			if config.AckWait == 0 {
				config.AckWait = DefaultLease
			}
			q.workers, err = q.runs.CreateOrUpdateConsumer(ctx, config)
		case err == nil && q.opts.Lease > 0 && q.workers.CachedInfo().Config.AckWait != q.opts.Lease:
			q.workers, err = q.runs.UpdateConsumer(ctx, config)
		}
		if err == nil {
			q.lease = q.workers.CachedInfo().Config.AckWait
		}
		return err
	})
}
