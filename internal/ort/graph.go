package ort

import (
	"context"
	"fmt"

	runtime "github.com/yalue/onnxruntime_go"
)

// Graph is an ONNX model whose inputs and outputs are all float32, of fixed shape after a first axis of any length, loaded on one
// device. Run may be called from several goroutines.
type Graph struct {
	session *runtime.DynamicAdvancedSession
	place
	in, out []runtime.InputOutputInfo
}

// OpenGraph loads such a model from its ONNX bytes.
func OpenGraph(model []byte, opt Options) (*Graph, error) {
	in, out, err := inspect(model, opt)
	if err != nil {
		return nil, err
	}
	g := &Graph{in: in, out: out}
	if g.session, g.place, err = open(model, names(in), names(out), opt); err != nil {
		return nil, fmt.Errorf("open ONNX model: %w", err)
	}
	return g, nil
}

func names(values []runtime.InputOutputInfo) (names []string) {
	for _, v := range values {
		names = append(names, v.Name)
	}
	return names
}

// Run overwrites out with the outputs for the inputs in, whose first axes are n long, each row-major and in the order in which the
// model declares them. When ctx ends, the run is terminated between two nodes and ctx's error returned.
func (g *Graph) Run(ctx context.Context, n int, out, in [][]float32) error {
	inputs, err := tensors(g.in, n, in)
	defer destroy(inputs)
	if err != nil {
		return fmt.Errorf("graph inputs: %w", err)
	}
	outputs, err := tensors(g.out, n, out)
	defer destroy(outputs)
	if err != nil {
		return fmt.Errorf("graph outputs: %w", err)
	}
	if err := run(ctx, g.session, inputs, outputs); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("run graph: %w", err)
	}
	return nil
}

// tensors wraps data, which is not copied, in the declared shapes of n.
func tensors(declared []runtime.InputOutputInfo, n int, data [][]float32) (values []runtime.Value, err error) {
	if len(data) != len(declared) {
		return nil, fmt.Errorf("%d given, %d declared", len(data), len(declared))
	}
	for i, d := range declared {
		shape := append(runtime.NewShape(int64(n)), d.Dimensions[1:]...)
		if size := shape.FlattenedSize(); size != int64(len(data[i])) {
			return values, fmt.Errorf("%s has %d values, not %d", d.Name, size, len(data[i]))
		}
		t, err := runtime.NewTensor(shape, data[i])
		if err != nil {
			return values, fmt.Errorf("%s: %w", d.Name, err)
		}
		values = append(values, t)
	}
	return values, nil
}

func destroy(values []runtime.Value) {
	for _, v := range values {
		v.Destroy()
	}
}

// Close frees the graph.
func (g *Graph) Close() error { return g.session.Destroy() }
