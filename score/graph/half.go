package graph

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// halved are the operators that are put into half precision, each with how many of its leading inputs have the type of its output,
// 0 for all of them.
var halved = map[string]int{
	"Conv": 0, "ConvTranspose": 0, "Gemm": 0, "MatMul": 0, "Add": 0, "Sub": 0, "Mul": 0, "Div": 0, "Concat": 0, "Relu": 0, "LeakyRelu": 0,
	"Sigmoid": 0, "Tanh": 0, "Erf": 0, "Softmax": 0, "Identity": 0, "InstanceNormalization": 0, "AveragePool": 0, "MaxPool": 0,
	"GlobalAveragePool": 0, "DepthToSpace": 0, "SpaceToDepth": 0, "Transpose": 0,
	"Reshape": 1, "Unsqueeze": 1, "Squeeze": 1, "Slice": 1, "Pad": 1, "Resize": 1, "Expand": 1, "Split": 1,
}

// unary are operators that stay in single precision and return what they are given.
var unary = []string{"Log", "Exp", "Sqrt", "Pow", "Sin", "Cos", "Neg", "Abs", "Reciprocal", "ReduceMean", "ReduceSum", "Softplus", "Clip",
	"Flatten", "Gather", "LayerNormalization", "GroupNormalization", "BatchNormalization"}

// anchors are the operators that are worth it.
var anchors = map[string]bool{"Conv": true, "ConvTranspose": true, "MatMul": true}

// Half returns an ONNX network with everything between its first and its last convolution or matrix product in half precision
// (float16). Its inputs and outputs, and the arithmetic before and after, such as what scales by the noise level, stay in single
// precision. Operators that are not known stay so too.
func Half(model []byte) ([]byte, error) {
	m, err := parse(model)
	if err != nil {
		return nil, fmt.Errorf("read network: %w", err)
	}
	var out []byte
	for _, f := range m {
		if f.number != modelGraph {
			out = append(out, f.raw...)
			continue
		}
		graph, err := halve(f.value)
		if err != nil {
			return nil, fmt.Errorf("read network's graph: %w", err)
		}
		out = appendBytes(out, modelGraph, graph)
	}
	return out, nil
}

// halver rewrites the nodes of a graph in their order.
type halver struct {
	nodes   []byte
	kinds   map[string]int     // element types of values, as far as they are known
	source  map[string]string  // what a value was cast from
	late    map[string]message // casts from half precision, written when something needs them
	outputs []string           // of the graph
}

func halve(graph []byte) ([]byte, error) {
	fields, err := parse(graph)
	if err != nil {
		return nil, err
	}
	h := halver{kinds: map[string]int{}, source: map[string]string{}, late: map[string]message{}}
	var nodes []message
	var out []byte
	for _, f := range fields {
		if !slices.Contains([]protowire.Number{graphNode, graphInput, graphOutput, graphInitializer, graphValueInfo}, f.number) {
			out = append(out, f.raw...)
			continue
		}
		sub, err := parse(f.value)
		if err != nil {
			return nil, err
		}
		switch f.number {
		case graphNode:
			nodes = append(nodes, sub)
			continue
		case graphValueInfo: // says types that no longer hold
			continue
		case graphInitializer:
			h.kinds[sub.text(tensorName)] = sub.integer(tensorKind)
		case graphInput:
			h.kinds[sub.text(valueName)] = sub.message(valueType).message(typeTensor).integer(tensorElement)
		case graphOutput:
			h.outputs = append(h.outputs, sub.text(valueName))
		}
		out = append(out, f.raw...)
	}
	for i, inside := range between(nodes) {
		if nodes[i].text(nodeType) == "Cast" && (len(nodes[i].texts(nodeInput)) != 1 || len(nodes[i].texts(nodeOutput)) != 1) {
			return nil, errors.New("a Cast has other than one input and one output")
		}
		h.node(nodes[i], inside)
	}
	for _, name := range h.outputs {
		h.write(name)
	}
	return append(out, h.nodes...), nil
}

// between says which nodes depend on an anchor, or are one, and have one depend on them.
func between(nodes []message) []bool {
	inside := make([]bool, len(nodes))
	spread := func(i int, reached map[string]bool, from, to protowire.Number) bool {
		if !anchors[nodes[i].text(nodeType)] && !slices.ContainsFunc(nodes[i].texts(from), func(name string) bool { return reached[name] }) {
			return false
		}
		for _, name := range nodes[i].texts(to) {
			reached[name] = name != ""
		}
		return true
	}
	after, before := map[string]bool{}, map[string]bool{}
	for i := range nodes { // in topological order, as ONNX has them
		inside[i] = spread(i, after, nodeInput, nodeOutput)
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		inside[i] = spread(i, before, nodeOutput, nodeInput) && inside[i]
	}
	return inside
}

// node appends a node, in half precision if it is inside, can be, and computes with floats.
func (h *halver) node(node message, inside bool) {
	kind, inputs, outputs := node.text(nodeType), node.texts(nodeInput), node.texts(nodeOutput)
	leading, can := halved[kind]
	if leading == 0 || leading > len(inputs) {
		leading = len(inputs)
	}
	floats := leading > 0 && !slices.ContainsFunc(inputs[:leading], func(name string) bool {
		return name != "" && h.kinds[name] != float && h.kinds[name] != float16
	})
	to := h.result(node, floats)
	if kind == "Cast" {
		h.source[outputs[0]] = inputs[0]
		if to == float && h.kinds[inputs[0]] == float16 {
			h.kinds[outputs[0]], h.late[outputs[0]] = float, node
			return
		}
	}
	if inside && can && floats {
		to = float16
	}
	i := 0
	var after []byte
	b := node.without(nodeName).rename(func(number protowire.Number, name string) string {
		if number == nodeOutput {
			h.kinds[name] = to
			if to == float16 && slices.Contains(h.outputs, name) { // whose type is promised
				h.kinds[name], h.kinds[name+"/half"] = float, float16
				after = appendCast(after, name+"/half", name, float)
				return name + "/half"
			}
			return name
		}
		i++
		switch {
		case to == float16 && i <= leading:
			return h.as(name, float16)
		case kind == "Cast":
			h.write(name)
			return name
		}
		return h.as(name, float)
	}, nodeInput, nodeOutput)
	h.nodes = append(appendBytes(h.nodes, graphNode, b), after...)
}

// result returns the element type of what a node returns in single precision, 0 when it is not known.
func (h *halver) result(node message, floats bool) int {
	kind := node.text(nodeType)
	_, table := halved[kind]
	switch {
	case kind == "Cast":
		return node.attribute("to").integer(attributeInt)
	case kind == "Constant":
		return node.attribute("value").message(attributeTensor).integer(tensorKind)
	case !table && !slices.Contains(unary, kind):
		return 0
	case floats || h.kinds[node.text(nodeInput)] == float16:
		return float
	}
	return h.kinds[node.text(nodeInput)]
}

// as returns the value as an element type, float or float16; what is neither stays as it is.
func (h *halver) as(name string, kind int) string {
	now := h.kinds[name]
	switch {
	case now == kind || now != float && now != float16:
		h.write(name)
		return name
	case kind == float16 && h.kinds[h.source[name]] == float16:
		return h.source[name]
	}
	h.write(name)
	to := name + "/single"
	if kind == float16 {
		to = name + "/half"
	}
	if _, exists := h.kinds[to]; !exists {
		h.kinds[to] = kind
		h.nodes = appendCast(h.nodes, name, to, kind)
	}
	return to
}

// write writes the cast that makes a value, if it was left for later.
func (h *halver) write(name string) {
	if node, ok := h.late[name]; ok {
		delete(h.late, name)
		h.nodes = appendBytes(h.nodes, graphNode, node.encode())
	}
}

func appendCast(graph []byte, from, to string, kind int) []byte {
	node := appendText(appendText(nil, nodeInput, from), nodeOutput, to)
	node = appendBytes(appendText(node, nodeType, "Cast"), nodeAttribute, intAttribute("to", kind))
	return appendBytes(graph, graphNode, node)
}
