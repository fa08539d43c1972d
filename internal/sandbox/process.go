package sandbox

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a running child. Its methods may be called from several goroutines, Do by one at a time.
type Process struct {
	limits Limits
	cmd    *exec.Cmd
	stdin  *os.File // parent's ends
	stdout *os.File
	stderr head

	done  chan struct{} // closed when the child has been waited for
	state *os.ProcessState

	mu     sync.Mutex
	reason *Error // why we killed it; nil when we did not
}

// Start starts a registered task on input, which must be open for reading, confines it and returns when it is about to run.
// Cancelling ctx stops the start only. Errors are *Error.
func Start(ctx context.Context, task string, input *os.File, limits Limits) (*Process, error) {
	limits = limits.withDefaults()
	files, program := programFiles(), ""
	if name := tasks[task].program; name != nil {
		var err error
		if program, err = exec.LookPath(name[0]); err != nil {
			return nil, setupError(err)
		}
		foreign, err := foreignFiles(program)
		if err != nil {
			return nil, setupError(err)
		}
		files = append(files[:len(files):len(files)], foreign...)
	}
	childIn, stdin, err := os.Pipe()
	if err != nil {
		return nil, setupError(err)
	}
	stdout, childOut, err := os.Pipe()
	if err != nil {
		childIn.Close()
		stdin.Close()
		return nil, setupError(err)
	}

	p := &Process{limits: limits, stdin: stdin, stdout: stdout, done: make(chan struct{})}
	p.cmd = &exec.Cmd{
		Path: "/proc/self/exe", // survives the replacement of the binary by a newer one
		Args: []string{"closer-sandbox", task},
		Env: []string{envTask + "=" + task,
			"GOMAXPROCS=2", "GOTRACEBACK=none", // few threads, short last words
			"MALLOC_ARENA_MAX=1", // the C library reserves 64 MiB per arena
			"LC_ALL=C", "HDF5_USE_FILE_LOCKING=FALSE", "HDF5_PLUGIN_PRELOAD=::", envProgram + "=" + program},
		Dir:        "/",
		Stdin:      childIn,
		Stdout:     childOut,
		Stderr:     &p.stderr,
		ExtraFiles: []*os.File{input},
		SysProcAttr: &syscall.SysProcAttr{
			Pdeathsig: syscall.SIGKILL,
			Setpgid:   true, // Ctrl-C is for the parent, which then decides
		},
	}
	err = p.launch(input, files)
	childIn.Close() // only the child holds them now, so that its end is the end of the pipes
	childOut.Close()
	if err != nil {
		stdin.Close()
		stdout.Close()
		return nil, setupError(err)
	}
	if err := p.Do(ctx, p.limit); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// launch starts the child from a thread of its own. The thread enters the Landlock domain that the child inherits, and it
// must outlive the child because Pdeathsig fires when the thread ends, not the process. It is never used again: a goroutine
// that returns while locked takes its thread with it.
func (p *Process) launch(input *os.File, files []string) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := confineThread(input, files); err != nil {
			result <- err
			return
		}
		if err := p.cmd.Start(); err != nil {
			result <- err
			return
		}
		result <- nil
		p.cmd.Wait() // the outcome is in ProcessState; an error of the stderr pipe says nothing more
		p.state = p.cmd.ProcessState
		close(p.done)
	}()
	return <-result
}

// limit waits until the child has started, limits it and lets it go on.
func (p *Process) limit(r io.Reader, w io.Writer) error {
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return err
	}
	if err := p.limits.apply(p.cmd.Process.Pid); err != nil {
		return setupError(err)
	}
	_, err := w.Write([]byte{limited})
	return err
}

// Do runs one exchange: f reads what the child writes and writes what it reads. The child is killed when ctx ends or
// Limits.Wall passes before f returns, and f's reads then fail. Do returns f's error unless the child ended, in which case
// it says why, as *Error. A child that has ended stays ended.
func (p *Process) Do(ctx context.Context, f func(r io.Reader, w io.Writer) error) error {
	stop := context.AfterFunc(ctx, func() {
		p.kill(&Error{Reason: Canceled, Message: "reading was canceled", Cause: context.Cause(ctx)})
	})
	defer stop()
	before := p.worked()
	timer := time.AfterFunc(p.limits.Wall, func() { p.kill(overdue(p.limits.Wall, p.worked()-before)) })
	defer timer.Stop()

	err := f(p.stdout, p.stdin)
	if err == nil || !p.isOver(err) {
		return err
	}
	<-p.done // the timer above still runs, so this ends
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason != nil {
		return p.reason
	}
	return p.ended()
}

// worked is the CPU time that the child has consumed; 0 when it has ended.
func (p *Process) worked() time.Duration {
	var t unix.Timespec
	clock := int32(^p.cmd.Process.Pid<<3 | 2) // of all threads of a process, made as clock_getcpuclockid(3) does
	if unix.ClockGettime(clock, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// isOver reports whether err is what the pipes of a dead child, or of one about to die, give.
func (p *Process) isOver(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, os.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded)
}

// kill ends the child for the given reason, unless it has one already.
func (p *Process) kill(reason *Error) {
	p.mu.Lock()
	if p.reason == nil {
		p.reason = reason
	}
	p.mu.Unlock()
	p.cmd.Process.Kill()
	past := time.Unix(1, 0) // whoever waits for the child, waits no longer
	p.stdout.SetReadDeadline(past)
	p.stdin.SetWriteDeadline(past)
}

// Alive reports whether the child can still take part in an exchange.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.reason == nil
	}
}

// Close kills the child and waits for its end. Closing twice is harmless.
func (p *Process) Close() error {
	p.kill(&Error{Reason: Canceled, Message: "the reader is closed", Cause: os.ErrClosed})
	<-p.done
	return errors.Join(ignoreClosed(p.stdin.Close()), ignoreClosed(p.stdout.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// Usage is what a child consumed.
type Usage struct {
	CPU time.Duration
	// MaxRSS is the peak resident memory in bytes. Linux counts the parent's peak at the time of exec into it.
	MaxRSS int64
}

// Usage returns what the child consumed; call it after Close.
func (p *Process) Usage() Usage {
	<-p.done
	u := Usage{CPU: p.state.UserTime() + p.state.SystemTime()}
	if r, ok := p.state.SysUsage().(*syscall.Rusage); ok {
		u.MaxRSS = int64(r.Maxrss) << 10
	}
	return u
}

// Run starts a task, gives it stdin, copies what it writes to stdout and waits for its end, all within Limits.Wall and ctx.
// It returns nil when the task returned nil, else an *Error or what stdin and stdout returned.
func Run(ctx context.Context, task string, input *os.File, stdin io.Reader, stdout io.Writer, limits Limits) error {
	p, err := Start(ctx, task, input, limits)
	if err != nil {
		return err
	}
	defer p.Close()
	err = p.Do(ctx, func(r io.Reader, w io.Writer) error {
		go func() {
			if stdin != nil {
				io.Copy(w, stdin)
			}
			p.stdin.Close()
		}()
		if _, err := io.Copy(stdout, r); err != nil {
			return err
		}
		return io.EOF // the child has closed stdout: it has ended or is about to
	})
	var end *Error
	if errors.As(err, &end) && end.Reason == Crashed && p.state.Success() {
		if detail := p.stderr.String(); detail != "" && tasks[task].program != nil {
			return &Error{Reason: Crashed, Message: "the file could not be read safely: the reader found it damaged", Detail: detail}
		}
		return nil
	}
	return err
}
