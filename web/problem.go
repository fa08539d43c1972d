package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/closer-mri/closer/recon"
)

// problem is an error as RFC 9457 sends it.
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail"`
	Request string `json:"request,omitempty"` // the request's identifier, to be found in the log

	retry time.Duration // 0 is no Retry-After
	cause error         // for the log
}

func (p *problem) Error() string { return p.Detail }
func (p *problem) Unwrap() error { return p.cause }

func problemf(status int, format string, args ...any) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// retryAfter is what clients are told to wait when something is full or not there.
const retryAfter = 5 * time.Second

// problemOf translates an error of the domain. What is not a recon.Error is not shown.
func problemOf(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	status := map[recon.Code]int{
		recon.Invalid: http.StatusBadRequest, recon.NotFound: http.StatusNotFound, recon.Conflict: http.StatusConflict,
		recon.Canceled: http.StatusConflict, recon.Unavailable: http.StatusServiceUnavailable,
		recon.Busy: http.StatusTooManyRequests,
	}[recon.CodeOf(err)]
	if status == 0 {
		p = problemf(http.StatusInternalServerError, "the server made a mistake; its log says more under this request's identifier")
	} else {
		var e *recon.Error
		errors.As(err, &e)
		p = problemf(status, "%s", e.Message)
	}
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		p.retry = retryAfter
	}
	p.cause = err
	return p
}

// fail answers with err as application/problem+json and leaves it to the log.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	p := *problemOf(err)
	if ended := context.Cause(r.Context()); p.Status >= http.StatusInternalServerError && ended != nil { // which is why, whatever err says
		if p = *problemf(http.StatusBadRequest, "the client went away before it was answered"); recon.CodeOf(ended) == recon.Unavailable {
			p = *problemOf(ended) // the server stops
		}
	}
	p.Request = requestID(r.Context())
	note(r.Context(), &p)
	if p.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(p.retry/time.Second)))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Del("Content-Length")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // a client that is gone needs no answer
}

// answer writes v as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// withheld holds back an error that another package answers with, as plain text, for it to become a problem.
type withheld struct {
	http.ResponseWriter
	failed int // status; 0 when it went well
	text   strings.Builder
}

func (t *withheld) WriteHeader(status int) {
	if t.failed = 0; status >= http.StatusBadRequest {
		t.failed = status
		return
	}
	t.ResponseWriter.WriteHeader(status)
}

func (t *withheld) Write(b []byte) (int, error) {
	if t.failed != 0 {
		return t.text.Write(b)
	}
	return t.ResponseWriter.Write(b)
}

// Unwrap lets a ResponseController through.
func (t *withheld) Unwrap() http.ResponseWriter { return t.ResponseWriter }
