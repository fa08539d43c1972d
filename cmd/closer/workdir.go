package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/closer-mri/closer/internal/store"
)

const workDirs = "closer-work-"

// newWorkDir makes a directory for the files of the jobs of this process, below that of temporary files, and holds it. It removes
// those whose processes are dead: they have what patients were named and scanned for.
func newWorkDir() (dir string, remove func(), err error) {
	old, err := filepath.Glob(filepath.Join(os.TempDir(), workDirs+"*"))
	if err != nil {
		return "", nil, fmt.Errorf("look for directories of dead workers: %w", err)
	}
	for _, path := range old {
		if !ownDirectory(path) {
			continue
		}
		if held, err := store.LockDir(path); err == nil {
			os.RemoveAll(path) // what cannot be removed is left to the next worker
			held.Close()
		}
	}
	if dir, err = os.MkdirTemp("", workDirs); err != nil {
		return "", nil, fmt.Errorf("make a directory for jobs: %w", err)
	}
	held, err := store.LockDir(dir)
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("hold the directory for jobs: %w", err), os.RemoveAll(dir))
	}
	return dir, func() { os.RemoveAll(dir); held.Close() }, nil
}

// ownDirectory reports whether a path is a directory of this user. Where everybody may make one of its name, anything else could lead
// elsewhere.
func ownDirectory(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
