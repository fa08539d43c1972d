package routing

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

func TestComplete(t *testing.T) {
	r := chi.NewRouter()
	r.Use(Complete(http.NotFound))
	ok := func(http.ResponseWriter, *http.Request) {}
	r.Get("/scans/{id:[0-9a-f]{2}}/commit", ok)
	r.Get("/studies/{study}", ok)
	r.Get("/studies/{study}/series/{series}/files/*", ok)
	for path, want := range map[string]int{
		"/scans/aa/commit": 200, "/scans//commit": 404, "//scans/aa/commit": 404,
		"/studies/1": 200, "/studies/": 404, "/studies//": 404, "/studies/%2F": 200,
		"/studies/1/series/2/files/a/b": 200, "/studies//series/2/files/a": 404, "/studies/1/series//files/a": 404,
		"/studies/1/series/2/files/": 200, "/studies/1/series/2/files//etc": 404,
	} {
		w := httptest.NewRecorder()
		if r.ServeHTTP(w, httptest.NewRequest("GET", "http://host"+path, nil)); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

func TestAllow(t *testing.T) {
	r := chi.NewRouter()
	r.Use(middleware.GetHead)
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Allow", Allow(r)) })
	ok := func(http.ResponseWriter, *http.Request) {}
	r.Get("/jobs/{id}", ok)
	r.Delete("/jobs/{id}", ok)
	r.Post("/uploads", ok)
	r.Options("/uploads", ok)
	r.Head("/uploads/{id}", ok)
	r.Get("/files/*", ok)
	for _, c := range [][3]string{
		{"PUT", "/jobs/1", "GET, HEAD, DELETE"}, {"POST", "/jobs/a%2Fb", "GET, HEAD, DELETE"}, {"HEAD", "/uploads", "POST, OPTIONS"},
		{"GET", "/uploads/1", "HEAD"}, {"POST", "/files/a/b", "GET, HEAD"}, {"BREW", "/jobs/1", "GET, HEAD, DELETE"}, {"BREW", "/pot", ""},
		{"HEAD", "/jobs/1", ""}, {"HEAD", "/uploads/1", ""},
	} {
		w := httptest.NewRecorder()
		if r.ServeHTTP(w, httptest.NewRequest(c[0], c[1], nil)); w.Header().Get("Allow") != c[2] {
			t.Errorf("%s %s: %q, want %q", c[0], c[1], w.Header().Get("Allow"), c[2])
		}
	}
}
