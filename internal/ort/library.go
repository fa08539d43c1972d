// Package ort is the only door to ONNX Runtime. It loads the shared library, opens networks and runs them on a device.
package ort

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	runtime "github.com/yalue/onnxruntime_go"
)

// LibraryVariable names the environment variable that overrides the search for ONNX Runtime's shared library.
const LibraryVariable = "ONNXRUNTIME_SHARED_LIBRARY_PATH"

// Library returns the path of ONNX Runtime's shared library: the one named by LibraryVariable, else the one installed with the
// program (beside it, in lib below it, or in ../lib/closer), else the system's.
func Library() (string, error) {
	if path := os.Getenv(LibraryVariable); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s names %s, which cannot be opened: %w", LibraryVariable, path, err)
		}
		return path, nil
	}
	var folders []string
	if self, err := os.Executable(); err == nil {
		here := filepath.Dir(self)
		folders = append(folders, here, filepath.Join(here, "lib"), filepath.Join(here, "..", "lib", "closer"))
	}
	folders = append(folders, "/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib")
	for _, folder := range folders {
		for _, name := range []string{"libonnxruntime.so.1", "libonnxruntime.so"} {
			path := filepath.Join(folder, name)
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("ONNX Runtime's shared library was not found; run make build, or set %s to libonnxruntime.so (1.24 or newer)", LibraryVariable)
}

// load initialises the runtime once per process.
var load = sync.OnceValue(func() error {
	path, err := Library()
	if err != nil {
		return err
	}
	runtime.SetSharedLibraryPath(path)
	if err := runtime.InitializeEnvironment(runtime.WithLogLevelFatal()); err != nil {
		return fmt.Errorf("load ONNX Runtime from %s: %w", path, err)
	}
	return nil
})

// Version returns the version of the loaded runtime.
func Version() (string, error) {
	if err := load(); err != nil {
		return "", err
	}
	return runtime.GetVersion(), nil
}
