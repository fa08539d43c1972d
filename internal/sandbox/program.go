package sandbox

import (
	"debug/elf"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
)

// RegisterProgram adds a task that is a foreign program, looked up in PATH when the task starts; where it is not installed,
// Start returns an *Error with Reason Setup that wraps exec.ErrNotFound. The program reads InputPath and can open nothing else
// but the system's libraries; what it writes to standard output goes to the parent. One that complains on standard error has
// failed, whatever its exit status: decoders make up what a damaged file lacks.
func RegisterProgram(name, program string, args ...string) {
	register(name, registration{program: append([]string{program}, args...)})
}

// envProgram tells a child the path of its program.
const envProgram = "CLOSER_SANDBOX_PROGRAM"

// loading lists the system calls by which a program starts and opens its libraries and its input; Landlock says which.
var loading = []string{
	"execve", "open", "openat", "access", "faccessat", "faccessat2", "stat", "lstat", "statx", "readlink", "readlinkat",
	"getcwd", "arch_prctl", "set_tid_address", "prlimit64", "uname", "getppid", "getuid", "geteuid", "getgid", "getegid",
}

// become turns this child, confined and limited, into the program. It returns only when it cannot.
func become(program []string) error {
	if err := filter(slices.Concat(sealed, loading)); err != nil && landlockABI() == 0 {
		return fmt.Errorf("neither Landlock nor seccomp can confine %s: %w", program[0], err)
	}
	return syscall.Exec(os.Getenv(envProgram), program, []string{"LC_ALL=C", "MALLOC_ARENA_MAX=1"})
}

// foreignFiles lists what a program needs to start: itself, its loader, and the directories of libraries.
func foreignFiles(path string) ([]string, error) {
	program, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer program.Close()
	files := []string{path, "/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/local/lib/"}
	for _, segment := range program.Progs {
		if segment.Type == elf.PT_INTERP {
			loader, err := io.ReadAll(io.LimitReader(segment.Open(), 4096))
			if err != nil {
				return nil, err
			}
			files = append(files, strings.TrimRight(string(loader), "\x00"))
		}
	}
	return files, nil
}
