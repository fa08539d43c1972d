package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/closer-mri/closer/recon"
)

// maxJSON is above every body that these handlers take, in bytes.
const maxJSON = 16 << 10

// readJSON decodes a small body, which must have exactly the fields of v.
func (a *api) readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return problemf(http.StatusUnsupportedMediaType, "the body must be application/json")
	}
	data, err := io.ReadAll(newPaced(w, http.MaxBytesReader(w, r.Body, maxJSON), a.grace))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return problemf(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", maxJSON)
	} else if err != nil {
		return problemf(http.StatusBadRequest, "the body ended early")
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil || decoder.More() {
		return problemf(http.StatusBadRequest, "the body is not the JSON object that /openapi.yaml describes")
	}
	return nil
}

// hasSeries returns nil when the job has made a series with each method.
func hasSeries(job recon.Job, methods ...string) error {
	_, files := job.Series()
	for _, method := range methods {
		if files[method] == nil {
			return problemf(http.StatusConflict, "the job is %s and has no series of that method", job.State)
		}
	}
	return nil
}

// decide stores a verdict on the series of one method.
func (a *api) decide(w http.ResponseWriter, r *http.Request) {
	var body struct {
		recon.Decision
		Reason string `json:"reason"`
	}
	job, err := a.reviewed(w, r, &body)
	if err == nil {
		err = hasSeries(job, body.Method)
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	a.add(w, r, recon.Review{ID: uuid.NewString(), Reason: body.Reason, Decision: &body.Decision}, job, string(body.Verdict))
}

// prefer stores the answer to the comparison that was drawn for the user.
func (a *api) prefer(w http.ResponseWriter, r *http.Request) {
	var body struct {
		recon.Preference
		Reason string `json:"reason"`
	}
	job, err := a.reviewed(w, r, &body)
	var drawn recon.Comparison
	if err == nil {
		drawn, err = a.draw(r, job, body.Left, body.Right)
	}
	if err == nil && drawn != body.Comparison {
		err = problemf(http.StatusConflict, "this is not the comparison that was drawn: it was answered already, or its sides are others; ask for the next")
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	id := recon.PreferenceID(job.ID, trace(r.Context()).key.name, drawn)
	a.add(w, r, recon.Review{ID: id, Reason: body.Reason, Preference: &body.Preference}, job, "preferred")
}

// reviewed returns the job of the address, and the body.
func (a *api) reviewed(w http.ResponseWriter, r *http.Request, body any) (recon.Job, error) {
	job, err := a.job(r)
	if err != nil {
		return job, err
	}
	return job, a.readJSON(w, r, body)
}

// add completes a review and stores it.
func (a *api) add(w http.ResponseWriter, r *http.Request, review recon.Review, job recon.Job, action string) {
	review.Job, review.Scan, review.User = job.ID, job.Scan, trace(r.Context()).key.name
	review.Time = time.Now().UTC().Truncate(time.Millisecond)
	err := review.Validate()
	if err == nil {
		err = a.Reviews.Add(r.Context(), review)
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	fields := []any{"review", review.ID}
	if d := review.Decision; d != nil {
		fields = append(fields, "method", d.Method)
	}
	if p := review.Preference; p != nil {
		fields = append(fields, "left", p.Left, "right", p.Right, "preferred", p.Preferred)
	}
	a.audit(r.Context(), action, fields...)
	answer(w, http.StatusCreated, review)
}

// comparison says what the user is to compare next of two methods.
func (a *api) comparison(w http.ResponseWriter, r *http.Request) {
	methods := r.URL.Query()["method"]
	job, err := a.job(r)
	var drawn recon.Comparison
	switch {
	case err != nil:
	case len(methods) != 2 || methods[0] == methods[1]:
		err = problemf(http.StatusBadRequest, "a comparison is of two different methods: ?method=A&method=B")
	default:
		drawn, err = a.draw(r, job, methods[0], methods[1])
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, drawn)
}

func (a *api) draw(r *http.Request, job recon.Job, methods ...string) (recon.Comparison, error) {
	if err := hasSeries(job, methods...); err != nil {
		return recon.Comparison{}, err
	}
	reviews, err := a.Reviews.List(r.Context(), job.ID)
	if err != nil {
		return recon.Comparison{}, fmt.Errorf("list reviews: %w", err)
	}
	return recon.NextComparison(job.ID, trace(r.Context()).key.name, [2]string(methods), reviews), nil
}

// reviews lists what was said of a job, oldest first.
func (a *api) reviews(w http.ResponseWriter, r *http.Request) {
	job, err := a.job(r)
	if err != nil {
		fail(w, r, err)
		return
	}
	a.listReviews(w, r, job.ID)
}

func (a *api) allReviews(w http.ResponseWriter, r *http.Request) { a.listReviews(w, r, "") }

func (a *api) listReviews(w http.ResponseWriter, r *http.Request, job string) {
	list, err := a.Reviews.List(r.Context(), job)
	if err != nil {
		fail(w, r, err)
		return
	}
	if list == nil {
		list = []recon.Review{}
	}
	answer(w, http.StatusOK, struct {
		Reviews []recon.Review `json:"reviews"`
	}{list})
}

// reviewsCSV sends all reviews as a table.
func (a *api) reviewsCSV(w http.ResponseWriter, r *http.Request) {
	list, err := a.Reviews.List(r.Context(), "")
	if err != nil {
		fail(w, r, err)
		return
	}
	a.audit(r.Context(), "export reviews")
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="reviews.csv"`)
	if err := recon.WriteReviewsCSV(w, list); err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
}
