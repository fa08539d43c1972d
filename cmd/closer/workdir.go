package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
