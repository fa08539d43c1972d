package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/closer-mri/closer/recon"
)

// A directory of results is of one input and one run: its report speaks of all that is in it.

// renew makes a directory ready for the results of an input, by its SHA-256: what an earlier run on the same input left is removed, and
// nothing else. Conflict when the results of another input are there.
func renew(dir, input string) error {
	report, err := earlier(dir, input)
	if err != nil || report == nil {
		return err
	}
	names := []string{filepath.Join("dicom", "reference")}
	for _, m := range report.Methods {
		if !filepath.IsLocal(m.Name) || filepath.Base(m.Name) != m.Name {
			continue // not a name of ours
		}
		names = append(names, filepath.Join("dicom", m.Name), filepath.Join("dicom", m.Name+"-uncertainty"), filepath.Join("reconstruction", m.Name+".h5"))
	}
	names = append(names, "reconstruction.h5", "report.csv", "report.html", "report.json") // the last, which names the others
	for _, name := range names {
		if err := removeResult(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("remove the results of an earlier run: %w", err)
		}
	}
	return nil
}

// ownDir is Conflict when the results of another input than that of a SHA-256 are in a directory.
func ownDir(dir, input string) error {
	_, err := earlier(dir, input)
	return err
}

// earlier is the report of an earlier run on an input in a directory, nil when there is none; Conflict when it is of another input.
func earlier(dir, input string) (*recon.Report, error) {
	path := filepath.Join(dir, "report.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("look for an earlier report: %w", err)
	}
	var report recon.Report
	switch err := json.Unmarshal(data, &report); {
	case err != nil || report.Schema != recon.ReportSchemaID:
		return nil, recon.Errorf(recon.Conflict, "%s is not the report of a reconstruction: give a directory of its own with -o", path)
	case report.Input.SHA256 != input:
		return nil, recon.Errorf(recon.Conflict, "%s has the results of another input (%s): give a directory of its own with -o", dir, path)
	}
	return &report, nil
}

// removeResult removes a file, or the DICOM files of a series with their directory unless there is something else in it.
func removeResult(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return os.Remove(path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if ours, _ := filepath.Match("[0-9][0-9][0-9][0-9].dcm", e.Name()); !ours {
			continue
		}
		if err := os.Remove(filepath.Join(path, e.Name())); err != nil {
			return err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrExist) { // which a directory that is not empty is
		return err
	}
	return nil
}
