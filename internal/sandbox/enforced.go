package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Enforcement is which walls a child has met on this machine, each found by running into it.
type Enforcement struct {
	LandlockABI int  `json:"landlock_abi"` // version of the kernel's Landlock, 0 without
	Landlock    bool `json:"landlock"`     // another file could not be opened before Seal
	Seccomp     bool `json:"seccomp"`      // after Seal nothing could be opened, connected or started, on any thread
	NoNewPrivs  bool `json:"no_new_privs"`
	Limits      bool `json:"limits"` // memory, CPU time, file size, descriptors and core dumps are limited
}

// Complete reports whether every wall stands.
func (e Enforcement) Complete() bool { return e.Landlock && e.Seccomp && e.NoNewPrivs && e.Limits }

// String names the walls that stand, and then those that do not.
func (e Enforcement) String() string {
	var on, off []string
	for _, w := range []struct {
		name string
		up   bool
	}{{"resource limits", e.Limits}, {"no new privileges", e.NoNewPrivs}, {"Landlock", e.Landlock}, {"seccomp", e.Seccomp}} {
		if w.up {
			on = append(on, w.name)
		} else {
			off = append(off, w.name)
		}
	}
	text := strings.Join(on, ", ")
	if len(off) > 0 {
		text += "; missing: " + strings.Join(off, ", ")
	}
	return text
}

const probeTask = "sandbox.probe"

func init() { RegisterOpener(probeTask, probe) }

// Enforced starts a child that tries to break out and returns what stopped it.
func Enforced(ctx context.Context) (Enforcement, error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return Enforcement{}, setupError(err)
	}
	defer self.Close()
	var out bytes.Buffer
	if err := Run(ctx, probeTask, self, nil, &out, Limits{}); err != nil {
		return Enforcement{}, err
	}
	e := Enforcement{}
	if err := json.Unmarshal(out.Bytes(), &e); err != nil {
		return Enforcement{}, setupError(err)
	}
	e.LandlockABI = landlockABI()
	return e, nil
}

func probe(_ *os.File, _ io.Reader, stdout io.Writer) error {
	var e Enforcement
	e.Landlock = denied(openFile("/proc/version")) && denied(openFile("/")) // both are readable by everybody
	privs, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	e.NoNewPrivs = err == nil && privs == 1
	e.Limits = limitsHold()

	// A thread that exists before Seal must be sealed too. Locking both goroutines makes them two threads.
	runtime.LockOSThread()
	ready, enter, answer := make(chan struct{}), make(chan struct{}), make(chan bool)
	go func() {
		runtime.LockOSThread()
		close(ready)
		<-enter
		answer <- escapesDenied()
	}()
	<-ready
	if Seal() == nil {
		close(enter)
		e.Seccomp = escapesDenied() && <-answer
	}
	return json.NewEncoder(stdout).Encode(e)
}

func limitsHold() bool {
	for _, what := range []int{unix.RLIMIT_AS, unix.RLIMIT_DATA, unix.RLIMIT_CPU, unix.RLIMIT_FSIZE, unix.RLIMIT_NOFILE, unix.RLIMIT_CORE} {
		var r unix.Rlimit
		if unix.Getrlimit(what, &r) != nil || r.Max == unix.RLIM_INFINITY {
			return false
		}
	}
	return true
}

// escapesDenied tries each way out of a sealed sandbox that needs no privilege.
func escapesDenied() bool {
	_, socket := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	_, local := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	exec := unix.Exec("/proc/self/exe", []string{"closer"}, nil)
	signal := unix.Kill(unix.Getppid(), 0)
	_, open := unix.Open("/proc/self/fd/3", unix.O_RDONLY, 0)
	return denied(socket) && denied(local) && denied(exec) && denied(signal) && denied(open)
}

func openFile(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func denied(err error) bool { return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) }
