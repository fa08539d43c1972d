package web

import (
	"io"
	"net/http"
)

// storing is around STOW-RS what postScan is around a scan: room before it and while it comes, a body that may not stall, and a line in
// the audit.
func (a *api) storing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.open(r.Context(), r.ContentLength); err != nil {
			fail(w, r, err)
			return
		}
		body := newPaced(w, r.Body, a.grace)
		r.Body = struct {
			io.Reader
			io.Closer
		}{&roomy{Reader: body, room: a.room}, r.Body}
		next.ServeHTTP(w, r)
		a.metrics.received.Add(float64(body.n))
		if scans := w.Header().Get("Closer-Scan"); scans != "" {
			concerns(r, scans, "")
			a.audit(r.Context(), "push")
		}
	})
}
