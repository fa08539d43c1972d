package ort

import (
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Hardware is what NVIDIA's driver says about this machine.
type Hardware struct {
	Driver string   `json:"driver"` // version, "" without a driver
	Cards  []string `json:"cards"`  // names
}

// FindHardware asks the kernel, root being os.DirFS("/"), and nvidia-smi where the kernel says nothing (WSL, some sandboxes).
func FindHardware(root fs.FS) (h Hardware) {
	text, _ := fs.ReadFile(root, "proc/driver/nvidia/version")
	for _, word := range strings.Fields(string(text)) { // NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.133.20  Sun …
		if strings.Contains(word, ".") && strings.Trim(word, "0123456789.") == "" {
			h.Driver = word
			break
		}
	}
	files, _ := fs.Glob(root, "proc/driver/nvidia/gpus/*/information")
	for _, file := range files {
		text, _ := fs.ReadFile(root, file)
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "Model:"); ok {
				h.Cards = append(h.Cards, strings.TrimSpace(name))
			}
		}
	}
	if h.Driver == "" {
		out, _ := exec.Command("nvidia-smi", "--query-gpu=driver_version,name", "--format=csv,noheader").Output()
		for line := range strings.Lines(string(out)) {
			if driver, name, ok := strings.Cut(line, ","); ok {
				h.Driver, h.Cards = driver, append(h.Cards, strings.TrimSpace(name))
			}
		}
	}
	return h
}

// hasDriver says whether this machine has NVIDIA's driver.
var hasDriver = sync.OnceValue(func() bool { return FindHardware(os.DirFS("/")).Driver != "" })

// ProviderLibrary is what is known about the library of an execution provider before it is loaded.
type ProviderLibrary struct {
	Path    string   `json:"path"`    // where it is or should be: beside ONNX Runtime's own library
	Found   bool     `json:"found"`   // whether it is there
	Needs   []string `json:"needs"`   // shared libraries that it needs, without the system's
	Missing []string `json:"missing"` // those that the loader will not find
}

// FindProvider looks for the library of a provider, CUDA or TensorRT, beside ONNX Runtime's at that path, and for what it needs
// where the loader will look.
func FindProvider(provider, library string) ProviderLibrary {
	if real, err := filepath.EvalSymlinks(library); err == nil {
		library = real
	}
	p := ProviderLibrary{Path: filepath.Join(filepath.Dir(library), "libonnxruntime_providers_"+provider+".so")}
	f, err := elf.Open(p.Path)
	if err != nil {
		return p
	}
	defer f.Close()
	needs, _ := f.ImportedLibraries()
	folders := searchPath(f, filepath.Dir(p.Path))
	p.Found, p.Needs = true, slices.DeleteFunc(needs, isSystem)
	p.Missing = slices.DeleteFunc(slices.Clone(p.Needs), func(name string) bool { return find(name, folders) })
	return p
}

// isSystem says whether a library belongs to the C or C++ runtime.
func isSystem(name string) bool {
	base, _, _ := strings.Cut(name, ".so")
	return slices.Contains([]string{"libc", "libm", "libdl", "librt", "libpthread", "libstdc++", "libgcc_s", "ld-linux-x86-64", "ld-linux-aarch64"}, base)
}

// searchPath is where the loader looks for what f needs: $LD_LIBRARY_PATH and f's own run path.
func searchPath(f *elf.File, folder string) []string {
	path := filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		values, _ := f.DynString(tag)
		for _, v := range values {
			path = append(path, filepath.SplitList(strings.ReplaceAll(v, "$ORIGIN", folder))...)
		}
	}
	return path
}

// find looks for a library in folders and in the loader's cache.
func find(name string, folders []string) bool {
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			return true
		}
	}
	for _, ldconfig := range []string{"ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"} {
		if out, err := exec.Command(ldconfig, "-p").Output(); err == nil {
			return strings.Contains(string(out), "\t"+name+" ")
		}
	}
	return false
}
