package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// maxPayload bounds a job record; one names about 7000 result files per MB.
const maxPayload = 8 << 20

// startTimeout bounds opening the data directory; recovery reads every block of it.
const startTimeout = time.Minute

// ServerOptions of the embedded server.
type ServerOptions struct {
	Port  int    // on loopback; 0 is a free one
	Token string // what clients must show; "" is a random one
}

// Server is a NATS server inside this process, which listens on loopback only.
type Server struct {
	nats *server.Server
	end  chan struct{} // closed by Close
	lock *os.File
	url  string
}

// maxStore leaves it to the disk how much the queue may hold. NATS would take what was free when it started.
const maxStore = 1 << 50

// StartServer starts a server that keeps everything in dir, and returns when it takes calls. What it acknowledged survives a
// crash of the process and of the machine: it syncs each write. One process may use dir at a time; a second is refused.
func StartServer(dir string, opts ServerOptions) (*Server, error) {
	lock, err := LockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("hold the queue: %w", err)
	}
	s := &Server{lock: lock, end: make(chan struct{})}
	if opts.Token == "" {
		opts.Token = rand.Text()
	}
	if opts.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	s.nats, err = server.NewServer(&server.Options{
		ServerName: "closer", Host: "127.0.0.1", Port: opts.Port, Authorization: opts.Token, MaxPayload: maxPayload,
		JetStream: true, StoreDir: dir, SyncAlways: true, JetStreamMaxStore: maxStore,
		NoSigs: true, NoLog: true, DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the queue: %w", err), lock.Close())
	}
	go s.nats.Start()
	go s.revive(dir)
	if !s.nats.ReadyForConnections(startTimeout) || !s.nats.JetStreamEnabled() {
		s.Close()
		return nil, fmt.Errorf("the queue in %s did not start", dir)
	}
	address := url.URL{Scheme: "nats", User: url.User(opts.Token), Host: s.nats.Addr().String()}
	s.url = address.String()
	return s, nil
}

// URL is where workers connect; it contains the token. Hand it to a child in its environment, not in its arguments, which every
// user of the machine can read.
func (s *Server) URL() string { return s.url }

// revive starts the queue again that NATS has shut down because a write found no room, until there is room and it stays.
func (s *Server) revive(dir string) {
	for ticker := time.NewTicker(time.Second); ; {
		select {
		case <-ticker.C:
		case <-s.end:
			ticker.Stop()
			return
		}
		if !s.nats.JetStreamEnabled() && s.nats.Running() && roomIn(dir) {
			s.nats.EnableJetStream(&server.JetStreamConfig{StoreDir: dir, MaxStore: maxStore}) // or else in a second
		}
	}
}

// minRoom is what a revived queue must find: enough for a compaction and all that a worker says of a job.
const minRoom = 16 << 20

func roomIn(dir string) bool {
	var s syscall.Statfs_t
	return syscall.Statfs(dir, &s) == nil && s.Bavail*uint64(s.Bsize) >= minRoom
}

// Close stops the server and waits until its files are closed.
func (s *Server) Close() error {
	close(s.end)
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
	return s.lock.Close()
}

// LockDir makes dir if need be and holds it until the returned file is closed or the process ends: two servers would destroy each
// other's files. A second call fails, in whichever process.
func LockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create a directory to hold: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("the directory %s is in use by another process: %w", dir, err)
	}
	return lock, nil
}
