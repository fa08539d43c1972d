// Package dicomweb serves series by DICOMweb (PS3.18): QIDO-RS searches them, WADO-RS and WADO-URI (at /wado) retrieve them and
// STOW-RS takes new ones.
//
// It asks less of clients than the standard and no more: an absent Accept header means everything, parameters of media types
// need no quotes, and instances, frames and bulk data may be had as a single part. Objects are sent in the transfer syntax they
// are stored in.
package dicomweb

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"golang.org/x/sync/semaphore"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web/routing"
)

// Config is what a server is made of.
type Config struct {
	Library Library
	// Store takes the DICOM objects that one request brought, as one whole: each is a Part 10 file with its UIDs, no two are equal,
	// and together they need not be one series. The files are removed when it returns. It returns for each object the name of the
	// scan that it became part of, and an error: nil when it is durably taken; the code of a *recon.Error becomes the client's
	// failure reason. nil takes no objects.
	Store func(ctx context.Context, objects []dicomio.Object) (scans []string, errs []error)
	// Hold is Store for objects of series that come in several requests and are committed afterwards. It takes what is stored
	// below /open instead.
	Hold func(ctx context.Context, objects []dicomio.Object) (scans []string, errs []error)
	// Deidentify returns a DICOM file, which it reads to its end, without what identifies a patient; Invalid when it is not to be
	// taken. It is called before anything is written anywhere. nil takes files as they are.
	Deidentify func(r io.Reader) ([]byte, error)
	Spool      string       // directory for objects while they come in; "" is the system's for temporary files
	MaxRequest int64        // bytes of one request to store; 0 is 4 GiB
	Log        *slog.Logger // nil is slog.Default
	// URL is what clients reach the server at, with its path, "https://closer.example.org/dicom-web", for the URIs in answers. ""
	// takes the host that a request names, which some proxies and clients (dicomweb_client leaves out the port) get wrong.
	URL string
	// CORS lists the origins, "https://viewer.example.org", whose pages may use the server; "*" is any origin.
	CORS []string
}

const dicomJSON = "application/dicom+json"

type server struct {
	Config
	index   *index
	recent  recent
	memory  *semaphore.Weighted
	reading sync.Mutex // held while an object that came in is in memory
}

// New returns the handler of /studies, /series and /instances; mount it with http.StripPrefix. URIs in its answers have the host
// and the path that the request came by, unless Config.URL is set.
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	s := &server{Config: c, index: newIndex(c.Library, c.Log), memory: newMemory()}
	return s.cors(s.routes())
}

// routes is the table of the API, which ../openapi.yaml describes.
func (s *server) routes() chi.Router {
	r := chi.NewRouter()
	nowhere := func(w http.ResponseWriter, r *http.Request) {
		s.problem(w, r, recon.Errorf(recon.NotFound, "there is no such resource"))
	}
	r.Use(routing.Complete(nowhere)) // what lacks its UID would be a request for everything
	r.Use(middleware.GetHead)
	r.NotFound(nowhere)
	r.MethodNotAllowed(routing.NotAllowed(nowhere, func(w http.ResponseWriter, r *http.Request, allow string) {
		w.Header().Set("Allow", allow+", OPTIONS") // which cors answers everywhere
		writeProblem(w, http.StatusMethodNotAllowed, "the resource does not have this method")
	}))
	const aStudy, aSeries, anInstance = "/studies/{study}", "/studies/{study}/series/{series}",
		"/studies/{study}/series/{series}/instances/{instance}"
	r.Get("/studies", s.search(study))
	r.Get("/series", s.search(series))
	r.Get("/instances", s.search(object))
	r.Get(aStudy+"/series", s.search(series))
	r.Get(aStudy+"/instances", s.search(object))
	r.Get(aSeries+"/instances", s.search(object))
	for _, path := range []string{aStudy, aSeries, anInstance} {
		r.Get(path, s.retrieve)
		r.Get(path+"/metadata", s.metadata)
		r.Get(path+"/thumbnail", s.thumbnail)
	}
	for prefix, take := range map[string]taker{"": s.Store, "/open": s.Hold} {
		r.Post(prefix+"/studies", s.store(take))
		r.Post(prefix+aStudy, s.store(take))
	}
	r.Get(anInstance+"/rendered", s.rendered)
	r.Get(anInstance+"/bulkdata/*", s.bulk)
	r.Get(anInstance+"/frames/{frames}", s.frames)
	r.Get(anInstance+"/frames/{frames}/rendered", s.rendered)
	r.Get(anInstance+"/frames/{frames}/thumbnail", s.thumbnail)
	r.Get("/wado", s.uri(r))
	return r
}

// cors lets the pages of configured origins in, and hides the router that this one is mounted in.
func (s *server) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		h.Add("Vary", "Accept")
		origin := r.Header.Get("Origin")
		if origin != "" && (slices.Contains(s.CORS, origin) || slices.Contains(s.CORS, "*")) {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
			h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type")
			h.Set("Access-Control-Expose-Headers", "Content-Length, Content-Type, Warning, Closer-Scan")
			h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, nil)))
	})
}

// baseURL is the URL that the server is mounted at, as the client sees it.
func (s *server) baseURL(r *http.Request) string {
	if s.URL != "" {
		return strings.TrimSuffix(s.URL, "/")
	}
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return scheme + "://" + r.Host + strings.TrimSuffix(path, r.URL.EscapedPath())
}

// problem answers with an error (RFC 9457). Only the message of a *recon.Error is shown.
func (s *server) problem(w http.ResponseWriter, r *http.Request, err error) {
	switch recon.CodeOf(err) {
	case recon.Invalid:
		writeProblem(w, http.StatusBadRequest, err.Error())
	case recon.NotFound:
		writeProblem(w, http.StatusNotFound, err.Error())
	case recon.Conflict:
		writeProblem(w, http.StatusConflict, err.Error())
	case recon.Busy:
		writeProblem(w, http.StatusTooManyRequests, err.Error())
	case recon.Unavailable:
		writeProblem(w, http.StatusServiceUnavailable, err.Error())
	default:
		if r.Context().Err() == nil {
			s.Log.ErrorContext(r.Context(), "a DICOMweb request failed", "error", err)
		}
		writeProblem(w, http.StatusInternalServerError, "internal error")
	}
}

func notAcceptable(w http.ResponseWriter, _ *http.Request) {
	writeProblem(w, http.StatusNotAcceptable, "the resource is not available in any media type that the request accepts")
}

func writeProblem(w http.ResponseWriter, status int, detail string) {
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail})
}

// writeDICOMJSON answers with data sets in the DICOM JSON model.
func writeDICOMJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", dicomJSON)
	_ = json.NewEncoder(w).Encode(value) // an error here is a client that went away
}
