package sandbox

import (
	"fmt"
	"strings"
	"syscall"
	"time"
)

// Reason says how a child ended badly.
type Reason string

// The reasons.
const (
	Refused  Reason = "refused"  // the task returned an error: Message is its text
	Crashed  Reason = "crashed"  // the child died: a crafted or damaged file
	Memory   Reason = "memory"   // it needed more than Limits.Memory
	Time     Reason = "time"     // it worked for longer than Limits.Wall or Limits.CPU
	Stalled  Reason = "stalled"  // Limits.Wall passed while it hardly ran, for want of a processor or a disk: nothing is known about the file
	Canceled Reason = "canceled" // the context ended; Unwrap gives the context's error
	Setup    Reason = "setup"    // it could not be started or confined: nothing is known about the file
)

// Error is the end of a child as the parent saw it. Message is a plain sentence; Detail, for the log, is the end of the child's
// stderr, which may hold addresses and function names but no content of the file.
type Error struct {
	Reason  Reason
	Message string
	Detail  string
	Cause   error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the context's error or the system's.
func (e *Error) Unwrap() error { return e.Cause }

func setupError(err error) *Error {
	return &Error{Reason: Setup, Message: "the reader could not be started", Detail: err.Error(), Cause: err}
}

func timeError(limit time.Duration) *Error {
	return &Error{Reason: Time, Message: fmt.Sprintf("the file could not be read safely: the reader took longer than %g s", limit.Seconds())}
}

// overdue explains a child that Limits.Wall ended after it had consumed worked of CPU time in the exchange.
func overdue(wall, worked time.Duration) *Error {
	if worked >= wall/10 {
		return timeError(wall)
	}
	return &Error{Reason: Stalled, Message: fmt.Sprintf("the reader came to run for %.2g s in %g s: the machine or its disk is too slow at present",
		worked.Seconds(), wall.Seconds())}
}

// ended explains a child that ended by itself.
func (p *Process) ended() *Error {
	state, detail := p.state, p.stderr.String()
	status, _ := state.Sys().(syscall.WaitStatus)
	const prefix = "the file could not be read safely: the reader "
	switch {
	case status.Exited() && status.ExitStatus() == exitRefused:
		return &Error{Reason: Refused, Message: detail}
	case status.Exited() && status.ExitStatus() == exitSetup:
		return &Error{Reason: Setup, Message: "the reader could not be started", Detail: detail}
	case strings.Contains(detail, "SIGXCPU"), state.UserTime()+state.SystemTime() >= p.limits.CPU:
		return timeError(p.limits.CPU)
	case status.Exited() && status.ExitStatus() == exitMemory, outOfMemory(detail):
		return &Error{Reason: Memory, Message: fmt.Sprintf("%sused more than %d MiB", prefix, p.limits.Memory>>20), Detail: detail}
	case status.Exited() && status.ExitStatus() == 0:
		return &Error{Reason: Crashed, Message: prefix + "ended too early", Detail: detail}
	default:
		return &Error{Reason: Crashed, Message: prefix + "crashed", Detail: state.String() + "\n" + detail}
	}
}

// outOfMemory recognises the last words of the Go runtime, of its C part, its race detector and the C++ library when memory is refused.
func outOfMemory(stderr string) bool {
	for _, words := range []string{"out of memory", "cannot allocate memory", "Cannot allocate memory", "failed to allocate", "address space collisions",
		"pthread_create failed", "bad_alloc"} {
		if strings.Contains(stderr, words) {
			return true
		}
	}
	return false
}
