package web

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// role is what a key allows. Each includes the one before it.
type role int

const (
	roleNone  role = iota
	roleRead       // jobs, results, metrics
	rolePush       // new scans
	roleAdmin      // cancel
)

var roles = map[string]role{"read": roleRead, "push": rolePush, "admin": roleAdmin}

// keyring holds the keys by their hash: the file is of no use to who reads it.
type keyring struct{ keys []key }

type key struct {
	name string
	role role
	hash [sha256.Size]byte
}

// readKeys reads a keys file: lines "name role sha256hex", where the hash is of the key's text; # begins a comment.
func readKeys(path string) (*keyring, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	defer f.Close()
	k, err := parseKeys(f)
	if err != nil {
		return nil, fmt.Errorf("keys file %s: %w", path, err)
	}
	return k, nil
}

func parseKeys(r io.Reader) (*keyring, error) {
	ring := &keyring{}
	names := map[string]bool{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 3 {
			return nil, fmt.Errorf("line %d has %d fields; expected: name role sha256", n, len(fields))
		}
		k := key{name: fields[0], role: roles[fields[1]]}
		if k.role == roleNone {
			return nil, fmt.Errorf("line %d: role %q is not push, read or admin", n, fields[1])
		}
		sum, err := hex.DecodeString(fields[2])
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("line %d: the third field is not a SHA-256 in hexadecimal", n)
		}
		if names[k.name] {
			return nil, fmt.Errorf("line %d: the name %s is used twice", n, k.name)
		}
		names[k.name] = true
		copy(k.hash[:], sum)
		ring.keys = append(ring.keys, k)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(ring.keys) == 0 {
		return nil, fmt.Errorf("there is no key in it")
	}
	return ring, nil
}

// find compares with every key, so that the time tells nothing.
func (k *keyring) find(secret string) (found key, ok bool) {
	sum := sha256.Sum256([]byte(secret))
	for _, candidate := range k.keys {
		if subtle.ConstantTimeCompare(sum[:], candidate.hash[:]) == 1 {
			found, ok = candidate, true
		}
	}
	return found, ok
}

// require lets requests through whose key has at least the role; all of them when there are no keys.
func (a *api) require(least role) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if a.keys == nil {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			k, ok := a.keys.find(strings.TrimSpace(secret))
			if !ok || !strings.EqualFold(scheme, "Bearer") {
				w.Header().Set("WWW-Authenticate", `Bearer realm="closer"`)
				fail(w, r, problemf(http.StatusUnauthorized, "a valid API key is needed: Authorization: Bearer …"))
				return
			}
			trace(r.Context()).key = k.name
			if k.role < least {
				fail(w, r, problemf(http.StatusForbidden, "this key does not allow that"))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// audit logs who did what with which scan.
func (a *api) audit(ctx context.Context, action string) {
	t := trace(ctx)
	who := t.key
	if who == "" {
		who = "anonymous"
	}
	a.Log.InfoContext(ctx, "audit", "action", action, "key", who, "scan", t.scan, "job", t.job, "request", t.id)
}
