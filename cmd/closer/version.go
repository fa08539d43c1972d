package main

import "runtime/debug"

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
