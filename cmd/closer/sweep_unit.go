package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/recon"
)

// storedUnit is the file of a finished unit.
type storedUnit struct {
	recon.Unit
	Worst  *recon.Picture    `json:"worst"`
	Images map[string]string `json:"images"` // SHA-256 of each file of images by its path in the output directory
}

func readUnit(path string) (*storedUnit, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var u storedUnit
	if err := json.Unmarshal(data, &u); err != nil {
		return nil, fmt.Errorf("unit %s: %w", filepath.Base(path), err)
	}
	if u.Report == nil {
		return nil, fmt.Errorf("unit %s has no report", filepath.Base(path))
	}
	return &u, nil
}

// hasImages says whether dir holds the images that the unit made. Those of another recipe have the same names.
func (u *storedUnit) hasImages(dir string) bool {
	for name, want := range u.Images {
		if got, err := durable.SHA256(filepath.Join(dir, name)); err != nil || got != want {
			return false
		}
	}
	return len(u.Images) == len(u.Report.Methods)
}
