package graph

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
)

// builder writes one graph: nodes as they are recorded, inputs with their data, and small constants. Inputs and outputs have the
// images before the axes of their shape.
type builder struct {
	nodes     []byte
	constants []byte
	declared  map[string]string // contents of constants → name
	inputs    []input
	calls     int // of the network
	values    int
}

type input struct {
	name  string
	shape []int
	data  []float32
}

func newBuilder() *builder { return &builder{declared: map[string]string{}} }

// input declares an input of the graph.
func (b *builder) input(shape []int, data []float32) string {
	name := "input" + strconv.Itoa(len(b.inputs))
	b.inputs = append(b.inputs, input{name, shape, data})
	return name
}

func (b *builder) fresh() string {
	b.values++
	return "v" + strconv.Itoa(b.values)
}

// op appends a node with one output and returns the output's name.
func (b *builder) op(kind string, inputs ...string) string { return b.opWith(kind, nil, inputs...) }

// opInt is op with one integer attribute.
func (b *builder) opInt(kind, attribute string, v int, inputs ...string) string {
	return b.opWith(kind, [][]byte{intAttribute(attribute, v)}, inputs...)
}

// opWith is op with encoded attributes.
func (b *builder) opWith(kind string, attributes [][]byte, inputs ...string) string {
	var node []byte
	for _, name := range inputs {
		node = appendText(node, nodeInput, name)
	}
	to := b.fresh()
	node = appendText(node, nodeOutput, to)
	node = appendText(node, nodeType, kind)
	for _, a := range attributes {
		node = appendBytes(node, nodeAttribute, a)
	}
	b.nodes = appendBytes(b.nodes, graphNode, node)
	return to
}

// ints returns a constant of int64, one axis long.
func (b *builder) ints(v ...int) string {
	var raw []byte
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
	}
	return b.constant(int64s, raw, len(v))
}

// floats returns a constant of float32 of the given shape from exact small integers; shape none is a scalar.
func (b *builder) floats(v []float32, shape ...int) string {
	var raw []byte
	raw, _ = binary.Append(raw, binary.LittleEndian, v) // never fails on floats
	return b.constant(float, raw, shape...)
}

func (b *builder) constant(kind int, raw []byte, shape ...int) string {
	key := fmt.Sprint(kind, shape, raw)
	if name, ok := b.declared[key]; ok {
		return name
	}
	name := "constant" + strconv.Itoa(len(b.declared))
	b.declared[key] = name
	var t []byte
	for _, n := range shape {
		t = appendInt(t, tensorDims, n)
	}
	t = appendInt(t, tensorKind, kind)
	t = appendText(t, tensorName, name)
	t = appendBytes(t, tensorRaw, raw)
	b.constants = appendBytes(b.constants, graphInitializer, t)
	return name
}

// graph returns the fields of GraphProto without what copies of a network share.
func (b *builder) graph(outputs []string, shape []int) []byte {
	g := appendText(nil, graphName, "sampler")
	g = append(g, b.constants...)
	for _, in := range b.inputs {
		g = appendBytes(g, graphInput, tensorInfo(in.name, in.shape))
	}
	for _, name := range outputs {
		g = appendBytes(g, graphOutput, tensorInfo(name, shape))
	}
	return append(g, b.nodes...)
}

// tensorInfo encodes the ValueInfoProto of a float tensor (n, shape...).
func tensorInfo(name string, shape []int) []byte {
	dims := appendBytes(nil, shapeDim, appendText(nil, dimensionName, "n"))
	for _, n := range shape {
		dims = appendBytes(dims, shapeDim, appendInt(nil, dimensionValue, n))
	}
	t := appendInt(nil, tensorElement, float)
	t = appendBytes(t, tensorShape, dims)
	return appendBytes(appendText(nil, valueName, name), valueType, appendBytes(nil, typeTensor, t))
}

// structure is all of a graph but the weights of its networks. Graphs with equal structures are equal.
type structure struct {
	graph   string   // fields of GraphProto
	initial *Network // nil where it is not inlined
}

// model puts a structure and the weights of its networks together; n is the denoiser.
func (n *Network) model(s structure) []byte {
	parts := [][]byte{n.weights, []byte(s.graph)}
	if s.initial != nil {
		parts = append(parts, s.initial.weights)
	}
	graph := slices.Concat(parts...)
	return appendBytes(slices.Clone(n.header), modelGraph, graph)
}
