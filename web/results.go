package web

import (
	"archive/zip"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/closer-mri/closer/recon"
)

// report sends the report in the form that Accept prefers; JSON when it does not care.
func (a *api) report(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept")
	name, ok := map[string]string{
		"application/json": "report.json", "text/html": "report.html", "text/csv": "report.csv",
	}[negotiate(r.Header.Get("Accept"), "application/json", "text/html", "text/csv")]
	if !ok {
		fail(w, r, problemf(http.StatusNotAcceptable, "a report is application/json, text/html or text/csv"))
		return
	}
	a.artifact(name)(w, r)
}

// negotiate returns the offer that an Accept field likes most, the earlier of equals; "" when it likes none.
func negotiate(accept string, offers ...string) string {
	if strings.TrimSpace(accept) == "" {
		return offers[0]
	}
	best, bestQuality := "", 0.0
	for _, offer := range offers {
		quality, exactness := 0.0, 0
		kind, _, _ := strings.Cut(offer, "/")
		for _, part := range strings.Split(accept, ",") {
			media, params, err := mime.ParseMediaType(part)
			fits := map[string]int{offer: 3, kind + "/*": 2, "*/*": 1}[media]
			if err != nil || fits <= exactness {
				continue
			}
			exactness, quality = fits, 1
			if q, given := params["q"]; given {
				if quality, err = strconv.ParseFloat(q, 64); err != nil {
					quality = 0
				}
			}
		}
		if quality > bestQuality {
			best, bestQuality = offer, quality
		}
	}
	return best
}

// artifact sends the named result of a job.
func (a *api) artifact(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { a.sendArtifact(w, r, name) }
}

func (a *api) anyArtifact(w http.ResponseWriter, r *http.Request) {
	a.sendArtifact(w, r, chi.URLParam(r, "*"))
}

func (a *api) sendArtifact(w http.ResponseWriter, r *http.Request, name string) {
	job, err := a.job(r)
	if err != nil {
		fail(w, r, err)
		return
	}
	for _, artifact := range job.Results {
		if artifact.Name == name {
			a.audit(r.Context(), "read")
			a.sendBlob(w, r, artifact)
			return
		}
	}
	fail(w, r, absent(job))
}

// absent says why a job does not have a result.
func absent(job recon.Job) *problem {
	if !job.State.Terminal() {
		p := problemf(http.StatusNotFound, "the job is %s and has not made this result yet", job.State)
		p.retry = retryAfter
		return p
	}
	return problemf(http.StatusNotFound, "the job is %s and has no such result", job.State)
}

func (a *api) sendBlob(w http.ResponseWriter, r *http.Request, artifact recon.Artifact) {
	content, err := a.Blobs.Open(r.Context(), artifact.SHA256)
	if err != nil {
		fail(w, r, fmt.Errorf("open result %s: %w", artifact.Name, err))
		return
	}
	defer content.Close()
	h := w.Header()
	h.Set("Content-Type", artifact.ContentType)
	h.Set("ETag", `"`+artifact.SHA256+`"`)
	h.Set("Cache-Control", "private, no-cache")
	if strings.HasPrefix(artifact.ContentType, "text/html") { // a page made here, without scripts: its own styles and pictures only
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'")
	}
	if seeker, ok := content.(io.ReadSeeker); ok {
		sendContent(w, r, func(w http.ResponseWriter) { http.ServeContent(w, r, "", time.Time{}, seeker) })
		return
	}
	h.Set("Content-Length", strconv.FormatInt(artifact.Size, 10))
	if r.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(w, content); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// sendContent sends what net/http serves, whose errors become problems.
func sendContent(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter)) {
	out := &withheld{ResponseWriter: w}
	serve(out)
	var err error
	switch out.failed {
	case 0:
		return
	case http.StatusRequestedRangeNotSatisfiable: // Content-Range says how many bytes there are
		err = problemf(out.failed, "the content has no such range of bytes")
	case http.StatusPreconditionFailed:
		err = problemf(out.failed, "the content is not the one that the request is about")
	default:
		err = fmt.Errorf("serve content: %d: %s", out.failed, out.text.String())
	}
	w.Header().Set("Cache-Control", "no-store")
	fail(w, r, err)
}

// dicomZip streams all DICOM objects made so far as a ZIP archive, stored: their pixels hardly compress, and nothing is buffered.
func (a *api) dicomZip(w http.ResponseWriter, r *http.Request) {
	job, err := a.job(r)
	if err != nil {
		fail(w, r, err)
		return
	}
	var files []recon.Artifact
	for _, f := range job.Results {
		if name, ok := strings.CutPrefix(f.Name, "dicom/"); ok && filepath.IsLocal(name) {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		fail(w, r, absent(job))
		return
	}
	a.audit(r.Context(), "read")
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="`+job.ID+`.zip"`)
	if r.Method == http.MethodHead { // nothing is read that is not sent
		return
	}
	archive := zip.NewWriter(w)
	for _, f := range files {
		if err := a.zipOne(r, archive, f, job.Created); err != nil {
			a.Log.ErrorContext(r.Context(), "send DICOM archive", "request", requestID(r.Context()), "cause", err.Error())
			panic(http.ErrAbortHandler)
		}
	}
	if err := archive.Close(); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func (a *api) zipOne(r *http.Request, archive *zip.Writer, f recon.Artifact, dated time.Time) error {
	content, err := a.Blobs.Open(r.Context(), f.SHA256)
	if err != nil {
		return err
	}
	defer content.Close()
	w, err := archive.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Store, Modified: dated})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, content)
	return err
}
