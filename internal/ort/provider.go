package ort

import (
	"fmt"
	"os"
	"path/filepath"

	runtime "github.com/yalue/onnxruntime_go"
)

// Devices that a session can be opened on. One that cannot be used is replaced by the CPU, and the session says why.
const (
	Auto     = "auto" // CUDA where it works, else CPU
	CPU      = "cpu"
	CUDA     = "cuda"
	TensorRT = "tensorrt" // and CUDA for what TensorRT does not know; compiling takes minutes, once a graph
)

// Devices lists them for flags and messages.
const Devices = "auto, cpu, cuda or tensorrt"

// CheckDevice says what is wrong with the name of a device; "" is Auto.
func CheckDevice(name string) error {
	switch name {
	case "", Auto, CPU, CUDA, TensorRT:
		return nil
	}
	return fmt.Errorf("unknown device %q: it is %s", name, Devices)
}

// wanted returns the accelerator that a session on that device is tried on first, "" for none.
func wanted(device string) string {
	switch device {
	case CPU:
		return ""
	case "", Auto:
		return CUDA
	}
	return device
}

// accelerate puts a provider before the CPU's.
func accelerate(settings *runtime.SessionOptions, provider string) error {
	if provider == TensorRT {
		if err := appendTensorRT(settings); err != nil {
			return err
		}
	}
	return appendCUDA(settings)
}

func appendCUDA(settings *runtime.SessionOptions) error {
	cuda, err := runtime.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer cuda.Destroy()
	// Memory grows by what is asked for and not to twice that, since each graph has an arena of its own.
	// Single precision is single precision: TF32 would round every product's factors to 10 bits, as half precision does.
	if err := cuda.Update(map[string]string{"device_id": "0", "arena_extend_strategy": "kSameAsRequested", "use_tf32": "0"}); err != nil {
		return err
	}
	return settings.AppendExecutionProviderCUDA(cuda)
}

func appendTensorRT(settings *runtime.SessionOptions) error {
	trt, err := runtime.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer trt.Destroy()
	options := map[string]string{"device_id": "0"}
	if cache, err := os.UserCacheDir(); err == nil { // compiled graphs outlive the process
		options["trt_engine_cache_enable"], options["trt_engine_cache_path"] = "1", filepath.Join(cache, "closer", "tensorrt")
	}
	if err := trt.Update(options); err != nil {
		return err
	}
	return settings.AppendExecutionProviderTensorRT(trt)
}
