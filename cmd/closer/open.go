package main

import (
	"context"
	"runtime/debug"

	"github.com/closer-mri/closer/fastmri"
	"github.com/closer-mri/closer/recon"
)

// open opens an input of any known format.
func open(ctx context.Context, path string) (recon.Scan, error) {
	return fastmri.Open(ctx, path)
}

// commit is the revision the program was built from, "" when it is not known.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
