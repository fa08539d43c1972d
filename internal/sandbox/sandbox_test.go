package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

func init() {
	Register("test.echo", func(in *os.File, stdin io.Reader, stdout io.Writer) error {
		if _, err := io.Copy(stdout, in); err != nil {
			return err
		}
		_, err := io.Copy(stdout, stdin)
		return err
	})
	Register("test.refuse", func(*os.File, io.Reader, io.Writer) error { return errors.New("the cake is a lie") })
	Register("test.panic", func(*os.File, io.Reader, io.Writer) error { panic("boom") })
	Register("test.segv", func(*os.File, io.Reader, io.Writer) error {
		return syscall.Kill(syscall.Getpid(), syscall.SIGSEGV) // sealed: not even oneself
	})
	Register("test.hog", func(_ *os.File, _ io.Reader, stdout io.Writer) error {
		var held [][]byte
		for {
			b := make([]byte, 16<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			held = append(held, b)
			fmt.Fprintln(stdout, len(held))
		}
	})
	Register("test.memory", func(*os.File, io.Reader, io.Writer) error { return fmt.Errorf("inflate: %w", ErrMemory) })
	Register("test.spin", func(*os.File, io.Reader, io.Writer) error {
		for {
		}
	})
	Register("test.sleep", func(*os.File, io.Reader, io.Writer) error { time.Sleep(time.Hour); return nil })
	Register("test.noise", func(*os.File, io.Reader, io.Writer) error {
		for range 1000 {
			fmt.Fprintln(os.Stderr, strings.Repeat("x", 1000))
		}
		return errors.New("end")
	})
	RegisterProgram("test.cat", "cat", InputPath)
	RegisterProgram("test.passwd", "cat", "/etc/passwd")
	RegisterProgram("test.exec", "env", "cat", InputPath)
	RegisterProgram("test.missing", "no-such-program")
	RegisterOpener("test.open", func(_ *os.File, stdin io.Reader, stdout io.Writer) error {
		path, err := io.ReadAll(stdin)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(string(path))
		if err != nil {
			return errors.New("denied")
		}
		_, err = stdout.Write(text)
		return err
	})
}

// file returns a temporary file with the given content, open for reading.
func file(t *testing.T, content string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func reason(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

func TestRunGivesInputAndStdin(t *testing.T) {
	var out bytes.Buffer
	p, err := Start(t.Context(), "test.echo", file(t, "from the file, "), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	err = p.Do(t.Context(), func(r io.Reader, w io.Writer) error {
		if _, err := io.WriteString(w, "from stdin"); err != nil {
			return err
		}
		_, err := io.CopyN(&out, r, 25)
		return err
	})
	if err != nil || out.String() != "from the file, from stdin" {
		t.Fatalf("got %q, %v", out.String(), err)
	}
}

func TestEndings(t *testing.T) {
	for _, c := range []struct {
		task   string
		limits Limits
		want   Reason
		text   string
	}{
		{"test.refuse", Limits{}, Refused, "the cake is a lie"},
		{"test.panic", Limits{}, Crashed, "the file could not be read safely: the reader crashed"},
		{"test.segv", Limits{}, Refused, "operation not permitted"},
		{"test.hog", Limits{Memory: 128 << 20}, Memory, "the file could not be read safely: the reader used more than 128 MiB"},
		{"test.memory", Limits{}, Memory, "the file could not be read safely: the reader used more than 1024 MiB"},
		{"test.spin", Limits{CPU: time.Second}, Time, "the file could not be read safely: the reader took longer than 1 s"},
		{"test.sleep", Limits{Wall: 2 * time.Second}, Stalled, "the reader came to run for 0"},
		{"test.noise", Limits{}, Refused, strings.Repeat("x", 100)},
		{"test.unknown", Limits{}, Setup, "the reader could not be started"},
	} {
		t.Run(c.task, func(t *testing.T) {
			t.Parallel()
			err := Run(t.Context(), c.task, file(t, ""), nil, io.Discard, c.limits)
			if reason(err) != c.want || !strings.HasPrefix(err.Error(), c.text) {
				t.Errorf("got %q (%v), want %q (%s)", reason(err), err, c.want, c.text)
			}
			if len(err.Error()) > maxDetail {
				t.Errorf("message of %d bytes", len(err.Error()))
			}
			var e *Error
			if errors.As(err, &e) {
				t.Logf("detail: %.300s", e.Detail)
			}
		})
	}
}

// A file that keeps its reader busy is to blame for the time it takes, a machine that does not let the reader run is not.
func TestOverdue(t *testing.T) {
	for worked, want := range map[time.Duration]Reason{0: Stalled, 900 * time.Millisecond: Stalled, time.Second: Time, 20 * time.Second: Time} {
		if err := overdue(10*time.Second, worked); err.Reason != want {
			t.Errorf("after %v of work it is %s: %v", worked, err.Reason, err)
		}
	}
	p, err := Start(t.Context(), "test.spin", file(t, ""), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for p.worked() < 100*time.Millisecond {
		time.Sleep(time.Millisecond)
	}
	idle, err := Start(t.Context(), "test.sleep", file(t, ""), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	before := idle.worked()
	for start := p.worked(); p.worked() < start+100*time.Millisecond; {
		time.Sleep(time.Millisecond)
	}
	if slept := idle.worked() - before; slept > 100*time.Millisecond {
		t.Errorf("a child that slept worked for %v", slept)
	}
}

func TestMemoryCapHolds(t *testing.T) {
	const limit = 256 << 20
	p, err := Start(t.Context(), "test.hog", file(t, ""), Limits{Memory: limit})
	if err != nil {
		t.Fatal(err)
	}
	p.Do(t.Context(), func(r io.Reader, _ io.Writer) error {
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		return io.EOF
	})
	p.Close()
	rss := p.Usage().MaxRSS
	t.Logf("peak resident memory %d MiB under a cap of %d MiB", rss>>20, limit>>20)
	if rss > limit+256<<20 { // beside the cap: program text and the parent's own peak, which Linux counts in
		t.Errorf("child used %d MiB", rss>>20)
	}
	if rss < limit/2 {
		t.Errorf("child died at %d MiB: the cap is lower than it says", rss>>20)
	}
}

func TestCancelKillsTheChild(t *testing.T) {
	p, err := Start(t.Context(), "test.sleep", file(t, ""), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	err = p.Do(ctx, func(r io.Reader, _ io.Writer) error {
		_, err := io.ReadFull(r, make([]byte, 1))
		return err
	})
	if reason(err) != Canceled || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
	if p.Alive() {
		t.Error("still alive")
	}
}

func TestNoOtherFile(t *testing.T) {
	secret := file(t, "SECRET")
	for _, path := range []string{secret.Name(), "/etc/passwd", "/proc/self/environ", "/proc/1/cmdline", filepath.Dir(secret.Name())} {
		p, err := Start(t.Context(), "test.open", file(t, "input"), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(p.stdin, path)
		p.stdin.Close()
		var out bytes.Buffer
		err = p.Do(t.Context(), func(r io.Reader, _ io.Writer) error { io.Copy(&out, r); return io.EOF })
		p.Close()
		if landlockABI() == 0 {
			t.Skip("this kernel has no Landlock: an opener task is not confined before Seal")
		}
		if reason(err) != Refused || out.Len() > 0 {
			t.Errorf("%s: got %q, %v", path, out.String(), err)
		}
	}
	p, err := Start(t.Context(), "test.open", file(t, "input"), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(p.stdin, InputPath)
	p.stdin.Close()
	var out bytes.Buffer
	p.Do(t.Context(), func(r io.Reader, _ io.Writer) error { io.Copy(&out, r); return nil })
	p.Close()
	if out.String() != "input" {
		t.Errorf("input read by path: got %q", out.String())
	}
}

func TestEnforced(t *testing.T) {
	e, err := Enforced(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("Landlock ABI %d: %s", e.LandlockABI, e)
	if !e.Limits || !e.NoNewPrivs {
		t.Errorf("missing: %+v", e)
	}
	if e.Landlock != (e.LandlockABI > 0) {
		t.Errorf("Landlock ABI %d but enforced %v", e.LandlockABI, e.Landlock)
	}
	if !e.Seccomp {
		t.Errorf("seccomp missing: %+v", e)
	}
}

// The thread that starts a child enters its Landlock domain. No other goroutine of the parent may ever run on it.
func TestParentStaysFree(t *testing.T) {
	for range 20 {
		if err := Run(t.Context(), "test.echo", file(t, ""), strings.NewReader("x"), io.Discard, Limits{}); err != nil {
			t.Fatal(err)
		}
	}
	errs := make(chan error, 64)
	for range cap(errs) {
		go func() { _, err := os.ReadFile("/etc/passwd"); errs <- err }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkStart(b *testing.B) {
	in, err := os.Open("/proc/self/exe")
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	for b.Loop() {
		p, err := Start(b.Context(), "test.sleep", in, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		p.Close()
	}
}

// A parent that is killed takes its child along, even one that reads no stdin.
func TestChildDiesWithParent(t *testing.T) {
	if os.Getenv("CLOSER_TEST_PARENT") != "" {
		in, err := os.Open("/proc/self/exe")
		if err != nil {
			t.Fatal(err)
		}
		p, err := Start(t.Context(), "test.sleep", in, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("child %d\n", p.cmd.Process.Pid)
		select {}
	}
	parent := exec.Command("/proc/self/exe", "-test.run=^TestChildDiesWithParent$")
	parent.Env = append(os.Environ(), "CLOSER_TEST_PARENT=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	_, err = fmt.Fscanf(out, "child %d\n", &pid)
	parent.Process.Kill()
	parent.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	t.Error("the child outlived its parent")
}

// TestProgram runs a foreign program on a file in memory, and sees it stopped where it reaches for anything else.
func TestProgram(t *testing.T) {
	fd, err := unix.MemfdCreate("in", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	in := os.NewFile(uintptr(fd), "in")
	defer in.Close()
	if _, err := in.WriteAt([]byte("content"), 0); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Run(t.Context(), "test.cat", in, nil, &out, Limits{}); err != nil || out.String() != "content" {
		t.Errorf("cat of the input: %q, %v", out.String(), err)
	}
	for _, task := range []string{"test.passwd", "test.exec"} {
		out.Reset()
		var end *Error
		if err := Run(t.Context(), task, in, nil, &out, Limits{}); !errors.As(err, &end) || end.Reason != Crashed || !strings.Contains(end.Detail, "Permission denied") || out.Len() > 0 {
			t.Errorf("%s: %q, %v", task, out.String(), err)
		}
	}
	if err := Run(t.Context(), "test.missing", in, nil, &out, Limits{}); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("missing program: %v", err)
	}
}
