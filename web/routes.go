package web

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/closer-mri/closer/web/routing"
)

// routes is the table of the API. openapi.yaml describes it, and a test compares the two.
func (a *api) routes() chi.Router {
	r := chi.NewRouter()
	r.Use(a.steadily, a.observe, secure)
	if a.OwnHost {
		r.Use(a.ownHost)
	}
	nowhere := func(w http.ResponseWriter, r *http.Request) {
		fail(w, r, problemf(http.StatusNotFound, "there is nothing at this address"))
	}
	r.Use(routing.Complete(nowhere), middleware.GetHead)
	r.NotFound(nowhere)
	r.MethodNotAllowed(routing.NotAllowed(nowhere, func(w http.ResponseWriter, r *http.Request, allow string) {
		w.Header().Set("Allow", allow)
		fail(w, r, problemf(http.StatusMethodNotAllowed, "the method is not possible at this address"))
	}))

	r.Get("/healthz", a.healthz)
	r.Get("/readyz", a.readyz)
	r.Get("/openapi.yaml", serveOpenAPI)
	viewer := embeddedViewer()
	r.Get("/", viewer.servePage)
	r.Get("/study/{id:[0-9a-f]{32}}", viewer.servePage)
	r.Get("/assets/{name}", viewer.serveAsset)

	own := r.With(sameOrigin)
	read, push, review := own.With(a.require(roleRead)), own.With(a.require(rolePush)), own.With(a.require(roleReview))
	read.Get("/metrics", a.metrics.ServeHTTP)

	own.Post("/api/v1/session", a.login)
	own.Delete("/api/v1/session", a.logout)
	read.Get("/api/v1/session", a.session)

	push.With(a.taking).Post("/api/v1/scans", a.postScan)
	read.Get("/api/v1/scans", a.listScans)

	const scan = "/api/v1/scans/{id:[0-9a-f]{32}}"
	read.Get(scan, a.getScan)
	push.Delete(scan, a.discardScan)
	push.Post(scan+"/commit", a.commitScan)

	read.Get("/api/v1/events", a.allEvents)
	read.Get("/api/v1/reviews", a.allReviews)
	read.Get("/api/v1/reviews.csv", a.reviewsCSV)

	const job = "/api/v1/jobs/{id:[0-9a-f]{32}}"
	read.Get(job, a.getJob)
	own.With(a.require(roleCancel)).Delete(job, a.cancelJob)
	read.Get(job+"/events", a.events)
	push.Post(job+"/deliveries", a.redeliver)
	read.Get(job+"/report", a.report)
	read.Get(job+"/report.json", a.artifact("report.json"))
	read.Get(job+"/report.html", a.artifact("report.html"))
	read.Get(job+"/report.csv", a.artifact("report.csv"))
	read.Get(job+"/reconstruction.h5", a.artifact("reconstruction.h5"))
	read.Get(job+"/dicom.zip", a.dicomZip)
	read.Get(job+"/artifacts/*", a.anyArtifact)

	read.Get(job+"/reviews", a.reviews)
	review.Post(job+"/decisions", a.decide)
	review.Get(job+"/comparison", a.comparison)
	review.Post(job+"/preferences", a.prefer)

	const upload = "/api/v1/uploads/{id:[0-9a-f]{32}}"
	push.With(a.taking).Post("/api/v1/uploads", a.uploads.create) // which may bring the first bytes
	push.Options("/api/v1/uploads", a.uploads.options)
	push.Head(upload, a.uploads.head)
	push.With(a.taking).Patch(upload, a.uploads.patch)
	push.Delete(upload, a.uploads.terminate)
	push.Get(upload+"/receipt", a.uploads.receipt)

	if a.DICOMweb != nil {
		h := http.StripPrefix("/dicom-web", a.DICOMweb)
		r.With(a.require(roleRead)).Get("/dicom-web/*", h.ServeHTTP)
		r.With(a.require(rolePush), a.taking, a.storing).Post("/dicom-web/*", h.ServeHTTP) // it has a list of other origins that may
		r.Options("/dicom-web/*", h.ServeHTTP)                                             // browsers ask before they send a key
	}
	return r
}
