package graph

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of onnx.proto (github.com/onnx/onnx, onnx/onnx.proto), and the few enumerators used.
const (
	modelVersion, modelGraph, modelOpset, modelFunction                                    = 1, 7, 8, 25
	graphNode, graphName, graphInitializer, graphInput, graphOutput                        = 1, 2, 5, 11, 12
	nodeInput, nodeOutput, nodeName, nodeType, nodeAttribute                               = 1, 2, 3, 4, 5
	attributeName, attributeInt, attributeGraph, attributeGraphs, attributeKind            = 1, 3, 6, 11, 20
	tensorDims, tensorKind, tensorName, tensorRaw                                          = 1, 2, 8, 9
	valueName, valueType, typeTensor, tensorElement, tensorShape, shapeDim, dimensionValue = 1, 2, 1, 1, 2, 1, 1
	float, int64s, attributeIsInt                                                          = 1, 7, 2
)

// share names what all copies of a network use.
func share(name string) string { return "network/" + name }

// message is the fields of one protobuf message, in order.
type message []field

type field struct {
	number protowire.Number
	wire   protowire.Type
	value  []byte // of a field of bytes
	raw    []byte // the whole field
}

// parse splits a message into its fields.
func parse(b []byte) (m message, err error) {
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeField(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		f := field{number: number, wire: wire, raw: b[:n]}
		if _, _, tag := protowire.ConsumeTag(b); f.wire == protowire.BytesType {
			f.value, _ = protowire.ConsumeBytes(b[tag:n])
		}
		m, b = append(m, f), b[n:]
	}
	return m, nil
}

func (m message) has(number protowire.Number) bool {
	return slices.ContainsFunc(m, func(f field) bool { return f.number == number })
}

// text returns the first field of that number as a string, "" without one.
func (m message) text(number protowire.Number) string {
	for _, f := range m {
		if f.number == number {
			return string(f.value)
		}
	}
	return ""
}

func (m message) without(number protowire.Number) message {
	return slices.DeleteFunc(slices.Clone(m), func(f field) bool { return f.number == number })
}

// rename encodes m with the strings in the fields of those numbers replaced, all but empty ones.
func (m message) rename(name func(old string) string, numbers ...protowire.Number) (b []byte) {
	for _, f := range m {
		if !slices.Contains(numbers, f.number) || len(f.value) == 0 {
			b = append(b, f.raw...)
			continue
		}
		b = appendText(b, f.number, name(string(f.value)))
	}
	return b
}

func appendText(b []byte, number protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), s)
}

func appendInt(b []byte, number protowire.Number, v int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(v))
}

func appendBytes(b []byte, number protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), v)
}
