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
	found, _, _ := a.readiness.Do("", func() (any, error) { return a.checks(context.WithoutCancel(r.Context())), nil })
	checks := found.(map[string]string)
	answered := func(status int, ready string) {
		answer(w, status, struct {
			Status string            `json:"status"`
			Checks map[string]string `json:"checks"`
		}{ready, checks})
	}
	for _, said := range checks {
		if said != well {
			w.Header().Set("Retry-After", "5")
			answered(http.StatusServiceUnavailable, "not ready")
			return
		}
	}
	answered(http.StatusOK, "ready")
}

const well = "ok"

// checks says of each thing that a push needs that it is well, or why not. It writes to disks, and whoever asks has no key: all that ask
// at a time are told the same.
func (a *api) checks(ctx context.Context) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	found := map[string]string{}
	for name, check := range map[string]func() error{
		"queue": func() error { return a.Queue.Ready(ctx) },
		"blobs": func() error { return a.Blobs.Ready(ctx) },
		"disk":  func() error { return a.room(0) },
	} {
		found[name] = well
		if err := check(); err != nil {
			found[name] = problemOf(err).Detail
			a.Log.WarnContext(ctx, "not ready", "check", name, "cause", err.Error())
		}
	}
	return found
}

//go:embed openapi.yaml
var openAPI []byte

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Write(openAPI)
}
