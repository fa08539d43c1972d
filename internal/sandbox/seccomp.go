package sandbox

import (
	"os"
	"runtime"
	"sync"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// sealed lists the system calls that remain: what is already open can be read, written and mapped; memory, threads and time.
// Everything else answers EPERM, which a library reports as an ordinary error. Names that an architecture lacks are skipped.
var sealed = []string{
	"read", "write", "readv", "writev", "pread64", "lseek", "close", "fstat", "newfstatat", "fcntl",
	"mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "mincore",
	"futex", "sched_yield", "sched_getaffinity", "set_robust_list", "rseq", "getpid", "gettid", "getcpu", "membarrier",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
	"nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time",
	"timer_create", "timer_settime", "timer_delete", "setitimer",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2", "pipe2", "poll", "ppoll", "select", "pselect6",
	"getrandom", "getrlimit", "getrusage", "exit", "exit_group",
}

// Seal closes the sandbox from inside: from here on no thread of this process can open, create, connect or start anything.
// It returns an error where the kernel refuses a filter; the other walls hold then, and Enforced reports it. Repeated calls
// do nothing.
func Seal() error { return seal() }

var seal = sync.OnceValue(func() error { return filter(sealed) })

// filter allows this process the system calls of names, and threads of its own.
func filter(names []string) error {
	// The thread that sets no_new_privs must be the one that loads the filter.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	var allowed []string
	for _, name := range names {
		if _, ok := info.SyscallNames[name]; ok {
			allowed = append(allowed, name)
		}
	}
	return seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno,
			Syscalls: []seccomp.SyscallGroup{
				{Action: seccomp.ActionAllow, Names: allowed, NamesWithCondtions: []seccomp.NameWithConditions{
					// Threads, not processes.
					{Name: "clone", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD}}},
					// The Go runtime preempts its own threads with signals; abort is a signal too.
					{Name: "tgkill", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.Equal, Value: uint64(os.Getpid())}}},
				}},
				// Filters cannot see the flags of clone3; the C library falls back to clone when it does not exist.
				{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}},
			},
		},
	})
}
