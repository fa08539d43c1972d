package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
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

// postScan takes a scan in one request, or with commit=false one instance of a scan.
func (a *api) postScan(w http.ResponseWriter, r *http.Request) {
	if slices.Equal(r.URL.Query()["commit"], []string{"false"}) {
		a.holdInstance(w, r)
		return
	}
	receipt, created, err := a.push(w, r)
	if err != nil {
		fail(w, r, err)
		return
	}
	a.acknowledge(w, r, receipt, created)
}

func (a *api) acknowledge(w http.ResponseWriter, r *http.Request, receipt Receipt, created bool) {
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
	query, err := queryOf(r)
	if err != nil {
		return Receipt{}, false, err
	}
	if commit, given := query["commit"]; given && !slices.Equal(commit, []string{"true"}) {
		return Receipt{}, false, problemf(http.StatusBadRequest, "commit is true or false, and given once")
	}
	query.Del("commit")
	recipe, err := a.recipe(query)
	if err != nil {
		return Receipt{}, false, err
	}
	up, err := a.take(w, r)
	defer up.remove()
	if err != nil {
		return Receipt{}, false, err
	}
	up.recipe = recipe
	return a.ingest(r.Context(), up)
}

func queryOf(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problemf(http.StatusBadRequest, "the query is not well formed")
	}
	return query, nil
}

// take receives the body of a request and what its header says of it. The caller removes the arrival, also after an error.
func (a *api) take(w http.ResponseWriter, r *http.Request) (up arrival, err error) {
	digest, err := parseDigest(r.Header.Get("Content-Digest"))
	if err != nil {
		return up, err
	}
	media, err := declared(r.Header.Get("Content-Type"))
	if err != nil {
		return up, err
	}
	if err := a.open(r.Context(), r.ContentLength); err != nil {
		return up, err
	}
	up, err = a.receive(w, r)
	up.digest, up.media = digest, media
	return up, err
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
	limit, err := whole("limit", r.URL.Query().Get("limit"), defaultLimit, 1, maxLimit)
	offset := 0
	if err == nil {
		offset, err = whole("offset", r.URL.Query().Get("offset"), 0, 0, 1<<31-1)
	}
	var jobs []recon.Job
	if err == nil {
		jobs, err = a.jobs(r.Context())
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

// jobs are all that can be read.
func (a *api) jobs(ctx context.Context) ([]recon.Job, error) {
	jobs, err := a.Queue.Jobs(ctx)
	if errors.Is(err, recon.ErrUnreadable) {
		err = nil
	}
	return jobs, err
}

// whole parses an integer parameter.
func whole(name, value string, absent, least, most int) (int, error) {
	if value == "" {
		return absent, nil
	}
	v, err := strconv.Atoi(value)
	if err != nil || v < least || v > most {
		return 0, problemf(http.StatusBadRequest, "%s is a whole number from %d to %d", name, least, most)
	}
	return v, nil
}

func (a *api) getScan(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	concerns(r, id, "")
	jobs, err := a.jobs(r.Context())
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
	a.getHeld(w, r, jobs)
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
