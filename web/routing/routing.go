// Package routing is what HTTP asks of a router and chi leaves to its user.
package routing

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Complete hands addresses with an empty segment to refuse. chi would match /scans//commit with /scans/{id}/commit, and a handler would
// take a name that is missing for one that was not asked for.
func Complete(refuse http.HandlerFunc) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.EscapedPath(), "//") {
				refuse(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// NotAllowed is the answer to a method that an address does not have: refuse, given the field Allow, or nowhere where there is nothing
// at all, which chi does not look at for a method that it does not know.
func NotAllowed(nowhere http.HandlerFunc, refuse func(w http.ResponseWriter, r *http.Request, allow string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if allow := Allow(r); allow != "" {
			refuse(w, r, allow)
		} else {
			nowhere(w, r)
		}
	}
}

// Allow is the field Allow for the address of a request that a router is at (RFC 9110, section 10.2.1): the methods that it has there,
// and HEAD where middleware.GetHead answers it; "" when nothing is there.
func Allow(r *http.Request) string {
	at := chi.RouteContext(r.Context())
	path := at.RoutePath
	if path == "" {
		path = r.URL.Path
		if r.URL.RawPath != "" {
			path = r.URL.RawPath
		}
	}
	var allowed []string
	has := func(method string) bool { return at.Routes.Match(chi.NewRouteContext(), method, path) }
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		if has(method) || method == http.MethodHead && has(http.MethodGet) {
			allowed = append(allowed, method)
		}
	}
	return strings.Join(allowed, ", ")
}
