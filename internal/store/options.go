package store

import (
	"regexp"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/closer-mri/closer/recon"
)

// Defaults of Options.
const (
	DefaultName        = "closer"
	DefaultLease       = 30 * time.Second
	DefaultMaxAttempts = 3
	DefaultPatience    = 20 * time.Second
)

// Options of a queue. The zero value is usable: each field says what its zero means.
type Options struct {
	// Lease is how long a worker may be silent before its job is given to another. It belongs to the queue, not to the process:
	// 0 keeps what the queue has (DefaultLease when it is new), so that only the server needs to say it.
	Lease time.Duration
	// MaxAttempts is how many workers a job may lose without getting further before it fails; 0 is DefaultMaxAttempts.
	MaxAttempts int
	// MaxQueued is how many jobs may wait; Submit answers Busy beyond it. Concurrent submits may overshoot it by their
	// number. 0 is no limit.
	MaxQueued int

	// The rest is for JetStream only.

	// Name is the prefix of the stream and bucket names, so that one cluster can serve several queues; "" is DefaultName.
	Name string
	// Replicas is how many servers of the cluster keep each record; 0 keeps what the queue has (1 when it is new).
	Replicas int
	// Reconcile is how often queued jobs without a message are looked for, and also does it once in Connect; 0 is never. The
	// server wants it, workers do not need it.
	Reconcile time.Duration
	// Patience is how long a call keeps trying while the servers do not answer; 0 is DefaultPatience. A context may end sooner.
	Patience time.Duration
	// Server is the one that the queue is on when it is in this process: Ready asks it too. A cluster is asked by its own monitoring.
	Server *Server
	// Extra is passed to the NATS client: credentials, certificates.
	Extra []nats.Option
}

func (o Options) withDefaults() Options {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = DefaultMaxAttempts
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	return o
}

// Validate says in a sentence what is wrong.
func (o Options) Validate() error {
	switch {
	case o.Lease < 0 || o.MaxAttempts < 0 || o.MaxQueued < 0 || o.Replicas < 0 || o.Reconcile < 0 || o.Patience < 0:
		return recon.Errorf(recon.Invalid, "a queue option is negative")
	case o.Name != "" && !validID.MatchString(o.Name):
		return recon.Errorf(recon.Invalid, "the queue name %q has characters other than letters, digits, hyphens and underscores", o.Name)
	}
	return nil
}

// validID is what job identifiers must look like: they become keys and subjects.
var validID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

func checkID(id string) error {
	if !validID.MatchString(id) {
		return recon.Errorf(recon.Invalid, "a job identifier has up to 128 letters, digits, hyphens and underscores")
	}
	return nil
}
