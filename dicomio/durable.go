package dicomio

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// makeDir creates a directory and its parents.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create DICOM directory: %w", err)
	}
	return nil
}

// writeFile writes a file so that its name, once there, stands for all of its bytes even after a power failure: temporary file,
// fsync, rename. The caller syncs the directory.
func writeFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*.dcm")
	if err != nil {
		return fmt.Errorf("write DICOM file: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("write DICOM file: %w", err)
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync DICOM directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync DICOM directory: %w", err)
	}
	return nil
}
