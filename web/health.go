package web

import (
	"context"
	_ "embed"
	"net/http"
	"time"
)

// healthz says that the process answers.
func (a *api) healthz(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok", "version": a.Version})
}

// readyTime bounds the checks of readyz: who asks has a timeout too.
const readyTime = 4 * time.Second

// readyz says whether a push would be taken now, with each reason why not.
func (a *api) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	status, checks := http.StatusOK, map[string]string{}
	for name, check := range map[string]func() error{
		"queue": func() error { return a.Queue.Ready(ctx) },
		"blobs": func() error { return a.Blobs.Ready(ctx) },
		"disk":  func() error { return a.room(0) },
	} {
		checks[name] = "ok"
		if err := check(); err != nil {
			status, checks[name] = http.StatusServiceUnavailable, problemOf(err).Detail
			a.Log.WarnContext(r.Context(), "not ready", "check", name, "cause", err.Error())
		}
	}
	ready := "ready"
	if status != http.StatusOK {
		ready = "not ready"
		w.Header().Set("Retry-After", "5")
	}
	answer(w, status, struct {
		Status string            `json:"status"`
		Checks map[string]string `json:"checks"`
	}{ready, checks})
}

//go:embed openapi.yaml
var openAPI []byte

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Write(openAPI)
}
