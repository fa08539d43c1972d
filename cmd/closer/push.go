package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web"
)

// pushOptions are the flags of push besides the recipe.
type pushOptions struct {
	to, key, out string
	noWait       bool
	patience     time.Duration
	parallel     int
}

func pushCommand() *cobra.Command {
	var recipe recon.Recipe
	var o pushOptions
	c := &cobra.Command{
		Use:   "push INPUT… --to URL",
		Short: "Push scans to a server, wait for them and fetch what it made",
		Long: `Push a scan (fastMRI or ISMRMRD .h5, or the DICOM files of a series) to a closer server and follow its job. The upload survives the death of
either side: a server that goes away is waited for, and the same command goes on where an interrupted one stopped, DICOM with the
first file that the server lacks. The same scan and recipe are the same job.

Inputs are files and directories, of which every .h5 and every DICOM file below them is taken; the DICOM files of a series are one scan.
Of several scans --parallel are uploaded at a time, and the results of each go into a directory of the file's name, or that the server
gives to the series. One that fails does not keep the others.`,
		Example: `  closer push scan.h5 --to http://127.0.0.1:8080 --accel 4 -o out
  closer push study/ --to http://127.0.0.1:8080 --accel 4 -o out`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return push(cmd.Context(), args, recipe, o)
		},
	}
	recipeFlags(c.Flags(), &recipe)
	f := c.Flags()
	f.StringVar(&o.to, "to", "", "address of the server, for example http://127.0.0.1:8080")
	f.StringVar(&o.key, "key", "", "file with the API key")
	f.StringVarP(&o.out, "output", "o", "", "directory for the results (made when it does not exist)")
	f.BoolVar(&o.noWait, "no-wait", false, "return as soon as the server has acknowledged the scan")
	f.DurationVar(&o.patience, "patience", 2*time.Minute, "how long to try without any progress")
	f.IntVar(&o.parallel, "parallel", 4, "uploads at a time")
	c.MarkFlagRequired("to")
	return c
}

func push(ctx context.Context, inputs []string, recipe recon.Recipe, o pushOptions) error {
	if err := recipe.Validate(); err != nil {
		return err
	}
	if o.parallel < 1 {
		return recon.Errorf(recon.Invalid, "%d uploads at a time are too few", o.parallel)
	}
	if o.noWait && o.out != "" {
		return recon.Errorf(recon.Invalid, "--no-wait leaves before there are results for --output")
	}
	server, err := newRemote(o.to, o.key, o.patience)
	if err != nil {
		return err
	}
	found, err := findScans(inputs)
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := makeOutput(o.out); err != nil {
			return err
		}
	}
	if len(found) == 1 {
		scan := found[0]
		scan.out = o.out
		if scan.send(ctx, server, recipe, false); scan.err == nil {
			fmt.Printf("job %s\nreceipt: %d bytes, SHA-256 %s, received %s\n",
				scan.receipt.Job, scan.receipt.Size, scan.receipt.SHA256, scan.receipt.Received.Format(time.RFC3339))
			if !o.noWait {
				scan.await(ctx, server)
			}
		}
		return scan.err
	}
	return pushAll(ctx, server, found, recipe, o)
}

// findScans are the .h5 files and the DICOM series that the inputs are or have below them.
func findScans(inputs []string) ([]*pushed, error) {
	dicom, err := findSeries(inputs)
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(slices.Clone(inputs), func(input string) bool {
		return slices.ContainsFunc(dicom, func(s *pushed) bool { return slices.Contains(s.series, input) })
	})
	volumes, err := findVolumes(others)
	switch {
	case recon.CodeOf(err) == recon.NotFound && len(dicom) == 0: // the inputs are there: findSeries has seen them
		return nil, recon.Errorf(recon.NotFound, "there is no .h5 file and no DICOM file below %s", strings.Join(others, ", "))
	case err != nil && recon.CodeOf(err) != recon.NotFound:
		return nil, err
	}
	var found []*pushed
	for _, path := range volumes {
		found = append(found, &pushed{path: path})
	}
	return append(found, dicom...), nil
}

// pushAll uploads several scans, some at a time, then waits for one after the other: the server runs them as it can anyway.
func pushAll(ctx context.Context, server *remote, scans []*pushed, recipe recon.Recipe, o pushOptions) error {
	var uploads errgroup.Group
	uploads.SetLimit(o.parallel)
	for _, scan := range scans {
		uploads.Go(func() error {
			if o.out != "" && scan.series == nil {
				scan.out = filepath.Join(o.out, scan.folder())
			}
			if scan.send(ctx, server, recipe, true); scan.err == nil {
				fmt.Printf("%s: job %s, %d bytes, SHA-256 %s\n", scan.path, scan.receipt.Job, scan.receipt.Size, scan.receipt.SHA256)
			} else {
				fmt.Fprintln(os.Stderr, scan.err)
			}
			if o.out != "" && scan.series != nil {
				scan.out = filepath.Join(o.out, scan.folder()) // which the server named
			}
			return nil
		})
	}
	uploads.Wait()
	var failed []error
	for _, scan := range scans {
		if scan.err == nil && !o.noWait {
			fmt.Printf("\n%s\n", scan.path)
			if scan.await(ctx, server); scan.err != nil {
				fmt.Fprintln(os.Stderr, scan.err)
			}
		}
		if scan.err != nil {
			failed = append(failed, scan.err)
		}
	}
	if failed != nil {
		return fmt.Errorf("%d of %d scans failed; the first: %w", len(failed), len(scans), failed[0])
	}
	return nil
}

// pushed is a scan, and what became of it.
type pushed struct {
	path    string   // of the file, or how a series is called
	series  []string // its DICOM files; none of an .h5
	name    string   // of the series
	out     string
	forget  func() // so that the same command tries again
	receipt web.Receipt
	err     error
}

// folder is the name of the directory for the results of one of several scans.
func (p *pushed) folder() string {
	if p.series != nil {
		return p.receipt.Scan
	}
	return strings.TrimSuffix(submissionName(p.path), ".h5")
}

// send uploads the scan.
func (p *pushed) send(ctx context.Context, server *remote, recipe recon.Recipe, quiet bool) {
	var err error
	if p.series != nil {
		s := newSeries(server, p.series, p.name, recipe)
		s.quiet, p.forget = quiet, func() {} // committing it again tries again
		p.receipt, err = s.run(ctx)
	} else {
		var up *upload
		if up, err = newUpload(server, p.path, recipe); err != nil {
			p.err = fmt.Errorf("%s: %w", p.path, err)
			return
		}
		defer up.Close()
		if p.out != "" {
			if p.err = ownDir(p.out, hex.EncodeToString(up.sum)); p.err != nil { // of DICOM only the report says what the input was
				return
			}
		}
		up.quiet, p.forget = quiet, up.forget
		p.receipt, err = up.run(ctx)
	}
	if err != nil {
		p.err = fmt.Errorf("push %s: %w", p.path, err)
	}
}

// await follows the job to its end and fetches what it made.
func (p *pushed) await(ctx context.Context, server *remote) {
	job, err := server.follow(ctx, p.receipt.Job, newProgress(os.Stderr).Update)
	switch {
	case err != nil:
		p.err = fmt.Errorf("follow job %s: %w", p.receipt.Job, err)
	case job.State != recon.Done:
		p.forget()
		p.err = jobFailure(job)
	default:
		p.err = results(ctx, server, job, p.out)
	}
}

// jobFailure is the sentence for a job that ended without a result.
func jobFailure(job recon.Job) error {
	if job.State == recon.StateCanceled {
		return fmt.Errorf("job %s was canceled", job.ID)
	}
	return fmt.Errorf("job %s failed: %s", job.ID, job.Error)
}

// results prints the table of a finished job and keeps its files below dir, unless that is "".
func results(ctx context.Context, server *remote, job recon.Job, dir string) error {
	var text bytes.Buffer
	if err := server.fetch(ctx, "/api/v1/jobs/"+job.ID+"/report.json", &text); err != nil {
		return fmt.Errorf("fetch the report: %w", err)
	}
	var report recon.Report
	if err := json.Unmarshal(text.Bytes(), &report); err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	if dir != "" {
		if err := renew(dir, report.Input.SHA256); err != nil {
			return err
		}
		// The report is first: what an interrupted fetch leaves is known by it, to renew and to readers.
		first := func(f recon.Artifact) int {
			if f.Name == "report.json" {
				return 0
			}
			return 1
		}
		slices.SortStableFunc(job.Results, func(a, b recon.Artifact) int { return cmp.Compare(first(a), first(b)) })
		for _, f := range job.Results {
			if !filepath.IsLocal(f.Name) {
				return fmt.Errorf("the server named a result %q, which is outside of %s", f.Name, dir)
			}
			path := filepath.Join(dir, f.Name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return fmt.Errorf("make output directory: %w", err)
			}
			err := writeFile(path, func(w io.Writer) error {
				return server.fetchBlob(ctx, "/api/v1/jobs/"+job.ID+"/artifacts/"+f.Name, f.SHA256, w)
			})
			if err != nil {
				return err
			}
		}
		fmt.Printf("%d files in %s: report.html, reconstruction.h5, dicom/\n", len(job.Results), dir)
	}
	printTable(os.Stdout, &report)
	return nil
}

// remote is a server, seen from a client that does not give up at once.
type remote struct {
	base     *url.URL
	key      string
	patience time.Duration
	client   *http.Client
	waiting  atomic.Bool // and the user was told so
}

func newRemote(address, keyFile string, patience time.Duration) (*remote, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("--to %q is not an address such as http://127.0.0.1:8080", address)
	}
	connect := max(min(patience, 10*time.Second), time.Nanosecond) // 0 would be no limit
	dialer := net.Dialer{Timeout: connect}
	r := &remote{base: base, patience: patience, client: &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: connect, ResponseHeaderTimeout: 5 * time.Minute,
	}}}
	if keyFile != "" {
		key, err := os.ReadFile(keyFile)
		if err != nil {
			return nil, fmt.Errorf("read the key: %w", err)
		}
		r.key = strings.TrimSpace(string(key))
	}
	return r, nil
}

// do sends a request and returns an answer whose status is a success; others become a *refusal.
func (s *remote) do(ctx context.Context, method, path string, body io.Reader, header map[string]string) (*http.Response, error) {
	path, query, _ := strings.Cut(path, "?")
	address := s.base.JoinPath(path)
	address.RawQuery = query
	r, err := http.NewRequestWithContext(ctx, method, address.String(), body)
	if err != nil {
		return nil, err
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	if s.key != "" {
		r.Header.Set("Authorization", "Bearer "+s.key)
	}
	response, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		defer response.Body.Close()
		return nil, refused(response)
	}
	return response, nil
}

// receipt of an upload.
func (s *remote) receipt(ctx context.Context, upload string) (r web.Receipt, err error) {
	response, err := s.do(ctx, http.MethodGet, upload+"/receipt", nil, nil)
	if err != nil {
		return r, err
	}
	defer response.Body.Close()
	return r, json.NewDecoder(response.Body).Decode(&r)
}

// job returns the record of a job, with its results.
func (s *remote) job(ctx context.Context, id string) (job recon.Job, err error) {
	var text bytes.Buffer
	if err := s.fetch(ctx, "/api/v1/jobs/"+id, &text); err != nil {
		return job, err
	}
	return job, json.Unmarshal(text.Bytes(), &job)
}

// fetch copies an answer to w, trying again while nothing of it has come.
func (s *remote) fetch(ctx context.Context, path string, w io.Writer) error {
	var response *http.Response
	err := s.persist(ctx, func(func()) (err error) {
		response, err = s.do(ctx, http.MethodGet, path, nil, nil)
		return err
	})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(w, response.Body)
	return err
}

// persist calls try until it succeeds, fails for good, or has made no progress for the remote's patience. try reports progress by
// calling the function it is given. Once in each time of waiting it says what for.
func (s *remote) persist(ctx context.Context, try func(progress func()) error) error {
	const first, longest = 250 * time.Millisecond, 10 * time.Second
	wait, until := first, time.Now().Add(s.patience)
	for {
		err := try(func() { wait, until = first, time.Now().Add(s.patience) })
		left := time.Until(until)
		switch {
		case err == nil || ctx.Err() != nil:
			s.waiting.Store(false)
			return errors.Join(err, ctx.Err())
		case final(err):
			return err
		case left <= 0:
			return fmt.Errorf("given up after %v without progress: %w", s.patience, err)
		}
		if s.waiting.CompareAndSwap(false, true) {
			fmt.Fprintln(os.Stderr, "waiting for the server:", err)
		}
		pause := wait
		if r := (*refusal)(nil); errors.As(err, &r) && r.after > 0 {
			pause = r.after
		}
		select {
		case <-time.After(min(pause, longest, left)): // the last time is at the end of the patience
		case <-ctx.Done():
		}
		wait = min(2*wait, longest)
	}
}

// final reports whether waiting cannot change an error: the server refused for good, its certificate is not trusted here, or it does not
// speak TLS.
func final(err error) bool {
	if r := (*refusal)(nil); errors.As(err, &r) {
		return !r.temporary()
	}
	var untrusted *tls.CertificateVerificationError
	return errors.As(err, &untrusted) || errors.Is(err, http.ErrSchemeMismatch)
}
