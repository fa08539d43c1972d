package ort

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	runtime "github.com/yalue/onnxruntime_go"
)

// Options say how a session runs.
type Options struct {
	Device  string // one of Devices; "" is Auto
	Threads int    // of the CPU; 0 lets the runtime take every core
	Strict  bool   // fail where the device is no accelerator, or cannot be used, instead of taking the CPU
	Profile string // beginning of the name of a file that gets ONNX Runtime's profile when the session is closed; "" is none
}

// Session is one network loaded on one device. Run may be called from several goroutines; calls do not disturb each other.
type Session struct {
	session *runtime.DynamicAdvancedSession
	place
	inputs int
	one    bool // image a run
}

// Open loads a network of the form x (n, 2, ny, nx) [, sigma (n)] → (n, 2, ny, nx), all float32, n open or 1, from its ONNX bytes.
// The error says which requirement the file does not meet.
func Open(model []byte, opt Options) (*Session, error) {
	inputs, outputs, err := inspect(model, opt)
	if err != nil {
		return nil, err
	}
	if len(inputs) < 1 || len(inputs) > 2 || len(outputs) != 1 || !isImages(inputs[0]) || !isImages(outputs[0]) {
		return nil, fmt.Errorf("the model has inputs %v and outputs %v; it must take float images x (n, 2, ny, nx), optionally sigma (n), and return images", inputs, outputs)
	}
	fixed := inputs[0].Dimensions[0]
	if fixed > 1 {
		return nil, fmt.Errorf("the model takes batches of %d images only; its first dimension must be open, or 1", fixed)
	}
	names := []string{inputs[0].Name}
	if len(inputs) == 2 {
		names = append(names, inputs[1].Name)
	}
	s := &Session{inputs: len(names), one: fixed == 1}
	if s.session, s.place, err = open(model, names, []string{outputs[0].Name}, opt); err != nil {
		return nil, fmt.Errorf("open ONNX model: %w", err)
	}
	return s, nil
}

// One says whether the model takes a single image a run: its first dimension is declared as 1.
func (s *Session) One() bool { return s.one }

// TakesNoiseLevel says whether the model has an input sigma, as score networks have and U-Nets have not.
func (s *Session) TakesNoiseLevel() bool { return s.inputs == 2 }

// inspect checks opt, loads the runtime and returns the inputs and outputs that the model declares.
func inspect(model []byte, opt Options) (inputs, outputs []runtime.InputOutputInfo, err error) {
	if err := CheckDevice(opt.Device); err != nil {
		return nil, nil, err
	}
	if err := load(); err != nil {
		return nil, nil, err
	}
	if inputs, outputs, err = runtime.GetInputOutputInfoWithONNXData(model); err != nil {
		return nil, nil, fmt.Errorf("read ONNX model: %w", err)
	}
	return inputs, outputs, nil
}

func isImages(v runtime.InputOutputInfo) bool {
	return v.DataType == runtime.TensorElementDataTypeFloat && len(v.Dimensions) == 4 && (v.Dimensions[1] == 2 || v.Dimensions[1] == -1)
}

// place is where a session runs.
type place struct {
	device   string
	fallback error
}

// Device returns CPU, CUDA or TensorRT: where it really runs.
func (p place) Device() string { return p.device }

// Fallback says why the CPU runs what was meant for another device; nil when nothing else was asked for. Auto asks for CUDA only
// where NVIDIA's driver is.
func (p place) Fallback() error { return p.fallback }

// open loads a model on the device that opt names, or else on the CPU.
func open(model []byte, in, out []string, opt Options) (*runtime.DynamicAdvancedSession, place, error) {
	var reason error
	if provider := wanted(opt.Device); provider != "" {
		session, err := openOn(provider, model, in, out, opt)
		if err == nil {
			return session, place{device: provider}, nil
		}
		if provider == opt.Device || hasDriver() {
			reason = fmt.Errorf("device %s cannot be used: %s", provider, lastSentence(err.Error()))
		}
	}
	if opt.Strict {
		return nil, place{}, cmp.Or(reason, fmt.Errorf("device %s is no accelerator", opt.Device))
	}
	session, err := openOn(CPU, model, in, out, opt)
	return session, place{CPU, reason}, err
}

func openOn(provider string, model []byte, in, out []string, opt Options) (*runtime.DynamicAdvancedSession, error) {
	settings, err := runtime.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer settings.Destroy()
	if opt.Threads > 0 {
		if err := settings.SetIntraOpNumThreads(opt.Threads); err != nil {
			return nil, err
		}
	}
	if opt.Profile != "" {
		if err := settings.EnableProfiling(opt.Profile); err != nil {
			return nil, err
		}
	}
	if provider != CPU {
		if err := accelerate(settings, provider); err != nil {
			return nil, err
		}
	}
	return runtime.NewDynamicAdvancedSessionWithONNXData(model, in, out, settings)
}

// lastSentence drops the locations in the runtime's source that surround what went wrong, and the name of the host.
func lastSentence(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), " ; GPU=")
	for _, before := range []string{" : ", "CUDA failure "} {
		if i := strings.LastIndex(s, before); i >= 0 {
			s = strings.TrimPrefix(s[i:], " : ")
		}
	}
	return s
}

// Run evaluates the network on a batch: dst and x are (n, 2, ny, nx), sigma is (n) or nil for a network without it. When ctx
// ends, the run is terminated between two nodes of the graph and ctx's error returned.
func (s *Session) Run(ctx context.Context, dst, x, sigma []float32, n, ny, nx int) error {
	if (sigma != nil) != s.TakesNoiseLevel() {
		return fmt.Errorf("the network takes %d inputs; noise level given: %v", s.inputs, sigma != nil)
	}
	shape := runtime.NewShape(int64(n), 2, int64(ny), int64(nx))
	in, err := runtime.NewTensor(shape, x)
	if err != nil {
		return fmt.Errorf("network input: %w", err)
	}
	defer in.Destroy()
	out, err := runtime.NewTensor(shape, dst)
	if err != nil {
		return fmt.Errorf("network output: %w", err)
	}
	defer out.Destroy()
	inputs := []runtime.Value{in}
	if sigma != nil {
		level, err := runtime.NewTensor(runtime.NewShape(int64(n)), sigma)
		if err != nil {
			return fmt.Errorf("network noise level: %w", err)
		}
		defer level.Destroy()
		inputs = append(inputs, level)
	}
	if err := run(ctx, s.session, inputs, []runtime.Value{out}); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("run network on images (%d, 2, %d, %d): %w", n, ny, nx, err)
	}
	return nil
}

// run runs a session and terminates it when ctx ends.
func run(ctx context.Context, session *runtime.DynamicAdvancedSession, in, out []runtime.Value) error {
	options, err := runtime.NewRunOptions()
	if err != nil {
		return err
	}
	defer options.Destroy()
	stop := context.AfterFunc(ctx, func() { options.Terminate() })
	defer stop()
	return session.RunWithOptions(in, out, options)
}

// Close frees the session.
func (s *Session) Close() error { return s.session.Destroy() }
