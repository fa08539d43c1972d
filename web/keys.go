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

// role is a set of what a key allows.
type role uint

const (
	roleRead   role = 1 << iota // jobs, results, reviews, metrics
	rolePush                    // new scans
	roleReview                  // decisions and preferences
	roleCancel
)

var roles = map[string]role{
	"read": roleRead, "push": roleRead | rolePush, "review": roleRead | roleReview, "admin": roleRead | rolePush | roleReview | roleCancel,
}

// parseRole reads names of roles with commas between them; 0 when one is none.
func parseRole(text string) (sum role) {
	for name := range strings.SplitSeq(text, ",") {
		if roles[name] == 0 {
			return 0
		}
		sum |= roles[name]
	}
	return sum
}

// anonymous is the user where there are no keys: it may do everything.
var anonymous = key{name: "anonymous", role: roles["admin"]}

// keyring holds the keys by their hash: the file is of no use to who reads it.
type keyring struct{ keys []key }

type key struct {
	name string
	role role
	hash [sha256.Size]byte
}

// readKeys reads a keys file: lines "name role[,role] sha256hex", where the hash is of the key's text; # begins a comment.
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
		k := key{name: fields[0], role: parseRole(fields[1])}
		if k.role == 0 {
			return nil, fmt.Errorf("line %d: role %q is not read, push, review or admin", n, fields[1])
		}
		sum, err := hex.DecodeString(fields[2])
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("line %d: the third field is not a SHA-256 in hexadecimal", n)
		}
		if names[k.name] {
			return nil, fmt.Errorf("line %d: the name %s is used twice", n, k.name)
		}
		names[k.name] = true
		if k.hash = [sha256.Size]byte(sum); k.hash == sha256.Sum256(nil) {
			return nil, fmt.Errorf("line %d: the key of %s is empty: everybody has it", n, k.name)
		}
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

// require lets requests through whose key, or whose session's, allows all of the role; all of them when there are no keys.
func (a *api) require(needed role) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			k, ok := a.authenticate(r)
			if !ok {
				w.Header().Set("WWW-Authenticate", `Bearer realm="closer"`)
				fail(w, r, problemf(http.StatusUnauthorized, "a valid API key is needed: Authorization: Bearer …"))
				return
			}
			trace(r.Context()).key = k
			if k.role&needed != needed {
				fail(w, r, problemf(http.StatusForbidden, "this key does not allow that"))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func (a *api) authenticate(r *http.Request) (key, bool) {
	if a.keys == nil {
		return anonymous, true
	}
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, secret, _ := strings.Cut(header, " ")
		k, ok := a.keys().find(strings.TrimSpace(secret))
		return k, ok && strings.EqualFold(scheme, "Bearer")
	}
	return a.sessions.user(r)
}

// audit logs who did what with which scan, and further fields.
func (a *api) audit(ctx context.Context, action string, fields ...any) {
	t := trace(ctx)
	a.Log.InfoContext(ctx, "audit", append([]any{"action", action, "key", t.key.name, "scan", t.scan, "job", t.job, "request", t.id}, fields...)...)
}
