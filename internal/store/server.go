package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/closer-mri/closer/recon"
)

// maxPayload bounds a job record; one names about 7000 result files per MB.
const maxPayload = 8 << 20

// startTimeout bounds opening the data directory; recovery reads every block of it.
const startTimeout = time.Minute

// maxStore leaves it to the disk how much the queue may hold. NATS would take what was free when it started.
const maxStore = 1 << 50

// ServerOptions of the embedded server.
type ServerOptions struct {
	Port  int    // on loopback; 0 is a free one
	Token string // what clients must show; "" is a random one
}

// Server is a NATS server inside this process, which listens on loopback only.
type Server struct {
	lock    *os.File
	url     string
	options server.Options
	end     context.CancelFunc
	ended   chan struct{} // closed when nothing starts the server anew any more

	mu      sync.Mutex
	nats    *server.Server
	sick    int    // looks in a row that found trouble
	trouble string // what the last look found
}

// StartServer starts a server that keeps everything in dir, and returns when it takes calls. What it acknowledged survives a
// crash of the process and of the machine: it syncs each write. One process may use dir at a time; a second is refused.
//
// A stream of NATS takes nothing any more after a write that failed, as on a full disk. The server is then started anew, at the
// same address, as soon as there is room: clients connect again as after any restart.
func StartServer(dir string, opts ServerOptions) (*Server, error) {
	lock, err := LockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("hold the queue: %w", err)
	}
	if opts.Token == "" {
		opts.Token = rand.Text()
	}
	if opts.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	s := &Server{lock: lock, ended: make(chan struct{}), options: server.Options{
		ServerName: "closer", Host: "127.0.0.1", Port: opts.Port, Authorization: opts.Token, MaxPayload: maxPayload,
		JetStream: true, StoreDir: dir, SyncAlways: true, JetStreamMaxStore: maxStore,
		NoSigs: true, NoLog: true, DisableJetStreamBanner: true,
	}}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	address := s.nats.Addr().(*net.TCPAddr)
	s.options.Port = address.Port
	s.url = (&url.URL{Scheme: "nats", User: url.User(opts.Token), Host: address.String()}).String()
	var life context.Context
	life, s.end = context.WithCancel(context.Background())
	go s.heal(life)
	return s, nil
}

// start starts the server, and leaves none when it fails.
func (s *Server) start() error {
	options := s.options // the server changes its own
	nats, err := server.NewServer(&options)
	if err != nil {
		return fmt.Errorf("start the queue: %w", err)
	}
	go nats.Start()
	if !nats.ReadyForConnections(startTimeout) || !nats.JetStreamEnabled() {
		stop(nats)
		return fmt.Errorf("the queue in %s did not start", options.StoreDir)
	}
	s.nats = nats
	return nil
}

func stop(nats *server.Server) {
	nats.Shutdown()
	nats.WaitForShutdown()
}

const (
	healthTime = time.Second // between looks at the server
	sureLooks  = 2           // in a row that find trouble until Ready says so: a stream that is just being made looks lost
	sickLooks  = 3           // in a row until the server is started anew
	healRoom   = 64 << 20    // bytes that must be free for that
)

// heal looks at the server now and then, and starts it anew when it cannot write any more and there is room.
func (s *Server) heal(life context.Context) {
	defer close(s.ended)
	ticker := time.NewTicker(healthTime)
	defer ticker.Stop()
	for {
		select {
		case <-life.Done():
			return
		case <-ticker.C:
		}
		if s.look() < sickLooks || (BlobOptions{MinFreeBytes: healRoom}).checkFree(s.options.StoreDir) != nil {
			continue
		}
		s.mu.Lock()
		if s.nats != nil {
			stop(s.nats)
			s.nats = nil
		}
		_ = s.start() // or else it is tried again, and Ready says so
		s.sick = 0
		s.mu.Unlock()
	}
}

// look finds out whether the server can store what it is told, and returns how many looks in a row found that it cannot.
func (s *Server) look() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = "it did not start"
	if s.nats != nil {
		s.trouble = s.nats.Healthz(nil).Error
	}
	if s.sick++; s.trouble == "" {
		s.sick = 0
	}
	return s.sick
}

// Ready returns nil when the server can store what it is told, else Unavailable: within two looks of a write that failed.
func (s *Server) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.nats == nil:
		return recon.Errorf(recon.Unavailable, "the job queue is being started anew")
	case s.sick >= sureLooks:
		return &recon.Error{Code: recon.Unavailable, Message: "the job queue cannot write to its disk", Cause: errors.New(s.trouble)}
	}
	return nil
}

// URL is where workers connect; it contains the token. Hand it to a child in its environment, not in its arguments, which every
// user of the machine can read.
func (s *Server) URL() string { return s.url }

// Close stops the server and waits until its files are closed.
func (s *Server) Close() error {
	s.end()
	<-s.ended
	if s.nats != nil {
		stop(s.nats)
	}
	return s.lock.Close()
}

// LockDir makes dir if need be and holds it until the returned file is closed or the process ends: two servers would destroy each
// other's files. A second call fails, in whichever process.
func LockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create a directory to hold: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("the directory %s is in use by another process: %w", dir, err)
	}
	return lock, nil
}
