package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/closer-mri/closer/recon"
)

// follow calls progressed as a job goes on, until it ends, and returns its record. A stream that breaks off is opened again.
func (s *remote) follow(ctx context.Context, id string, progressed func(recon.Progress)) (recon.Job, error) {
	full, ended := false, false
	err := s.persist(ctx, func(progress func()) error {
		response, err := s.do(ctx, http.MethodGet, "/api/v1/jobs/"+id+"/events", nil, map[string]string{"Accept": "text/event-stream"})
		if err != nil {
			return err
		}
		defer response.Body.Close()
		err = readEvents(response.Body, progress, func(job recon.Job) {
			if p := job.Progress; p.Slices > 0 && p.SlicesDone <= p.Slices && !full {
				full = p.SlicesDone == p.Slices
				progressed(recon.Progress{Method: "reconstruct", Slice: p.SlicesDone, Of: p.Slices, Step: p.Step, Steps: p.Steps})
			}
			ended = job.State.Terminal()
		})
		if err == nil && !ended {
			err = errors.New("the server ended the stream of events")
		}
		return err
	})
	if err != nil {
		return recon.Job{}, err
	}
	return s.job(ctx, id)
}

// maxEvent bounds a line of an event stream.
const maxEvent = 1 << 20

// readEvents reads Server-Sent Events and calls each for those of type job; alive is called for every line, comments too.
func readEvents(r io.Reader, alive func(), each func(recon.Job)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvent)
	var kind string
	var data []string
	for lines.Scan() {
		alive()
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if kind == "job" && data != nil {
				var job recon.Job
				if err := json.Unmarshal([]byte(strings.Join(data, "\n")), &job); err != nil {
					return fmt.Errorf("read an event: %w", err)
				}
				each(job)
			}
			kind, data = "", nil
		case field == "event":
			kind = value
		case field == "data":
			data = append(data, value)
		}
	}
	return lines.Err()
}

// fetchBlob copies an answer to w and checks its digest.
func (s *remote) fetchBlob(ctx context.Context, path, sum string, w io.Writer) error {
	hash := sha256.New()
	if err := s.fetch(ctx, path, io.MultiWriter(w, hash)); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != sum {
		return fmt.Errorf("what came has SHA-256 %s; expected %s", got, sum)
	}
	return nil
}

// refusal is an answer that is no success.
type refusal struct {
	status int
	detail string
	after  time.Duration // from Retry-After; 0 when there was none

	settled bool // the same request will be refused again, whatever the status says
}

func (r *refusal) Error() string { return r.detail }

// temporary reports whether the same request may succeed later.
func (r *refusal) temporary() bool {
	if r.settled {
		return false
	}
	switch r.status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusLocked, http.StatusTooManyRequests:
		return true
	}
	return r.status >= http.StatusInternalServerError
}

func refused(response *http.Response) *refusal {
	r := &refusal{status: response.StatusCode, detail: "the server answered " + response.Status}
	var problem struct{ Detail string }
	if json.NewDecoder(io.LimitReader(response.Body, maxEvent)).Decode(&problem) == nil && problem.Detail != "" {
		r.detail = problem.Detail
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.after = time.Duration(seconds) * time.Second
	}
	return r
}
