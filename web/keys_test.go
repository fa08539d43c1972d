package web

import (
	"fmt"
	"io"
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

// A key that is taken out of the file opens nothing from then on, nor does a session or an event stream that it began; a file that
// is not well formed, or is away, changes nothing.
func TestKeysAreReadAgain(t *testing.T) {
	path := keysFile(t, "scanner push p-key", "boss admin a-key")
	s := start(t, func(c *Config) { c.Keys, c.keepAlive = path, 20*time.Millisecond })
	expect := func(key string, status int) {
		t.Helper()
		s.key = key
		if response, _ := s.do("GET", "/api/v1/scans", nil); response.StatusCode != status {
			t.Errorf("key %s: %s", key, response.Status)
		}
	}
	replace := func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	expect("p-key", 200)
	expect("new-key", 401)
	login, _ := s.do("POST", "/api/v1/session", strings.NewReader(`{"key":"p-key"}`), "Content-Type", "application/json")
	stream := make(chan error, 1)
	r, err := http.NewRequest("GET", s.URL+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer p-key")
	events, err := http.DefaultClient.Do(r)
	if err != nil || events.StatusCode != 200 {
		t.Fatal(err)
	}
	defer events.Body.Close()
	go func() { _, err := io.Copy(io.Discard, events.Body); stream <- err }()

	replace("scanner push " + hexSum([]byte("new-key")) + "\n")
	expect("p-key", 401)
	expect("a-key", 401)
	expect("new-key", 200)
	if s.key = ""; len(login.Cookies()) != 1 {
		t.Fatal("no session")
	}
	if response, _ := s.do("GET", "/api/v1/scans", nil, "Cookie", login.Cookies()[0].String()); response.StatusCode != 401 {
		t.Errorf("the session of a key that is gone: %s", response.Status)
	}
	select {
	case err := <-stream:
		if err != nil {
			t.Errorf("the stream ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the stream of a key that is gone goes on")
	}
	replace("scanner owner\n")
	expect("new-key", 200)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	expect("new-key", 200)
	replace("boss admin " + hexSum([]byte("a-key")) + "\n")
	expect("new-key", 401)
	expect("a-key", 200)
	if log := s.log.String(); !strings.Contains(log, "line 1 has 2 fields") || strings.Count(log, "remain as they were") != 2 {
		t.Error("the log does not say what is wrong with the file")
	}
}

func TestBadKeys(t *testing.T) {
	sum := hexSum([]byte("x"))
	for text, want := range map[string]string{
		"":                      "no key",
		"a push":                "line 1 has 2 fields",
		"\na owner " + sum:      `line 2: role "owner"`,
		"a push,owner " + sum:   `role "push,owner"`,
		"a push abc":            "not a SHA-256",
		"a push " + hexSum(nil): "the key of a is empty",
		"a push " + sum + "\na read " + sum + "\n": "used twice",
	} {
		if _, err := parseKeys(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; expected %s", text, err, want)
		}
	}
}

// A panic is answered, and logged without the request's text, or that of a file.
func TestPanic(t *testing.T) {
	s := start(t, func(c *Config) {
		c.DICOMweb = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/quoted" {
				panic("Doe^Jane is no date")
			}
			_ = []int{}[len(r.URL.Path)]
		})
	})
	for path, why := range map[string]string{"studies": "index out of range", "quoted": "panic: string"} {
		response, data := s.do("GET", "/dicom-web/"+path, nil)
		expectProblem(t, "panic", response, data, http.StatusInternalServerError, "made a mistake")
		if log := s.log.String(); !strings.Contains(log, why) || !strings.Contains(log, "keys_test.go") {
			t.Errorf("the log does not say %s, and where", why)
		}
	}
	if strings.Contains(s.log.String(), "Doe") {
		t.Error("the log quotes what may be a file")
	}
	response, _ := s.do("GET", "/healthz", nil, "X-Request-Id", "mine-1")
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
		keys := &keyring{keys: []key{{name: "a", role: roleRead}}}
		sessions := &sessions{keys: func() *keyring { return keys }, secret: []byte("unknown")}
		if k, ok := sessions.unseal(text, time.Now()); ok {
			t.Errorf("a session of %s without the secret", k.name)
		}
		sniff([]byte(text))
	})
}
