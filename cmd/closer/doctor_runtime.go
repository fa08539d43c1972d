package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/unet"
)

// runtimeChecks are those of ONNX Runtime and of the devices that it may run on. A machine without a GPU is not broken.
func runtimeChecks() []check {
	library, err := ort.Library()
	if err != nil {
		return []check{{Name: "onnxruntime", State: "failed", Detail: err.Error()}, gpuCheck()}
	}
	version, err := ort.Version()
	if err != nil {
		return []check{{Name: "onnxruntime", State: "failed", Detail: err.Error()}, gpuCheck()}
	}
	found := struct {
		Version string `json:"version"`
		Path    string `json:"path"`
	}{version, library}
	return []check{
		{Name: "onnxruntime", State: "ok", Detail: version + " at " + library, Found: found}, gpuCheck(),
		providerCheck(ort.CUDA, library), providerCheck(ort.TensorRT, library),
	}
}

// gpuCheck says which cards NVIDIA's driver knows.
func gpuCheck() check {
	h := ort.FindHardware(os.DirFS("/"))
	c := check{Name: "gpu", State: "warning", Detail: "no NVIDIA driver: neither /proc/driver/nvidia nor nvidia-smi", Found: h}
	if h.Driver != "" {
		c.State, c.Detail = "ok", fmt.Sprintf("%s, driver %s", strings.Join(h.Cards, ", "), h.Driver)
	}
	return c
}

// providerCheck runs a network on a provider and, where that fails, says what is missing.
func providerCheck(provider, library string) check {
	found := ort.FindProvider(provider, library)
	c := check{Name: provider, State: "warning", Found: found}
	s, err := ort.Open(unet.Weights, ort.Options{Device: provider})
	if err == nil {
		defer s.Close()
		err = s.Fallback()
	}
	switch {
	case err == nil:
		c.State, c.Detail = "ok", "the networks run on it; "+found.Path
	case !found.Found:
		c.Detail = fmt.Sprintf("not used: there is no %s; make gpu-runtime fetches it", found.Path)
	case len(found.Missing) > 0:
		c.Detail = fmt.Sprintf("not used: %s needs %s, which the loader does not find", found.Path, strings.Join(found.Missing, ", "))
	default:
		c.Detail = "not used: " + err.Error()
	}
	return c
}
