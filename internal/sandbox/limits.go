package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The defaults of Limits.
const (
	DefaultMemory = 1 << 30
	DefaultCPU    = 10 * time.Minute
	DefaultWall   = time.Minute
	DefaultFiles  = 32
)

// Limits bound one child. A zero field means its default.
type Limits struct {
	Memory int64         // bytes the child may map beyond what an idle child has
	CPU    time.Duration // CPU time of the child's whole life, in steps of a second
	Wall   time.Duration // time of one exchange (Process.Do), start-up included in the first
	Files  int           // open descriptors
}

func (l Limits) withDefaults() Limits {
	if l.Memory == 0 {
		l.Memory = DefaultMemory
	}
	if l.CPU == 0 {
		l.CPU = DefaultCPU
	}
	if l.Wall == 0 {
		l.Wall = DefaultWall
	}
	if l.Files == 0 {
		l.Files = DefaultFiles
	}
	return l
}

// apply limits process pid, for good. Call it when the child has started and before it reads anything.
//
// Memory is counted twice because neither limit suffices: RLIMIT_AS counts what the Go runtime reserves without using
// (more than 1 GiB of it, and terabytes under the race detector), so it is set relative to what is mapped now; RLIMIT_DATA
// counts only private writable memory, which is what a decompression bomb or a heap overflow eats.
func (l Limits) apply(pid int) error {
	mapped, data, err := memoryOf(pid)
	if err != nil {
		return err
	}
	seconds := uint64((l.CPU + time.Second - 1) / time.Second)
	for _, r := range []struct {
		what     int
		cur, max uint64
	}{
		{unix.RLIMIT_AS, mapped + uint64(l.Memory), mapped + uint64(l.Memory)},
		{unix.RLIMIT_DATA, data + uint64(l.Memory), data + uint64(l.Memory)},
		{unix.RLIMIT_CPU, seconds, seconds + 1}, // soft: the runtime says why it dies; hard: it dies
		{unix.RLIMIT_FSIZE, 0, 0},
		{unix.RLIMIT_NOFILE, uint64(l.Files), uint64(l.Files)},
		{unix.RLIMIT_CORE, 0, 0},
	} {
		if err := unix.Prlimit(pid, r.what, &unix.Rlimit{Cur: r.cur, Max: r.max}, nil); err != nil {
			return fmt.Errorf("set resource limit %d of the sandbox: %w", r.what, err)
		}
	}
	return nil
}

// memoryOf returns the bytes that process pid has mapped, and roughly those of them that are private and writable.
func memoryOf(pid int) (mapped, data uint64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("measure the sandbox's memory: %w", err)
	}
	var pages [6]uint64 // size, resident, shared, text, 0, data + stack: proc_pid_statm(5)
	_, err = fmt.Fscan(bytes.NewReader(text), &pages[0], &pages[1], &pages[2], &pages[3], &pages[4], &pages[5])
	if err != nil {
		return 0, 0, fmt.Errorf("measure the sandbox's memory: %w", err)
	}
	page := uint64(os.Getpagesize())
	return pages[0] * page, pages[5] * page, nil
}
