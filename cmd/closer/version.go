package main

import (
	"runtime/debug"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/recon"
)

// version is set by the build.
var version = "dev"

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

// software is what a report says it was made with.
func software() recon.Software {
	runtime, _ := ort.Version() // "" when no network could run; doctor says why
	return recon.Software{Version: version, Commit: commit(), ONNXRuntime: runtime}
}
