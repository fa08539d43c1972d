package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A server that minds its host answers by its own names only, also the parts that need no key.
func TestOwnHost(t *testing.T) {
	s := start(t, func(c *Config) { c.OwnHost, c.Hosts = true, []string{"mri.example"} })
	for host, own := range map[string]bool{
		"localhost": true, "LOCALHOST:8080": true, "localhost.": true, "127.0.0.1:8080": true, "127.9.9.9": true, "[::1]:8080": true, "[::1]": true,
		"mri.example": true, "MRI.example:443": true,
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "127.0.0.1.evil.example:8080": false,
		"192.0.2.1:8080": false, "0.0.0.0:8080": false, "": false,
	} {
		for _, path := range []string{"/", "/healthz", "/api/v1/scans", "/dicom-web/studies", "/nothing"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = host
			answer := httptest.NewRecorder()
			s.Config.Handler.ServeHTTP(answer, r)
			if refused := answer.Code == http.StatusMisdirectedRequest; refused == own {
				t.Errorf("host %q at %s: status %d", host, path, answer.Code)
			}
			if !own && answer.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("host %q at %s: %s", host, path, answer.Body)
			}
		}
	}
}
