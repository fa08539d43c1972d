package web

import (
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/closer-mri/closer/recon"
)

// holdInstance takes one instance of a scan that its sender commits later.
func (a *api) holdInstance(w http.ResponseWriter, r *http.Request) {
	held, err := a.hold(w, r)
	if err != nil {
		fail(w, r, err)
		return
	}
	concerns(r, held.Scan, "")
	a.audit(r.Context(), "hold")
	w.Header().Set("Location", "/api/v1/scans/"+held.Scan)
	answer(w, http.StatusAccepted, asOpen(held))
}

func (a *api) hold(w http.ResponseWriter, r *http.Request) (recon.Held, error) {
	query, err := queryOf(r)
	switch {
	case err != nil:
		return recon.Held{}, err
	case len(query) > 1:
		return recon.Held{}, problemf(http.StatusBadRequest, "the recipe is given when the scan is committed")
	case a.Intake == nil:
		return recon.Held{}, problemf(http.StatusNotImplemented, "this server takes scans in one request only")
	}
	up, err := a.take(w, r)
	defer up.remove()
	if err == nil {
		err = up.intact()
	}
	if err == nil {
		err = checkMedia(up.path, mediaDICOM)
	}
	if err != nil {
		return recon.Held{}, err
	}
	held, err := a.Intake.Hold(r.Context(), up.path)
	return held, unprocessable(err)
}

// commitScan makes a job of a scan whose instances have all come. The scan is closed by that; another recipe makes another job of it.
func (a *api) commitScan(w http.ResponseWriter, r *http.Request) {
	receipt, created, err := a.commit(r)
	if err != nil {
		fail(w, r, err)
		return
	}
	a.acknowledge(w, r, receipt, created)
}

func (a *api) commit(r *http.Request) (receipt Receipt, created bool, err error) {
	if a.Intake == nil {
		return receipt, false, noScan()
	}
	query, err := queryOf(r)
	if err != nil {
		return receipt, false, err
	}
	instances, err := whole("instances", query.Get("instances"), 0, 1, 1<<31-1)
	if err != nil {
		return receipt, false, err
	}
	query.Del("instances")
	recipe, err := a.recipe(query)
	if err != nil {
		return receipt, false, err
	}
	job, created, err := a.Intake.Commit(r.Context(), chi.URLParam(r, "id"), instances, recipe)
	return receiptOf(job), created, unprocessable(err)
}

// discardScan forgets the instances of a scan that is not committed.
func (a *api) discardScan(w http.ResponseWriter, r *http.Request) {
	err := error(noScan())
	if a.Intake != nil {
		err = a.Intake.Discard(r.Context(), chi.URLParam(r, "id"))
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	concerns(r, chi.URLParam(r, "id"), "")
	a.audit(r.Context(), "discard")
	w.WriteHeader(http.StatusNoContent)
}

// openScan is a scan without a job, as GET shows it.
type openScan struct {
	recon.Held
	State string      `json:"state"` // "open", or "committed" when an instance comes again or the job is still to come
	Jobs  []recon.Job `json:"jobs"`  // none
}

func asOpen(h recon.Held) openScan {
	state := "open"
	if h.Committed() {
		state = "committed"
	}
	return openScan{Held: h, State: state, Jobs: []recon.Job{}}
}

// getHeld answers with a scan that is held under the name that the address has, or with what it became.
func (a *api) getHeld(w http.ResponseWriter, r *http.Request, jobs []recon.Job) {
	err := error(noScan())
	var held recon.Held
	if a.Intake != nil {
		held, err = a.Intake.Held(r.Context(), chi.URLParam(r, "id"))
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	scans := group(jobs)
	i := slices.IndexFunc(scans, func(s Scan) bool { return s.SHA256 == held.Input.SHA256 })
	if i < 0 { // it is open, or the server died before it made the job
		answer(w, http.StatusOK, asOpen(held))
		return
	}
	w.Header().Set("Content-Location", "/api/v1/scans/"+scans[i].ID)
	answer(w, http.StatusOK, scans[i])
}

func noScan() *problem { return problemf(http.StatusNotFound, "there is no scan of this name") }

// unprocessable makes a file or series that is not what it should be a 422.
func unprocessable(err error) error {
	if recon.CodeOf(err) != recon.Invalid {
		return err
	}
	p := *problemOf(err)
	p.Status, p.Title = http.StatusUnprocessableEntity, http.StatusText(http.StatusUnprocessableEntity)
	return &p
}
