package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/closer-mri/closer/recon"
)

// sessions are how browsers show their key: an event stream and an image cannot send a header, but they send a cookie. It names the
// key and a time of expiry under a MAC, so that no server needs to remember it; the MAC is also of the key's hash, so that a
// session ends with the key.
type sessions struct {
	keys   func() *keyring
	secret []byte
}

const (
	sessionCookie = "closer-session"
	sessionTime   = 12 * time.Hour // a long day's reading
	startTime     = 30 * time.Second
)

// newSessions finds or makes the secret of the MACs, which all servers of a blob store share.
func newSessions(keys func() *keyring, blobs recon.Blobs) (*sessions, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	const piece = "session/secret"
	secret := make([]byte, sha256.Size)
	rand.Read(secret)
	err := blobs.PutPiece(ctx, piece, secret)
	if err == nil {
		secret, err = blobs.Piece(ctx, piece) // which may be older
	}
	if err != nil {
		return nil, fmt.Errorf("the secret of sessions: %w", err)
	}
	return &sessions{keys: keys, secret: secret}, nil
}

// claim is what a session's cookie says.
type claim struct {
	Key     string `json:"key"`
	Expires int64  `json:"expires"` // Unix time
}

func (s *sessions) mac(payload []byte, k key) []byte {
	h := hmac.New(sha256.New, s.secret)
	h.Write(k.hash[:])
	h.Write(payload)
	return h.Sum(nil)
}

func (s *sessions) seal(k key, expires time.Time) string {
	payload, err := json.Marshal(claim{k.name, expires.Unix()})
	if err != nil {
		panic(err) // a claim always has a JSON form
	}
	return base64.RawURLEncoding.EncodeToString(payload) + "." + base64.RawURLEncoding.EncodeToString(s.mac(payload, k))
}

// unseal returns the key that a cookie speaks for.
func (s *sessions) unseal(cookie string, now time.Time) (key, bool) {
	payloadText, macText, _ := strings.Cut(cookie, ".")
	payload, err := base64.RawURLEncoding.DecodeString(payloadText)
	mac, macErr := base64.RawURLEncoding.DecodeString(macText)
	var c claim
	if err != nil || macErr != nil || json.Unmarshal(payload, &c) != nil {
		return key{}, false
	}
	keys := s.keys().keys
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == c.Key })
	if i < 0 || !hmac.Equal(mac, s.mac(payload, keys[i])) || now.Unix() >= c.Expires {
		return key{}, false
	}
	return keys[i], true
}

// user returns the key of a request's session. A cookie comes with whatever page makes the browser ask, so one that would change
// something counts only from a page of this server.
func (s *sessions) user(r *http.Request) (key, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || origins.Check(r) != nil {
		return key{}, false
	}
	return s.unseal(cookie.Value, time.Now())
}

var origins = http.NewCrossOriginProtection()

// sameOrigin refuses what a browser sends for a page of another server, unless it only reads.
func sameOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := origins.Check(r); err != nil {
			fail(w, r, problemf(http.StatusForbidden, "a page of another origin may not do this"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Session says who asks and what that key allows.
type Session struct {
	User  string   `json:"user"`
	Roles []string `json:"roles"` // of read, push, review and admin
}

func sessionOf(k key) Session {
	s := Session{User: k.name, Roles: []string{}}
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		if k.role&roles[name] == roles[name] {
			s.Roles = append(s.Roles, name)
		}
	}
	return s
}

func (a *api) session(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, sessionOf(trace(r.Context()).key))
}

// login takes a key and gives the cookie that speaks for it.
func (a *api) login(w http.ResponseWriter, r *http.Request) {
	var form struct {
		Key string `json:"key"`
	}
	if err := a.readJSON(w, r, &form); err != nil {
		fail(w, r, err)
		return
	}
	k := anonymous
	if a.keys != nil {
		var ok bool
		if k, ok = a.keys().find(strings.TrimSpace(form.Key)); !ok {
			fail(w, r, problemf(http.StatusUnauthorized, "this is not the key of anybody"))
			return
		}
		setSession(w, r, a.sessions.seal(k, time.Now().Add(sessionTime)), int(sessionTime/time.Second))
	}
	trace(r.Context()).key = k
	a.audit(r.Context(), "login")
	answer(w, http.StatusOK, sessionOf(k))
}

// logout makes the browser forget its cookie.
func (a *api) logout(w http.ResponseWriter, r *http.Request) {
	setSession(w, r, "", -1)
	w.WriteHeader(http.StatusNoContent)
}

func setSession(w http.ResponseWriter, r *http.Request, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}
