package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// landlockABI returns the kernel's Landlock version, 0 when it has none.
var landlockABI = sync.OnceValue(func() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
})

// confineThread puts the calling OS thread, for good, into a Landlock domain in which only input can be opened and, to be read
// and executed, files: those of programFiles and foreignFiles. The caller has locked the thread and lets it end with its goroutine; the
// processes it starts inherit the domain. Without Landlock in the kernel it only sets no_new_privs.
//
// The module go-landlock is not used: it can only confine all threads of a process, and it is one thread that is wanted.
func confineThread(input *os.File, files []string) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	abi := landlockABI()
	if abi == 0 {
		return nil
	}
	attr, size := rulesetFor(abi)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return fmt.Errorf("landlock ruleset: %w", errno)
	}
	ruleset := int(fd)
	defer unix.Close(ruleset)

	// A file in memory (memfd_create) lies on no file system that Landlock rules, and it may be opened without a rule.
	if err := allow(ruleset, int(input.Fd()), unix.LANDLOCK_ACCESS_FS_READ_FILE); err != nil && !errors.Is(err, unix.EBADFD) {
		return fmt.Errorf("landlock rule for the input: %w", err)
	}
	for _, path := range files {
		file, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			continue // not on this machine, or replaced since it was mapped: the loader will say so
		}
		access := uint64(unix.LANDLOCK_ACCESS_FS_READ_FILE)
		if !strings.HasSuffix(path, "/") { // of a directory everything can be read, nothing run
			access |= unix.LANDLOCK_ACCESS_FS_EXECUTE
		}
		err = allow(ruleset, file, access)
		unix.Close(file)
		if err != nil {
			return fmt.Errorf("landlock rule for %s: %w", path, err)
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	return nil
}

// rulesetFor returns the widest ruleset that Landlock version abi knows, and the size of the structure in that version.
func rulesetFor(abi int) (attr unix.LandlockRulesetAttr, size uintptr) {
	attr.Handled_access_fs = 1<<13 - 1 // version 1: EXECUTE … MAKE_SYM
	size = 8
	if abi >= 2 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size = 16
	}
	if abi >= 5 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		size = 24
	}
	return attr, size
}

func allow(ruleset, file int, access uint64) error {
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(file)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// programFiles lists what starting this program reads: the executable, every file it has mapped, and the loader's lists.
// The child is the same program, so its libraries are the same files.
var programFiles = sync.OnceValue(func() []string {
	files := []string{"/proc/self/exe", "/etc/ld.so.cache", "/etc/ld.so.preload"}
	seen := map[string]bool{}
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		fields := strings.SplitN(strings.TrimSpace(line), " ", 6)
		if len(fields) < 6 {
			continue
		}
		path := strings.TrimSpace(fields[5])
		if strings.HasPrefix(path, "/") && !seen[path] && isLibrary(path) {
			seen[path] = true
			files = append(files, path)
		}
	}
	return files
})

// isLibrary tells programs and libraries from data files that happen to be mapped, such as an upload or a model.
func isLibrary(path string) bool {
	return strings.HasSuffix(path, ".so") || strings.Contains(path, ".so.")
}
