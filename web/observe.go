package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/google/uuid"
)

// request is what is known of a request when its log line is written.
type request struct {
	id      string
	key     key      // whose the request is
	problem *problem // nil when it went well
	scan    string
	job     string
}

type requestKey struct{}

// trace returns the request's record; outside of observe it is one that nobody reads.
func trace(ctx context.Context) *request {
	if t, ok := ctx.Value(requestKey{}).(*request); ok {
		return t
	}
	return &request{}
}

func requestID(ctx context.Context) string       { return trace(ctx).id }
func note(ctx context.Context, p *problem)       { trace(ctx).problem = p }
func concerns(r *http.Request, scan, job string) { t := trace(r.Context()); t.scan, t.job = scan, job }

var saneID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// observe gives each request an identifier, a log line and its place in the metrics, and turns a panic into an answer. The line
// holds the route, never the address as it was sent: that is text from outside.
func (a *api) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &request{id: r.Header.Get("X-Request-Id")}
		if !saneID.MatchString(t.id) {
			t.id = uuid.NewString()
		}
		w.Header().Set("X-Request-Id", t.id)
		ctx := context.WithValue(r.Context(), requestKey{}, t)
		start, ww := time.Now(), middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		r = r.WithContext(ctx)
		defer func() {
			abort := recovered(ww, r, recover())
			a.done(ww, r, t, time.Since(start))
			if abort {
				panic(http.ErrAbortHandler) // cuts the connection, so that nobody takes half an answer for a whole one
			}
		}()
		next.ServeHTTP(ww, r)
	})
}

// recovered answers for a handler that panicked and reports whether the connection must be cut.
func recovered(w middleware.WrapResponseWriter, r *http.Request, v any) (abort bool) {
	if v == nil {
		return false
	}
	if v == http.ErrAbortHandler {
		return true
	}
	p := problemOf(fmt.Errorf("panic: %s\n%s", harmless(v), debug.Stack()))
	if w.Status() != 0 {
		note(r.Context(), p)
		return true
	}
	fail(w, r, p)
	return false
}

// harmless is what the log may say of a panic: the runtime's own words, and of any other only its type, since it may quote a file.
func harmless(v any) string {
	if err, ok := v.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", v)
}

func (a *api) done(w middleware.WrapResponseWriter, r *http.Request, t *request, took time.Duration) {
	route, status := "none", w.Status()
	if c := chi.RouteContext(r.Context()); c != nil && c.RoutePattern() != "" {
		route = plain(c.RoutePattern())
	}
	if status == 0 {
		status = http.StatusOK
	}
	a.metrics.observe(method(r), route, status, w.BytesWritten(), took)
	level, fields := slog.LevelInfo, []any{"request", t.id, "method", method(r), "route", route, "status", status,
		"bytes", w.BytesWritten(), "seconds", took.Seconds()}
	for name, v := range map[string]string{"key": t.key.name, "scan": t.scan, "job": t.job} {
		if v != "" {
			fields = append(fields, name, v)
		}
	}
	if t.problem != nil {
		fields = append(fields, "problem", quoted.ReplaceAllLiteralString(t.problem.Detail, `"…"`))
		if status >= http.StatusInternalServerError {
			level = slog.LevelError
			if t.problem.cause != nil {
				fields = append(fields, "cause", t.problem.cause.Error())
			}
		}
	}
	a.Log.Log(r.Context(), level, "request", fields...)
}

// quoted is what a problem repeats of a request, for who sent it to find. The log has no use for it.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// method returns the method if it is one: a client may send any word, which must not become a label.
func method(r *http.Request) string {
	switch r.Method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return r.Method
	}
	return "other"
}

var pattern = regexp.MustCompile(`\{(\w+):[^/]*\}`)

// plain drops the regular expressions from a route: /jobs/{id:[0-9a-f]{32}} is /jobs/{id}.
func plain(route string) string { return pattern.ReplaceAllString(route, "{$1}") }

// secure sets the headers that keep a browser from doing more with an answer than it should.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
