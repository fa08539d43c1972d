package ort

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"time"

	runtime "github.com/yalue/onnxruntime_go"
)

// Devices that a session can be opened on.
const (
	Auto = "auto" // CUDA where it works, else CPU
	CPU  = "cpu"
	CUDA = "cuda"
)

// Options say how a session runs.
type Options struct {
	Device  string // Auto, CPU or CUDA; "" is Auto
	Threads int    // of the CPU; 0 lets the runtime take every core
}

// Session is one network loaded on one device. Run may be called from several goroutines; calls do not disturb each other.
type Session struct {
	session *runtime.DynamicAdvancedSession
	inputs  int
	device  string
	sha256  string
	spent   atomic.Int64
}

// Open loads a network of the form x (n, 2, ny, nx) [, sigma (n)] → (n, 2, ny, nx), all float32, from its ONNX bytes.
// The error says which requirement the file does not meet.
func Open(model []byte, opt Options) (*Session, error) {
	inputs, outputs, err := inspect(model, opt)
	if err != nil {
		return nil, err
	}
	if len(inputs) < 1 || len(inputs) > 2 || len(outputs) != 1 || !isImages(inputs[0]) || !isImages(outputs[0]) {
		return nil, fmt.Errorf("the model has inputs %v and outputs %v; it must take float images x (n, 2, ny, nx), optionally sigma (n), and return images", inputs, outputs)
	}
	names := []string{inputs[0].Name}
	if len(inputs) == 2 {
		names = append(names, inputs[1].Name)
	}
	sum := sha256.Sum256(model)
	s := &Session{inputs: len(names), sha256: hex.EncodeToString(sum[:])}
	if s.session, s.device, err = open(model, names, []string{outputs[0].Name}, opt); err != nil {
		return nil, fmt.Errorf("open ONNX model: %w", err)
	}
	return s, nil
}

// inspect checks opt, loads the runtime and returns the inputs and outputs that the model declares.
func inspect(model []byte, opt Options) (inputs, outputs []runtime.InputOutputInfo, err error) {
	switch opt.Device {
	case "", Auto, CPU, CUDA:
	default:
		return nil, nil, fmt.Errorf("unknown device %q: it is auto, cpu or cuda", opt.Device)
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

func open(model []byte, in, out []string, opt Options) (*runtime.DynamicAdvancedSession, string, error) {
	settings, err := runtime.NewSessionOptions()
	if err != nil {
		return nil, "", err
	}
	defer settings.Destroy()
	if opt.Threads > 0 {
		if err := settings.SetIntraOpNumThreads(opt.Threads); err != nil {
			return nil, "", err
		}
	}
	device := CPU
	if opt.Device != CPU {
		if err := appendCUDA(settings); err == nil {
			device = CUDA
		} else if opt.Device == CUDA {
			return nil, "", fmt.Errorf("the CUDA provider cannot be used: %w", err)
		}
	}
	session, err := runtime.NewDynamicAdvancedSessionWithONNXData(model, in, out, settings)
	return session, device, err
}

func appendCUDA(settings *runtime.SessionOptions) error {
	cuda, err := runtime.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer cuda.Destroy()
	if err := cuda.Update(map[string]string{"device_id": "0"}); err != nil {
		return err
	}
	return settings.AppendExecutionProviderCUDA(cuda)
}

// Run evaluates the network on a batch: dst and x are (n, 2, ny, nx), sigma is (n) or nil for a network without it. When ctx
// ends, the run is terminated between two nodes of the graph and ctx's error returned.
func (s *Session) Run(ctx context.Context, dst, x, sigma []float32, n, ny, nx int) error {
	start := time.Now()
	defer func() { s.spent.Add(int64(time.Since(start))) }()
	if (sigma != nil) != (s.inputs == 2) {
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

// Device returns CPU or CUDA: where the session really runs.
func (s *Session) Device() string { return s.device }

// SHA256 returns the digest of the model's bytes in lower-case hex.
func (s *Session) SHA256() string { return s.sha256 }

// Spent returns the time spent in Run so far.
func (s *Session) Spent() time.Duration { return time.Duration(s.spent.Load()) }

// Close frees the session.
func (s *Session) Close() error { return s.session.Destroy() }
