package ort_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/unet"
)

// A device that is named and cannot be used is replaced by the CPU, which still runs the network, and the session says why.
func TestMissingDeviceFallsBack(t *testing.T) {
	open(t, unet.Weights)
	for _, device := range []string{ort.CUDA, ort.TensorRT, ort.Auto} {
		s, err := ort.Open(unet.Weights, ort.Options{Device: device, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if s.Device() != ort.CPU {
			t.Logf("%s runs on %s", device, s.Device())
			continue
		}
		if strict, err := ort.Open(unet.Weights, ort.Options{Device: device, Threads: 1, Strict: true}); err == nil {
			t.Errorf("%s on the CPU satisfies who wants no CPU", device)
			strict.Close()
		}
		named := device != ort.Auto
		if err := s.Fallback(); named && (err == nil || !strings.Contains(err.Error(), device)) {
			t.Errorf("%s on the CPU says %v", device, err)
		}
		x := make([]float32, 2*32*32)
		if err := s.Run(t.Context(), x, x, nil, 1, 32, 32); err != nil {
			t.Errorf("%s: %v", device, err)
		}
	}
	if _, err := ort.Open(unet.Weights, ort.Options{Device: ort.CPU, Strict: true}); err == nil {
		t.Error("the CPU satisfies who wants none")
	}
	if err := open(t, unet.Weights).Fallback(); err != nil {
		t.Errorf("the CPU stands in for itself: %v", err)
	}
}

func TestFindHardware(t *testing.T) {
	root := fstest.MapFS{
		"proc/driver/nvidia/version":                       {Data: []byte("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.133.20  Release Build\nGCC version: gcc 12.2.0\n")},
		"proc/driver/nvidia/gpus/0000:01:00.0/information": {Data: []byte("Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 47\n")},
	}
	if h := ort.FindHardware(root); h.Driver != "570.133.20" || !slices.Equal(h.Cards, []string{"NVIDIA H100 80GB HBM3"}) {
		t.Errorf("%+v", h)
	}
	t.Setenv("PATH", t.TempDir())
	if h := ort.FindHardware(fstest.MapFS{}); h.Driver != "" || h.Cards != nil {
		t.Errorf("%+v on a machine without a card", h)
	}
	smi := "#!/bin/sh\necho '580.65.06, NVIDIA L4'\n"
	if err := os.WriteFile(filepath.Join(os.Getenv("PATH"), "nvidia-smi"), []byte(smi), 0o755); err != nil {
		t.Fatal(err)
	}
	if h := ort.FindHardware(fstest.MapFS{}); h.Driver != "580.65.06" || !slices.Equal(h.Cards, []string{"NVIDIA L4"}) {
		t.Errorf("%+v by nvidia-smi", h)
	}
}

// The libraries that a provider needs are found where the loader looks, and missed where it does not.
func TestFindProvider(t *testing.T) {
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip(err)
	}
	here, cuda := t.TempDir(), t.TempDir()
	library := filepath.Join(here, "libonnxruntime.so.1")
	link := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(compiler, append([]string{"-shared", "-x", "c", "/dev/null", "-x", "none", "-Wl,--no-as-needed"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if p := ort.FindProvider(ort.CUDA, library); p.Found || filepath.Dir(p.Path) != here {
		t.Errorf("%+v in an empty folder", p)
	}
	needed := filepath.Join(cuda, "libcudart.so.12")
	link("-Wl,-soname,libcudart.so.12", "-o", needed)
	provider := filepath.Join(here, "libonnxruntime_providers_cuda.so")
	link("-o", provider, needed)
	t.Setenv("LD_LIBRARY_PATH", "")
	p := ort.FindProvider(ort.CUDA, library)
	if want := []string{"libcudart.so.12"}; !p.Found || !slices.Equal(p.Needs, want) || !slices.Equal(p.Missing, want) {
		t.Errorf("%+v", p)
	}
	t.Setenv("LD_LIBRARY_PATH", cuda)
	if p := ort.FindProvider(ort.CUDA, library); !p.Found || len(p.Missing) > 0 {
		t.Errorf("%+v with LD_LIBRARY_PATH", p)
	}
	t.Setenv("LD_LIBRARY_PATH", "")
	link("-o", provider, needed, "-Wl,-rpath,$ORIGIN")
	if err := os.Rename(needed, filepath.Join(here, "libcudart.so.12")); err != nil {
		t.Fatal(err)
	}
	if p := ort.FindProvider(ort.CUDA, library); !p.Found || len(p.Missing) > 0 {
		t.Errorf("%+v with a run path", p)
	}
}
