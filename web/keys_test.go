package web

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// keysFile writes a keys file; each line is "name role secret".
func keysFile(t *testing.T, lines ...string) string {
	t.Helper()
	var text strings.Builder
	for _, line := range lines {
		f := strings.Fields(line)
		fmt.Fprintf(&text, "%s %s %s # a comment\n", f[0], f[1], hexSum([]byte(f[2])))
	}
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte("# the ward\n\n"+text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A key allows what its role says and nothing more, and the log says who did what without saying the key.
func TestRoles(t *testing.T) {
	s := start(t, func(c *Config) { c.Keys = keysFile(t, "scanner push p-key", "viewer read r-key", "boss admin a-key") })
	s.key = "p-key"
	job := "/api/v1/jobs/" + s.push(scanBytes("a"), "", http.StatusCreated).Job
	for _, c := range []struct {
		key, method, path string
		status            int
	}{
		{"", "GET", "/healthz", 200}, {"", "GET", "/readyz", 200}, {"", "GET", "/openapi.yaml", 200},
		{"", "GET", job, 401}, {"wrong", "GET", job, 401}, {hexSum([]byte("r-key")), "GET", job, 401},
		{"r-key", "GET", job, 200}, {"r-key", "GET", "/metrics", 200}, {"r-key", "POST", "/api/v1/scans", 403}, {"r-key", "POST", "/api/v1/uploads", 403},
		{"r-key", "DELETE", job, 403}, {"p-key", "GET", job, 200}, {"p-key", "DELETE", job, 403}, {"a-key", "DELETE", job, 200},
	} {
		s.key = c.key
		response, data := s.do(c.method, c.path, nil)
		if response.StatusCode != c.status {
			t.Errorf("%s %s with key %q: %s %s", c.method, c.path, c.key, response.Status, data)
		}
		if c.status == 401 && response.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", c.path)
		}
	}
	log := s.log.String()
	for _, want := range []string{`"action":"push","key":"scanner"`, `"action":"cancel","key":"boss"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if strings.Contains(log, "-key") {
		t.Error("the log holds a key")
	}
}

func TestBadKeys(t *testing.T) {
	sum := hexSum([]byte("x"))
	for text, want := range map[string]string{
		"":                    "no key",
		"a push":              "line 1 has 2 fields",
		"\na owner " + sum:    `line 2: role "owner"`,
		"a push,owner " + sum: `role "push,owner"`,
		"a push abc":          "not a SHA-256",
		"a push " + sum + "\na read " + sum + "\n": "used twice",
	} {
		if _, err := parseKeys(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; expected %s", text, err, want)
		}
	}
}

// A panic is answered, and logged without the request's text.
func TestPanic(t *testing.T) {
	s := start(t, func(c *Config) {
		c.DICOMweb = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a defect") })
	})
	response, data := s.do("GET", "/dicom-web/studies", nil)
	expectProblem(t, "panic", response, data, http.StatusInternalServerError, "made a mistake")
	if !strings.Contains(s.log.String(), "a defect") {
		t.Error("the log does not say why")
	}
	response, _ = s.do("GET", "/healthz", nil, "X-Request-Id", "mine-1")
	if response.Header.Get("X-Request-Id") != "mine-1" {
		t.Errorf("request %q", response.Header.Get("X-Request-Id"))
	}
}

// FuzzText feeds whatever bytes to what parses text from outside: each gives a value in its range or an error.
func FuzzText(f *testing.F) {
	f.Add("sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:")
	f.Add("a push 0000000000000000000000000000000000000000000000000000000000000000")
	f.Add("text/html;q=0.5, */*;q=nan")
	f.Add("application/x-hdf5; a=b")
	f.Add("eyJrZXkiOiJhIiwiZXhwaXJlcyI6OTk5OTk5OTk5OX0.AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if sum, err := parseDigest(text); err == nil && sum != "" && len(sum) != 64 {
			t.Errorf("digest %q", sum)
		}
		if ring, err := parseKeys(strings.NewReader(text)); err == nil && len(ring.keys) == 0 {
			t.Error("no keys and no error")
		}
		if got := negotiate(text, "a/b", "a/c"); got != "" && got != "a/b" && got != "a/c" {
			t.Errorf("negotiated %q", got)
		}
		if media, err := declared(text); err == nil && media != "" && media != mediaHDF5 && media != mediaDICOM {
			t.Errorf("media %q", media)
		}
		sessions := &sessions{keys: &keyring{keys: []key{{name: "a", role: roleRead}}}, secret: []byte("unknown")}
		if k, ok := sessions.unseal(text, time.Now()); ok {
			t.Errorf("a session of %s without the secret", k.name)
		}
		sniff([]byte(text))
	})
}
