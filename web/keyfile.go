package web

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// keyFile is the file of keys, read again when it was changed: a key that is taken out of it opens nothing from then on.
type keyFile struct {
	path string
	log  *slog.Logger

	mu   sync.Mutex
	seen os.FileInfo // nil when the file was not there
	ring *keyring
}

// watchKeys reads the file, which must be well formed.
func watchKeys(path string, log *slog.Logger) (*keyFile, error) {
	f := &keyFile{path: path, log: log}
	var err error
	if f.seen, err = os.Stat(path); err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	f.ring, err = readKeys(path)
	return f, err
}

// current returns the keys as the file has them now. While it is absent or malformed the last good ones remain: a slip of its editor
// should not lock everybody out.
func (f *keyFile) current() *keyring {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := os.Stat(f.path)
	switch {
	case err != nil && f.seen == nil || err == nil && f.seen != nil && sameState(now, f.seen):
		return f.ring
	case err != nil:
		f.seen = nil
		f.log.Error("the keys file cannot be read: the keys remain as they were", "error", err)
		return f.ring
	}
	f.seen = now // before it is read: a change meanwhile is found the next time
	ring, err := readKeys(f.path)
	if err != nil {
		f.log.Error("the keys file is not well formed: the keys remain as they were", "error", err)
		return f.ring
	}
	f.log.Info("the keys were read again", "keys", len(ring.keys))
	f.ring = ring
	return f.ring
}

func sameState(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
