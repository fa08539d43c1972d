package graph

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of onnx.proto (github.com/onnx/onnx, onnx/onnx.proto), and the few enumerators used.
const (
	modelVersion, modelGraph, modelOpset, modelFunction                             = 1, 7, 8, 25
	graphNode, graphName, graphInitializer, graphInput, graphOutput, graphValueInfo = 1, 2, 5, 11, 12, 13
	nodeInput, nodeOutput, nodeName, nodeType, nodeAttribute                        = 1, 2, 3, 4, 5
	attributeName, attributeInt, attributeTensor, attributeGraph                    = 1, 3, 5, 6
	attributeInts, attributeGraphs, attributeKind                                   = 8, 11, 20
	tensorDims, tensorKind, tensorName, tensorRaw                                   = 1, 2, 8, 9
	valueName, valueType, typeTensor, tensorElement, tensorShape, shapeDim          = 1, 2, 1, 1, 2, 1
	dimensionValue, dimensionName                                                   = 1, 2
	float, int64s, float16, attributeIsInt, attributeIsInts                         = 1, 7, 10, 2, 7
)

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

// texts returns all fields of that number as strings.
func (m message) texts(number protowire.Number) (all []string) {
	for _, f := range m {
		if f.number == number {
			all = append(all, string(f.value))
		}
	}
	return all
}

// integer returns the first field of that number, 0 without one.
func (m message) integer(number protowire.Number) int {
	for _, f := range m {
		if _, _, tag := protowire.ConsumeTag(f.raw); f.number == number && f.wire == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(f.raw[tag:])
			return int(v)
		}
	}
	return 0
}

// message returns the first field of that number, empty when it is not there or damaged.
func (m message) message(number protowire.Number) message {
	sub, _ := parse([]byte(m.text(number)))
	return sub
}

// attribute returns that attribute of a node, empty without one.
func (m message) attribute(name string) message {
	for _, f := range m {
		if a, err := parse(f.value); f.number == nodeAttribute && err == nil && a.text(attributeName) == name {
			return a
		}
	}
	return nil
}

func (m message) encode() (b []byte) {
	for _, f := range m {
		b = append(b, f.raw...)
	}
	return b
}

func (m message) without(number protowire.Number) message {
	return slices.DeleteFunc(slices.Clone(m), func(f field) bool { return f.number == number })
}

// rename encodes m with the strings in the fields of those numbers replaced, all but empty ones.
func (m message) rename(name func(number protowire.Number, old string) string, numbers ...protowire.Number) (b []byte) {
	for _, f := range m {
		if !slices.Contains(numbers, f.number) || len(f.value) == 0 {
			b = append(b, f.raw...)
			continue
		}
		b = appendText(b, f.number, name(f.number, string(f.value)))
	}
	return b
}

// intAttribute encodes the AttributeProto of an integer.
func intAttribute(name string, v int) []byte {
	return appendInt(appendInt(appendText(nil, attributeName, name), attributeInt, v), attributeKind, attributeIsInt)
}

// intsAttribute encodes the AttributeProto of a list of integers.
func intsAttribute(name string, list ...int) []byte {
	a := appendText(nil, attributeName, name)
	for _, v := range list {
		a = appendInt(a, attributeInts, v)
	}
	return appendInt(a, attributeKind, attributeIsInts)
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
