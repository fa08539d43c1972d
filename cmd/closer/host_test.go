package main_test

import (
	"net/http"
	"testing"
)

// A server on loopback without keys answers to its own names and those of --host, and to no other that resolves to it.
func TestServeAnswersToItsOwnNames(t *testing.T) {
	t.Parallel()
	_, address := serving(t, t.TempDir(), "--workers", "0", "--host", "mri.example")
	for host, want := range map[string]int{
		address: http.StatusOK, "localhost": http.StatusOK, "mri.example": http.StatusOK, "evil.example": http.StatusMisdirectedRequest,
	} {
		r, err := http.NewRequest(http.MethodGet, "http://"+address+"/api/v1/scans", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("as %s: %s, want %d", host, response.Status, want)
		}
	}
}
