package web

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// Certificate returns a tls.Config.GetCertificate for a certificate and its private key in files, PEM, that are read again when they
// were changed: a renewal needs no restart. The files must be good now. While they are not later on, the last good ones remain.
func Certificate(cert, key string, log *slog.Logger) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	f := &certificateFiles{paths: [2]string{cert, key}, log: log}
	f.seen, _ = f.look()
	var err error
	if f.last, err = f.read(); err != nil {
		return nil, err
	}
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.current(), nil }, nil
}

// certificateFiles are the files of a certificate and its key.
type certificateFiles struct {
	paths [2]string
	log   *slog.Logger

	mu   sync.Mutex
	seen [2]os.FileInfo
	last *tls.Certificate
}

func (f *certificateFiles) current() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, changed := f.look()
	if !changed {
		return f.last
	}
	f.seen = now // before they are read: a change meanwhile is found the next time
	read, err := f.read()
	if err != nil {
		f.log.Error("the certificate cannot be read: it remains as it was", "error", err)
		return f.last
	}
	f.log.Info("the certificate was read again")
	f.last = read
	return f.last
}

// look returns what the files are now, nil for one that is not there, and whether that is something else than before.
func (f *certificateFiles) look() (now [2]os.FileInfo, changed bool) {
	for i, path := range f.paths {
		if info, err := os.Stat(path); err == nil {
			now[i] = info
		}
		was := f.seen[i]
		changed = changed || (was == nil) != (now[i] == nil) || was != nil && !sameState(was, now[i])
	}
	return now, changed
}

func (f *certificateFiles) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(f.paths[0], f.paths[1])
	if err != nil {
		return nil, fmt.Errorf("read the certificate and its key: %w", err)
	}
	return &pair, nil
}
