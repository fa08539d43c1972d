// Package web is the HTTP API: scans are pushed, jobs are followed and results are read. It knows the queue and the blob store
// only as recon's contracts, and parses nothing of an upload but its first bytes: that is done in a sandbox by Config.Inspect.
package web

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/recon"
)

// Config is what the API needs. Queue, Blobs and Reviews are required; the zero value of the rest is usable.
type Config struct {
	Queue     recon.Queue
	Blobs     recon.Blobs
	Reviews   recon.Reviews
	Models    []recon.Model // the networks that jobs use: part of a job's identity
	Version   string
	MaxUpload int64  // bytes; 0 is DefaultMaxUpload
	DataDir   string // for uploads that are not finished; "" is a temporary directory
	Keys      string // path of the keys file; "" is no authentication
	// OwnHost refuses requests that are for another host than this machine and Hosts, as pages of other sites make them by DNS
	// rebinding. It is for a server without keys.
	OwnHost bool
	Hosts   []string
	// UploadsPerClient is how many requests of one client may bring scans at a time; 0 is no limit.
	UploadsPerClient int
	Log              *slog.Logger // nil is slog.Default
	// CheckRecipe says what is wrong with a recipe beyond Recipe.Validate; nil is nothing.
	CheckRecipe func(recon.Recipe) error
	// Inspect opens an upload in the sandboxed child; its error says why the file is unreadable. nil accepts all.
	Inspect func(ctx context.Context, path string) error
	// Deidentify returns a DICOM file, which it reads to its end, without what identifies a patient; its error says why it is not to
	// be taken. It is called before anything is written, so DICOM is then taken whole and not by resumable uploads. nil takes files
	// as they are.
	Deidentify func(r io.Reader) ([]byte, error)
	// Intake holds the instances of scans that come in several requests; nil holds none.
	Intake recon.Intake
	// DICOMweb answers below /dicom-web; nil is none.
	DICOMweb http.Handler

	keepAlive time.Duration                                            // how often an event stream says that it lives; 0 is 15 s
	grace     time.Duration                                            // how long a body may bring nothing; 0 is 30 s
	minFree   int64                                                    // bytes that must stay free in DataDir; 0 is 1 GiB
	free      func(dir string) (bytes int64, share float64, err error) // nil is durable.Free
}

// DefaultMaxUpload is above every fastMRI file.
const DefaultMaxUpload = 8 << 30

// api is the state behind the handlers.
type api struct {
	Config
	keys      func() *keyring // as they are now; nil without authentication
	sessions  *sessions
	crowd     crowd
	metrics   *metrics
	inspect   *semaphore.Weighted // sandboxed children at a time
	uploads   *uploads
	readiness singleflight.Group
}

// New returns the handler of the whole API. It keeps unfinished uploads in DataDir; SweepUploads forgets those that were abandoned.
func New(c Config) (http.Handler, error) {
	if c.MaxUpload == 0 {
		c.MaxUpload = DefaultMaxUpload
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.grace == 0 {
		c.grace = 30 * time.Second
	}
	if c.keepAlive == 0 {
		c.keepAlive = 15 * time.Second
	}
	if c.minFree == 0 {
		c.minFree = 1 << 30
	}
	if c.free == nil {
		c.free = durable.Free
	}
	if c.DataDir == "" {
		dir, err := os.MkdirTemp("", "closer-web-")
		if err != nil {
			return nil, fmt.Errorf("make a directory for uploads: %w", err)
		}
		c.DataDir = dir
	}
	a := &api{Config: c, crowd: crowd{under: map[string]int{}}, inspect: semaphore.NewWeighted(int64(runtime.NumCPU()))}
	if err := os.RemoveAll(a.spool()); err != nil { // bodies that a crash cut off: nobody was told that they arrived
		return nil, fmt.Errorf("clear the spool: %w", err)
	}
	if err := os.MkdirAll(a.spool(), 0o700); err != nil {
		return nil, fmt.Errorf("make the spool: %w", err)
	}
	if c.Keys != "" {
		file, err := watchKeys(c.Keys, c.Log)
		if err != nil {
			return nil, err
		}
		a.keys = file.current
		if a.sessions, err = newSessions(a.keys, c.Blobs); err != nil {
			return nil, err
		}
	}
	a.metrics = newMetrics(c.Queue, c.Blobs, c.Version)
	var err error
	if a.uploads, err = newUploads(a, filepath.Join(c.DataDir, uploadsDir)); err != nil {
		return nil, err
	}
	return a.routes(), nil
}

func (a *api) spool() string { return filepath.Join(a.DataDir, "spool") }

// Server returns a server with the limits that the handler cannot set itself: on headers, and on connections that bring none. There
// is no limit on a whole request, which may be an upload of hours: the handler moves a deadline as bytes come.
func Server(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
}
