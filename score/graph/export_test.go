package graph

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Rounded returns what Half makes of a network, computed in single precision with everything that would be in half rounded to its
// 11 bits: ONNX Runtime's CPU provider has no kernels for half, computes in single and leaves the rounding out.
func Rounded(model []byte) ([]byte, error) {
	model, err := Half(model)
	if err != nil {
		return nil, err
	}
	m, err := parse(model)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, f := range m {
		if f.number != modelGraph {
			out = append(out, f.raw...)
			continue
		}
		g, err := parse(f.value)
		if err != nil {
			return nil, err
		}
		out = appendBytes(out, modelGraph, round(g))
	}
	return out, nil
}

func round(g message) (rest []byte) {
	b, half := newBuilder(), map[string]bool{}
	const bits = 13 // that single precision has more than half
	splitter := b.floats([]float32{float32(math.Exp2(bits) + 1)})
	// Veltkamp's splitting: c x − (c x − x) is x rounded.
	rounded := func(name, to string) {
		p := b.op("Mul", name, splitter)
		q := b.op("Sub", p, b.op("Sub", p, name))
		b.nodes = appendBytes(b.nodes, graphNode, appendText(appendText(appendText(nil, nodeInput, q), nodeOutput, to), nodeType, "Identity"))
	}
	for _, f := range g {
		sub, _ := parse(f.value)
		switch {
		case f.number == graphInitializer && sub.integer(tensorKind) == float16:
			name := sub.text(tensorName)
			rest = appendBytes(rest, graphInitializer, sub.rename(func(_ protowire.Number, name string) string { return name + "/stored" }, tensorName))
			b.nodes = appendCast(b.nodes, name+"/stored", name, float)
			half[name] = true
		case f.number != graphNode:
			rest = append(rest, f.raw...)
		case sub.text(nodeType) == "Cast":
			name, to := sub.text(nodeInput), sub.text(nodeOutput)
			if half[to] = sub.attribute("to").integer(attributeInt) == float16; half[to] {
				rounded(name, to)
			} else {
				b.nodes = appendCast(b.nodes, name, to, float)
			}
		case half[sub.text(nodeInput)]:
			name := sub.text(nodeOutput)
			half[name] = true
			b.nodes = appendBytes(b.nodes, graphNode, sub.rename(func(_ protowire.Number, name string) string { return name + "/exact" }, nodeOutput))
			rounded(name+"/exact", name)
		default:
			b.nodes = append(b.nodes, f.raw...)
		}
	}
	return append(append(rest, b.constants...), b.nodes...)
}
