package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Task parses in, the input, in the child. stdin and stdout are the parent's end of the conversation. Its error text goes to
// the parent as the Message of an *Error with Reason Refused: it must not quote the file.
type Task func(in *os.File, stdin io.Reader, stdout io.Writer) error

// InputPath is where a task that needs a path finds its input; it must be opened before Seal.
const InputPath = "/proc/self/fd/3"

const (
	envTask = "CLOSER_SANDBOX"

	inputFD     = 3
	exitRefused = 3 // the task returned an error; its text is on stderr
	exitSetup   = 4 // the child could not be confined
	exitMemory  = 5 // the task returned ErrMemory
)

// ErrMemory is what a task returns, wrapped or not, when a library was refused memory and survived it; the parent sees the
// same *Error as when the child died of it.
var ErrMemory = errors.New("cannot allocate memory")

type registration struct {
	run     Task
	sealed  bool
	program []string // instead of run: name and arguments
}

var tasks = map[string]registration{}

// Register adds a task that runs sealed from its beginning: it can read in, stdin and stdout and open nothing. It panics when
// the name is taken. Call it from init.
func Register(name string, run Task) { register(name, registration{run: run, sealed: true}) }

// RegisterOpener adds a task that opens InputPath by itself, for parsers that take no open file, and then calls Seal. Until
// it does, only Landlock and the resource limits confine it, so it must not parse before.
func RegisterOpener(name string, run Task) { register(name, registration{run: run}) }

func register(name string, task registration) {
	if _, taken := tasks[name]; taken {
		panic(fmt.Sprintf("sandbox: task %q registered twice", name))
	}
	tasks[name] = task
}

// Main runs the task and exits when this process is a sandbox child; otherwise it returns at once.
func Main() {
	name := os.Getenv(envTask)
	if name == "" {
		return
	}
	// os.Exit would sleep a second under the race detector, whose option against it is in /proc, out of the child's reach.
	syscall.Exit(child(name))
}

// child confines this process, runs the task and returns the exit status.
func child(name string) int {
	task, ok := tasks[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "no sandbox task %q in this program", name)
		return exitSetup
	}
	if err := awaitLimits(os.Stdin, os.Stdout); err != nil {
		fmt.Fprint(os.Stderr, err)
		return exitSetup
	}
	if task.program != nil {
		fmt.Fprint(os.Stderr, become(task.program))
		return exitSetup
	}
	if task.sealed {
		Seal()
	}
	if err := task.run(os.NewFile(inputFD, "input"), os.Stdin, os.Stdout); err != nil {
		fmt.Fprint(os.Stderr, err)
		if errors.Is(err, ErrMemory) {
			return exitMemory
		}
		return exitRefused
	}
	return 0
}

// awaitLimits tells the parent that this process has started, so that its memory can be measured, and waits until the parent
// has limited it. The child cannot do that itself: Landlock hides /proc from it.
func awaitLimits(stdin io.Reader, stdout io.Writer) error {
	if _, err := stdout.Write([]byte{started}); err != nil {
		return err
	}
	var b [1]byte
	if _, err := io.ReadFull(stdin, b[:]); err != nil {
		return err
	}
	if b[0] != limited {
		return fmt.Errorf("sandbox: unexpected byte %d before the task", b[0])
	}
	return nil
}

// The two bytes before a task: child to parent, parent to child.
const (
	started = 's'
	limited = 'l'
)
