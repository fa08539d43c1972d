package web

import (
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/closer-mri/closer/recon"
)

// Scan is an input with all its jobs, newest first.
type Scan struct {
	ID       string      `json:"id"`
	SHA256   string      `json:"sha256"`
	Size     int64       `json:"size"`
	Received time.Time   `json:"received"` // the first time
	State    recon.State `json:"state"`    // of the newest job
	Jobs     []recon.Job `json:"jobs"`
}

// postScan takes a scan in one request.
func (a *api) postScan(w http.ResponseWriter, r *http.Request) {
	receipt, created, err := a.push(w, r)
	if err != nil {
		fail(w, r, err)
		return
	}
	concerns(r, receipt.Scan, receipt.Job)
	a.audit(r.Context(), "push")
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	w.Header().Set("Location", "/api/v1/scans/"+receipt.Scan)
	answer(w, status, receipt)
}

func (a *api) push(w http.ResponseWriter, r *http.Request) (Receipt, bool, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Receipt{}, false, problemf(http.StatusBadRequest, "the query is not well formed")
	}
	recipe, err := a.recipe(query)
	if err != nil {
		return Receipt{}, false, err
	}
	digest, err := parseDigest(r.Header.Get("Content-Digest"))
	if err != nil {
		return Receipt{}, false, err
	}
	media, err := declared(r.Header.Get("Content-Type"))
	if err != nil {
		return Receipt{}, false, err
	}
	if err := a.open(r.Context(), r.ContentLength); err != nil {
		return Receipt{}, false, err
	}
	up, err := a.receive(w, r)
	if up.path != "" {
		defer os.Remove(up.path)
	}
	if err != nil {
		return Receipt{}, false, err
	}
	up.recipe, up.digest, up.media = recipe, digest, media
	return a.ingest(r.Context(), up)
}

// recipe reads a recipe and asks the wiring whether it can be run.
func (a *api) recipe(form url.Values) (recon.Recipe, error) {
	recipe, err := recon.ParseRecipe(form)
	if err == nil && a.CheckRecipe != nil {
		err = a.CheckRecipe(recipe)
	}
	return recipe, err
}

// Bounds of ?limit= of the list of scans.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// listScans lists scans, newest first, without the results of their jobs.
func (a *api) listScans(w http.ResponseWriter, r *http.Request) {
	limit, err := whole(r.URL.Query().Get("limit"), defaultLimit, 1, maxLimit)
	offset := 0
	if err == nil {
		offset, err = whole(r.URL.Query().Get("offset"), 0, 0, 1<<31-1)
	}
	var jobs []recon.Job
	if err == nil {
		jobs, err = a.Queue.Jobs(r.Context())
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	for i := range jobs {
		jobs[i].Results = nil
	}
	scans := group(jobs)
	total := len(scans)
	scans = scans[min(offset, total):]
	answer(w, http.StatusOK, struct {
		Scans []Scan `json:"scans"`
		Total int    `json:"total"`
	}{scans[:min(limit, len(scans))], total})
}

// whole parses an integer parameter.
func whole(value string, absent, least, most int) (int, error) {
	if value == "" {
		return absent, nil
	}
	v, err := strconv.Atoi(value)
	if err != nil || v < least || v > most {
		return 0, problemf(http.StatusBadRequest, "limit and offset are whole numbers; this one is from %d to %d", least, most)
	}
	return v, nil
}

func (a *api) getScan(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	concerns(r, id, "")
	jobs, err := a.Queue.Jobs(r.Context())
	if err != nil {
		fail(w, r, err)
		return
	}
	for _, s := range group(jobs) {
		if s.ID == id {
			answer(w, http.StatusOK, s)
			return
		}
	}
	fail(w, r, problemf(http.StatusNotFound, "there is no scan of this name"))
}

// group gathers jobs, newest first, into their scans.
func group(jobs []recon.Job) []Scan {
	scans, at := []Scan{}, map[string]int{}
	for _, j := range jobs {
		i, known := at[j.Scan]
		if !known {
			i = len(scans)
			at[j.Scan] = i
			scans = append(scans, Scan{ID: j.Scan, SHA256: j.Input.SHA256, Size: j.Input.Size, State: j.State})
		}
		scans[i].Jobs = append(scans[i].Jobs, j)
		scans[i].Received = j.Created
	}
	return scans
}
