package routing

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"
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
