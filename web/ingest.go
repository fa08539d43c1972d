package web

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"time"

	"github.com/closer-mri/closer/recon"
)

// Receipt acknowledges a scan: its bytes and its job are durable.
type Receipt struct {
	Scan     string    `json:"scan"`
	Job      string    `json:"job"`
	SHA256   string    `json:"sha256"`
	Size     int64     `json:"size"`
	Received time.Time `json:"received"` // when the job was first accepted
}

// arrival is an upload that is complete on the local disk.
type arrival struct {
	path    string
	recipe  recon.Recipe
	sha256  string // of the file
	arrived string // SHA-256 of the bytes as they arrived, "" when they are the file
	size    int64
	media   string // declared media type; "" when none was
	digest  string // declared SHA-256; "" when none was
}

func (up arrival) remove() {
	if up.path != "" {
		os.Remove(up.path)
	}
}

// intact compares the bytes with the declared digest.
func (up arrival) intact() error {
	if arrived := cmp.Or(up.arrived, up.sha256); up.digest != "" && up.digest != arrived {
		return problemf(http.StatusBadRequest, "the bytes that arrived have SHA-256 %s, not the declared %s", arrived, up.digest)
	}
	return nil
}

// ingest makes a job of an arrival and acknowledges it; created is false when the same bytes and recipe had arrived before.
func (a *api) ingest(ctx context.Context, up arrival) (r Receipt, created bool, err error) {
	if err := up.intact(); err != nil {
		return r, false, err
	}
	id := recon.JobID(up.sha256, up.recipe, a.Models)
	job, err := a.Queue.Job(ctx, id)
	known := err == nil && job.State != recon.Failed && job.State != recon.StateCanceled
	if err != nil && recon.CodeOf(err) != recon.NotFound && !errors.Is(err, recon.ErrUnreadable) {
		return r, false, err
	}
	if !known {
		if err := unavailable(a.Queue.Ready(ctx)); err != nil { // it may have become full while the bytes came
			return r, false, err
		}
		if err := a.admit(ctx, up); err != nil {
			return r, false, err
		}
		if job, created, err = a.submit(ctx, up); err != nil {
			return r, false, err
		}
	}
	return receiptOf(job), created, nil
}

func receiptOf(job recon.Job) Receipt {
	return Receipt{Scan: job.Scan, Job: job.ID, SHA256: job.Input.SHA256, Size: job.Input.Size, Received: job.Created}
}

// admit refuses what is no scan: by its first bytes, then by opening it in the sandbox.
func (a *api) admit(ctx context.Context, up arrival) error {
	if err := checkMedia(up.path, up.media); err != nil {
		return err
	}
	if a.Inspect == nil {
		return nil
	}
	if err := a.inspect.Acquire(ctx, 1); err != nil {
		return recon.Errorf(recon.Unavailable, "the server did not get to the file in time")
	}
	defer a.inspect.Release(1)
	err := a.Inspect(ctx, up.path)
	switch recon.CodeOf(err) {
	case "":
		return nil
	case recon.Internal, recon.Unavailable, recon.Canceled:
		return fmt.Errorf("inspect the upload: %w", err)
	}
	return unprocessable(err)
}

// submit stores the content, then the job: a crash between the two leaves content without a job, which a second push finds.
func (a *api) submit(ctx context.Context, up arrival) (recon.Job, bool, error) {
	blob, err := a.Blobs.PutFile(ctx, up.path)
	if err != nil {
		return recon.Job{}, false, fmt.Errorf("store the scan: %w", err)
	}
	if blob.SHA256 != up.sha256 {
		return recon.Job{}, false, fmt.Errorf("the spool changed: stored %s, received %s", blob.SHA256, up.sha256)
	}
	return a.Queue.Submit(ctx, recon.NewJob(blob, up.recipe, a.Models, time.Now()))
}

// receive writes a body to the spool while hashing it, de-identified if the server does that. The caller removes the file.
func (a *api) receive(w http.ResponseWriter, r *http.Request) (up arrival, err error) {
	body := newPaced(w, http.MaxBytesReader(w, r.Body, a.MaxUpload), a.grace)
	defer func() { a.metrics.received.Add(float64(body.n)) }()
	content, arrived := io.Reader(body), ""
	if a.Deidentify != nil {
		if content, arrived, err = a.deidentified(body); err != nil {
			return up, a.explain(body, err)
		}
	}
	f, err := os.CreateTemp(a.spool(), "scan-")
	if err != nil {
		return up, fmt.Errorf("write the spool: %w", err)
	}
	defer f.Close()
	up.path, up.arrived = f.Name(), arrived
	hash := sha256.New()
	if up.size, err = io.Copy(io.MultiWriter(f, hash), &roomy{Reader: content, room: a.room}); err != nil {
		return up, a.explain(body, err)
	}
	if body.n == 0 {
		return up, problemf(http.StatusBadRequest, "the body is empty; expected the bytes of a scan")
	}
	up.sha256 = hex.EncodeToString(hash.Sum(nil))
	return up, nil
}

// deidentified returns what is to be written of a body: a DICOM file without its patient, and the digest of what arrived; or the body,
// if it is an HDF5 file. Other content is refused before it is written.
func (a *api) deidentified(body io.Reader) (io.Reader, string, error) {
	begin := bufio.NewReader(body)
	head, _ := begin.Peek(132) // an error comes again
	switch media, name := sniff(head); media {
	case mediaDICOM:
		hash := sha256.New()
		clean, err := a.Deidentify(io.TeeReader(begin, hash))
		return bytes.NewReader(clean), hex.EncodeToString(hash.Sum(nil)), unprocessable(err)
	case mediaHDF5:
		return begin, "", nil
	default:
		if _, err := begin.Peek(1); err != nil {
			return begin, "", nil
		}
		return nil, "", problemf(http.StatusUnsupportedMediaType, "the body is %s; expected an HDF5 or a DICOM file", name)
	}
}

// explain makes an error of receiving one for the client.
func (a *api) explain(body *paced, err error) error {
	err = fullDisk(err)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(body.err, &tooLarge):
		return problemf(http.StatusRequestEntityTooLarge, "the body has more than the %d bytes that are taken", a.MaxUpload)
	case errors.Is(body.err, os.ErrDeadlineExceeded):
		return problemf(http.StatusRequestTimeout, "the body came too slowly and was given up after %d bytes", body.n)
	case body.err != nil:
		return problemf(http.StatusBadRequest, "the body ended after %d bytes, before its declared end", body.n)
	case recon.CodeOf(err) != recon.Internal, errors.As(err, new(*problem)):
		return err
	}
	return fmt.Errorf("write the spool: %w", err)
}

var digestForm = regexp.MustCompile(`(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:$|,)`)

// parseDigest returns the SHA-256, in hex, of a Content-Digest field (RFC 9530), "" when the field is empty. Other algorithms alone
// are an error: a digest that is not checked protects nothing.
func parseDigest(field string) (string, error) {
	if field == "" {
		return "", nil
	}
	m := digestForm.FindStringSubmatch(field)
	if m == nil {
		return "", problemf(http.StatusBadRequest, "the Content-Digest is not of the form sha-256=:…: with 32 bytes in base64")
	}
	sum, err := base64.StdEncoding.DecodeString(m[1])
	if err != nil || len(sum) != sha256.Size {
		return "", problemf(http.StatusBadRequest, "the Content-Digest is not base64 of 32 bytes")
	}
	return hex.EncodeToString(sum), nil
}
