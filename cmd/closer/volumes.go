package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/closer-mri/closer/recon"
)

// findVolumes returns the files among paths and all .h5 below the directories, through links too, each once, in order of name. Names
// are what tells volumes apart in fastMRI, so that two files may not share one.
func findVolumes(paths []string) ([]string, error) {
	seen := map[string]string{}
	var out []string
	for _, root := range paths {
		found, err := volumesBelow(root, map[string]bool{})
		if errors.Is(err, os.ErrNotExist) {
			return nil, recon.Errorf(recon.NotFound, "%s does not exist", root)
		}
		if err != nil {
			return nil, fmt.Errorf("look for volumes: %w", err)
		}
		if len(found) == 0 {
			return nil, recon.Errorf(recon.NotFound, "there is no .h5 file below %s", root)
		}
		for _, path := range found {
			name := submissionName(path)
			other, ok := seen[name]
			if ok && !sameFile(other, path) {
				return nil, recon.Errorf(recon.Invalid, "two files are named %s: take them apart, since results are told by that name, as in fastMRI's evaluation", name)
			}
			if !ok {
				seen[name] = path
				out = append(out, path)
			}
		}
	}
	return out, nil
}

// volumesBelow returns path if it is a file, else every .h5 below it. Directories that were entered, by whatever link, are not entered
// again: links may lead in circles.
func volumesBelow(path string, entered map[string]bool) ([]string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return []string{path}, err
	}
	directory, err := filepath.EvalSymlinks(path)
	if err != nil || entered[directory] {
		return nil, err
	}
	entered[directory] = true
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, entry := range entries {
		path := filepath.Join(path, entry.Name())
		hidden := strings.HasPrefix(entry.Name(), ".")
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			below, err := volumesBelow(path, entered)
			if err != nil {
				return nil, err
			}
			out = append(out, below...)
		case !hidden && filepath.Ext(path) == ".h5": // also one that cannot be read, which its reader says
			out = append(out, path)
		case !hidden && err != nil: // a folder of volumes may have been there
			return nil, recon.Errorf(recon.Invalid, "%s leads nowhere", path)
		}
	}
	return out, nil
}

// sameFile says whether two paths lead to one file.
func sameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// submissionName is the file's name in a submission.
func submissionName(path string) string {
	name := filepath.Base(path)
	if filepath.Ext(name) != ".h5" {
		name += ".h5"
	}
	return name
}
