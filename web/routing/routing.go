// Package routing is what HTTP asks of a router and chi leaves to its user.
package routing

import (
	"net/http"
	"strings"
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
