package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/fastmri"
	"github.com/closer-mri/closer/internal/intake"
	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/score"
	"github.com/closer-mri/closer/unet"
	"github.com/closer-mri/closer/web"
	"github.com/closer-mri/closer/web/dicomweb"
	"github.com/closer-mri/closer/web/pacs"
)

// serveOptions are the flags of the server.
type serveOptions struct {
	listen            string
	hosts             []string
	data              string
	nats, blobs       string
	tlsCert, tlsKey   string
	keys              string
	insecure          bool
	workers, attempts int
	replicas          int
	lease             time.Duration
	queueLimit        int
	uploadsPerClient  int
	maxUpload         int64 // MiB
	keep, keepUploads span
	engine            engine
	dicomOrigins      []string
	dicomURL          string
	deidentify        string // file of the secret
	pacs              string
	pacsCredentials   string
}

func serveCommand() *cobra.Command {
	o := serveOptions{keepUploads: span(7 * 24 * time.Hour)}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Take scans over HTTP, reconstruct them, and give back images and reports",
		Long: `Take scans over HTTP and reconstruct them, until it is asked to stop. The queue (NATS JetStream) and all files are in --data,
and a worker process is started and kept running; --nats and --blobs use services that other hosts share instead.
What was acknowledged survives a crash of any of it. $CLOSER_NATS stands in for --nats, which may hold a secret: every user sees arguments.`,
		Example: "  closer serve --data /var/lib/closer",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address; one that is not loopback needs TLS and keys")
	f.StringSliceVar(&o.hosts, "host", nil, "name that requests may call a server without keys by, besides those of its own machine (repeatable; default any where others reach it)")
	f.StringVar(&o.data, "data", "closer-data", "directory of the queue and the files")
	f.StringVar(&o.nats, "nats", os.Getenv(natsVariable), "address of a NATS cluster, instead of the queue in --data")
	f.IntVar(&o.replicas, "replicas", 0, "servers of the NATS cluster that keep each job: 3 survives the loss of one (default what the queue has, 1 when it is new)")
	f.StringVar(&o.blobs, "blobs", "", "where inputs and results are, a directory or s3://BUCKET?region=REGION, instead of --data")
	f.StringVar(&o.tlsCert, "tls-cert", "", "certificate, PEM")
	f.StringVar(&o.tlsKey, "tls-key", "", "its private key, PEM")
	f.StringVar(&o.keys, "keys", "", "file of the clients' keys")
	f.BoolVar(&o.insecure, "insecure", false, "listen anywhere without TLS and keys")
	f.IntVar(&o.workers, "workers", 1, "worker processes to start here; 0 leaves the work to other hosts")
	f.IntVar(&o.attempts, "attempts", store.DefaultMaxAttempts, "workers that a job may lose without getting further before it fails")
	f.DurationVar(&o.lease, "lease", 0, fmt.Sprintf("how long a worker may be silent before its job is given to another (default %v)", store.DefaultLease))
	f.IntVar(&o.queueLimit, "queue-limit", 1000, "jobs that may wait; 0 is no limit")
	f.IntVar(&o.uploadsPerClient, "uploads-per-client", 16, "uploads of one client at a time; 0 is no limit")
	f.Int64Var(&o.maxUpload, "max-upload", web.DefaultMaxUpload>>20, "largest input, MiB")
	f.Var(&o.keep, "keep", "how long a job stays after its end, with its scan and results, for example 30d (default for ever)")
	f.Var(&o.keepUploads, "keep-uploads", "how long an upload, or a DICOM series that is not committed, may be silent before it is forgotten; 0 is for ever")
	f.StringSliceVar(&o.dicomOrigins, "dicomweb-origin", nil, "origin of a viewer whose pages may use /dicom-web (repeatable)")
	f.StringVar(&o.dicomURL, "dicomweb-url", "", "URL of /dicom-web as viewers see it, when it is not that of their requests")
	f.StringVar(&o.pacs, "pacs", "", "URL of an archive's DICOMweb service, https://host/dicom-web, that is sent every series of jobs that are done")
	f.StringVar(&o.pacsCredentials, "pacs-credentials", "", `file that holds "Basic USER:PASSWORD" or "Bearer TOKEN" for the archive`)
	o.engine.bindWorker(f)
	f.Lookup("keep").DefValue = ""
	f.StringVar(&o.deidentify, "deidentify-ingest", "", "take the patient out of DICOM before it is written, with the secret in this file, which is made when it does not exist")
	f.Lookup("nats").DefValue = "" // the help must not print the environment
	return c
}

// reconcileTime is how often jobs are looked for that were stored by a server which then crashed before it announced them.
const reconcileTime = 30 * time.Second

func serve(ctx context.Context, o serveOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	syscall.Umask(0o077) // also for the files of libraries
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	encryption, err := o.encryption(log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen) // first: a second server by mistake should not touch the data
	if err != nil {
		return recon.Errorf(recon.Unavailable, "listen: %w", err)
	}
	defer listener.Close()
	scratch := filepath.Join(o.data, "web")
	lock, err := store.LockDir(scratch) // also with a queue elsewhere: uploads that are not finished are only here
	if err != nil {
		return fmt.Errorf("hold the uploads: %w", err)
	}
	defer lock.Close()
	var embedded *store.Server
	if o.nats == "" {
		embedded, err = store.StartServer(filepath.Join(o.data, "queue"), store.ServerOptions{})
		if err != nil {
			return err
		}
		defer embedded.Close()
		o.nats = embedded.URL()
	}
	if o.blobs == "" {
		if o.blobs, err = filepath.Abs(filepath.Join(o.data, "blobs")); err != nil {
			return fmt.Errorf("data directory: %w", err)
		}
	}
	blobs, err := store.OpenBlobs(ctx, o.blobs)
	if err != nil {
		return err
	}
	defer blobs.Close()
	queue, err := store.Connect(ctx, o.nats, store.Options{
		Lease: o.lease, MaxAttempts: o.attempts, MaxQueued: o.queueLimit, Replicas: o.replicas, Reconcile: reconcileTime,
		Server: embedded,
	})
	if err != nil {
		return err
	}
	defer queue.Close()
	if err := recon.CheckFiles(ctx, queue, blobs); err != nil {
		return recon.Errorf(recon.Unavailable, "%w: is the directory of --data or --blobs the right one, and mounted? Where they are lost for good, start with a new queue", err)
	}
	reviews, err := queue.Reviews(ctx)
	if err != nil {
		return err
	}
	networks := models()
	deidentify, err := o.deidentifier()
	if err != nil {
		return err
	}
	taken, err := intake.New(intake.Config{
		Queue: queue, Blobs: blobs, Models: networks, Dir: filepath.Join(scratch, "series"), Inspect: inspect, Log: log,
	})
	if err != nil {
		return err
	}
	here, _, _ := net.SplitHostPort(listener.Addr().String())
	asked, _, _ := net.SplitHostPort(o.listen)
	inspecting := inspectPushed
	if deidentify != nil {
		inspecting = inspectAnonymous
	}
	handler, err := web.New(web.Config{
		OwnHost: o.keys == "" && (web.Loopback(here) || o.hosts != nil), Hosts: append(o.hosts, asked),
		Queue: queue, Blobs: blobs, Reviews: reviews, Intake: taken, Models: networks, Version: version, MaxUpload: o.maxUpload << 20,
		UploadsPerClient: o.uploadsPerClient, DataDir: scratch, Keys: o.keys, Log: log,
		CheckRecipe: checkRecipe, Inspect: inspecting, Deidentify: deidentify,
		DICOMweb: dicomweb.New(dicomweb.Config{
			Library: dicomweb.Results(queue, blobs), Log: log, CORS: o.dicomOrigins, URL: o.dicomURL, MaxRequest: o.maxUpload << 20,
			Spool: filepath.Join(scratch, "spool"), Store: taken.Store, Hold: taken.HoldAll, Deidentify: deidentify,
		}),
	})
	if err != nil {
		return err
	}

	var sender *pacs.Sender
	if o.pacs != "" {
		if sender, err = pacs.New(pacs.Config{Queue: queue, Blobs: blobs, URL: o.pacs, Credentials: o.pacsCredentials, Log: log}); err != nil {
			return err
		}
		if !private(o.pacs) {
			log.Warn("images of patients travel to the archive in clear: use https for --pacs")
		}
	}

	ctx, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait() // before the queue is closed: workers give their jobs back
	defer stop()
	background.Go(func() {
		retain(ctx, recon.Retention{Queue: queue, Blobs: blobs, Keep: time.Duration(o.keep), Archive: sender != nil}, newRetentionClock(log),
			func(now time.Time) error {
				if o.keepUploads == 0 {
					return nil
				}
				silent := now.Add(-time.Duration(o.keepUploads))
				return errors.Join(web.SweepUploads(scratch, silent, log), taken.Sweep(silent))
			}, log)
	})
	for range o.workers {
		background.Go(func() { supervise(ctx, o.worker, log) })
	}
	if sender != nil {
		background.Go(func() { sender.Run(ctx) })
	}
	return listen(ctx, listener, handler, encryption, log)
}

// stopTime is how long requests and workers may take to end.
const stopTime = 15 * time.Second

// encryption is what connections are encrypted with; nil when they are not.
func (o serveOptions) encryption(log *slog.Logger) (*tls.Config, error) {
	if o.tlsCert == "" {
		return nil, nil
	}
	certificate, err := web.Certificate(o.tlsCert, o.tlsKey, log)
	if err != nil {
		return nil, recon.Errorf(recon.Invalid, "--tls-cert and --tls-key: %w", err)
	}
	return &tls.Config{GetCertificate: certificate}, nil
}

// listen answers requests until ctx ends, encrypted unless encryption is nil.
func listen(ctx context.Context, listener net.Listener, handler http.Handler, encryption *tls.Config, log *slog.Logger) error {
	requests, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	server := web.Server(handler)
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	server.BaseContext = func(net.Listener) context.Context { return requests }
	server.TLSConfig = encryption
	failed := make(chan error, 1)
	go func() {
		if encryption != nil {
			failed <- server.ServeTLS(listener, "", "")
		} else {
			failed <- server.Serve(listener)
		}
	}()
	log.Info("server ready", "address", listener.Addr().String())
	select {
	case err := <-failed:
		return recon.Errorf(recon.Unavailable, "serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("server stops")
	time.AfterFunc(time.Second, func() { // streams of events never end by themselves
		end(recon.Errorf(recon.Unavailable, "the server is being stopped"))
	})
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := server.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop the server: %w", err)
	}
	return nil
}

// models are the networks of this program, which workers of the same version run.
func models() []recon.Model {
	var out []recon.Model
	for _, m := range []struct {
		name string
		file []byte
	}{{"unet", unet.Weights}, {"score", score.Weights}} {
		sum := sha256.Sum256(m.file)
		out = append(out, recon.Model{Name: m.name, SHA256: hex.EncodeToString(sum[:])})
	}
	return out
}

// inspect opens an upload in the sandbox.
func inspect(ctx context.Context, path string) error {
	scan, err := open(ctx, path)
	if err != nil {
		return err
	}
	return scan.Close()
}

// inspectPushed is inspect for a file that is pushed alone: DICOM is served under its UIDs, as intake.Intake holds it, which must be some.
func inspectPushed(ctx context.Context, path string) error {
	scan, err := open(ctx, path)
	if err != nil {
		return err
	}
	if scan.Header().Format == "dicom" {
		_, err = dicomio.Identify(path)
	}
	return errors.Join(err, scan.Close())
}

// inspectAnonymous is inspect for a server that keeps no patient: raw data that names one is Invalid.
func inspectAnonymous(ctx context.Context, path string) error {
	scan, err := open(ctx, path)
	if err != nil {
		return err
	}
	if file, ok := scan.(*fastmri.Scan); ok && file.NamesSubject() {
		err = recon.Errorf(recon.Invalid, "the file's ISMRMRD header names its subject (subjectInformation), and this server keeps no patient: empty patientName, patientID and patientBirthdate first")
	}
	return errors.Join(err, scan.Close())
}
