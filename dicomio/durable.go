package dicomio

import (
	"fmt"
	"os"

	"github.com/closer-mri/closer/internal/durable"
)

// makeDir creates a directory and its parents.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create DICOM directory: %w", err)
	}
	return nil
}

// writeFile writes a file whole or not at all. The caller syncs the directory.
func writeFile(path string, data []byte) error {
	f, err := durable.Create(path, ".tmp-*.dcm", 0o644)
	if err != nil {
		return fmt.Errorf("write DICOM file: %w", err)
	}
	defer f.Discard()
	if _, err = f.Write(data); err == nil {
		err = f.Commit()
	}
	if err != nil {
		return fmt.Errorf("write DICOM file: %w", err)
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	if err := durable.Sync(dir); err != nil {
		return fmt.Errorf("sync DICOM directory: %w", err)
	}
	return nil
}
