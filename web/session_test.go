package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// login gets the cookie of a key.
func (s *server) login(secret string) *http.Cookie {
	s.t.Helper()
	s.key = ""
	response, data := s.do("POST", "/api/v1/session", strings.NewReader(`{"key":"`+secret+`"}`), "Content-Type", "application/json")
	if response.StatusCode != http.StatusOK || len(response.Cookies()) != 1 {
		s.t.Fatalf("login: %s %s", response.Status, data)
	}
	return response.Cookies()[0]
}

// A session allows what its key does, is not readable by scripts, and goes to no other site's requests.
func TestSession(t *testing.T) {
	s := start(t, func(c *Config) { c.Keys = keysFile(t, "reader review r-key", "both push,review b-key") })
	cookie := s.login("r-key")
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.MaxAge != 12*3600 || strings.Contains(cookie.Value, "r-key") {
		t.Errorf("%+v", cookie)
	}
	value := cookie.Name + "=" + cookie.Value
	response, data := s.do("GET", "/api/v1/session", nil, "Cookie", value)
	if response.StatusCode != http.StatusOK || string(data) != `{"user":"reader","roles":["read","review"]}`+"\n" {
		t.Errorf("%s %s", response.Status, data)
	}
	response, data = s.do("POST", "/api/v1/scans", nil, "Cookie", value)
	expectProblem(t, "a push by a reader", response, data, http.StatusForbidden, "does not allow")
	for _, bad := range []string{"", "x", value + "x", cookie.Name + "=" + strings.ToUpper(cookie.Value), cookie.Name + "=."} {
		response, data = s.do("GET", "/api/v1/scans", nil, "Cookie", bad)
		expectProblem(t, "cookie "+bad, response, data, http.StatusUnauthorized, "API key")
	}
	response, data = s.do("POST", "/api/v1/session", strings.NewReader(`{"key":"wrong"}`), "Content-Type", "application/json")
	expectProblem(t, "wrong key", response, data, http.StatusUnauthorized, "not the key")
	response, _ = s.do("DELETE", "/api/v1/session", nil, "Cookie", value)
	if out := response.Cookies(); response.StatusCode != http.StatusNoContent || len(out) != 1 || out[0].MaxAge >= 0 || out[0].Value != "" {
		t.Errorf("logout: %s %v", response.Status, out)
	}
	both := s.login("b-key")
	response, data = s.do("POST", "/api/v1/scans?method=", nil, "Cookie", both.Name+"="+both.Value, "Origin", s.URL)
	expectProblem(t, "a push with both roles", response, data, http.StatusBadRequest, "")
	if log := s.log.String(); !strings.Contains(log, `"action":"login","key":"reader"`) || strings.Contains(log, "-key\"") {
		t.Errorf("log: %s", log)
	}
}

// What a browser sends for another site's page changes nothing, with a cookie or where there are no keys.
func TestCrossOrigin(t *testing.T) {
	guarded := start(t, func(c *Config) { c.Keys = keysFile(t, "boss admin a-key") })
	cookie := guarded.login("a-key")
	value := cookie.Name + "=" + cookie.Value
	dicomweb := func(c *Config) {
		c.Keys = keysFile(t, "boss admin a-key")
		c.DICOMweb = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	}
	pacs := start(t, dicomweb)
	pacsCookie := pacs.login("a-key")
	for name, c := range map[string]struct {
		server *server
		path   string
		header []string
		status int
	}{
		"another origin":           {guarded, "/api/v1/scans", []string{"Cookie", value, "Origin", "https://evil.example"}, 403},
		"another origin, metadata": {guarded, "/api/v1/scans", []string{"Cookie", value, "Sec-Fetch-Site", "cross-site"}, 403},
		"a sibling of the site":    {guarded, "/api/v1/scans", []string{"Cookie", value, "Sec-Fetch-Site", "same-site"}, 403},
		"this origin":              {guarded, "/api/v1/scans", []string{"Cookie", value, "Origin", guarded.URL}, 415},
		"no keys":                  {start(t, nil), "/api/v1/scans", []string{"Origin", "https://evil.example"}, 403},
		"login":                    {guarded, "/api/v1/session", []string{"Origin", "https://evil.example"}, 403},
		"a store with the cookie":  {pacs, "/dicom-web/studies", []string{"Cookie", pacsCookie.Name + "=" + pacsCookie.Value, "Origin", "https://evil.example"}, 401},
		"a store with the key":     {pacs, "/dicom-web/studies", []string{"Authorization", "Bearer a-key", "Origin", "https://viewer.example"}, 200},
	} {
		header := append(c.header, "Content-Type", "text/plain")
		if response, data := c.server.do("POST", c.path, strings.NewReader("x"), header...); response.StatusCode != c.status {
			t.Errorf("%s: %s %s", name, response.Status, data)
		}
	}
	if response, _ := guarded.do("GET", "/api/v1/scans", nil, "Cookie", value, "Sec-Fetch-Site", "none"); response.StatusCode != http.StatusOK {
		t.Errorf("a page opened by hand: %s", response.Status)
	}
}

// All servers of a blob store know each other's sessions; one ends with its time, with its key, and says nothing elsewhere.
func TestSessionsAreShared(t *testing.T) {
	s := start(t, nil)
	ring := func(names ...string) func() *keyring {
		k := &keyring{}
		for i := range names {
			k.keys = append(k.keys, key{name: names[i], role: roleRead, hash: [32]byte{byte(i)}})
		}
		return func() *keyring { return k }
	}
	one, err := newSessions(ring("a", "b"), s.blobs)
	if err != nil {
		t.Fatal(err)
	}
	two, err := newSessions(ring("a", "b"), s.blobs)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := newSessions(ring("b", "a"), s.blobs)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := newSessions(ring("a", "b"), start(t, nil).blobs)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	cookie := one.seal(one.keys().keys[1], now.Add(time.Hour))
	if k, ok := two.unseal(cookie, now); !ok || k.name != "b" {
		t.Errorf("the other server: %+v, %t", k, ok)
	}
	for i, refuses := range []bool{
		slices.ContainsFunc([]time.Duration{time.Hour, 2 * time.Hour}, func(d time.Duration) bool { _, ok := two.unseal(cookie, now.Add(d)); return ok }),
		func() bool { _, ok := changed.unseal(cookie, now); return ok }(),
		func() bool { _, ok := elsewhere.unseal(cookie, now); return ok }(),
	} {
		if refuses {
			t.Errorf("case %d is let in", i)
		}
	}
}

// Without keys everybody is anonymous and may do everything; a login is harmless.
func TestSessionWithoutKeys(t *testing.T) {
	s := start(t, nil)
	if who := get[Session](s, "/api/v1/session"); who.User != "anonymous" || !slices.Equal(who.Roles, []string{"admin", "push", "read", "review"}) {
		t.Errorf("%+v", who)
	}
	response, _ := s.do("POST", "/api/v1/session", strings.NewReader(`{"key":""}`), "Content-Type", "application/json")
	if response.StatusCode != http.StatusOK || len(response.Cookies()) != 0 {
		t.Errorf("login: %s, %v", response.Status, response.Cookies())
	}
}
