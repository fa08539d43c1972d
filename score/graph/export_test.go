package graph

import (
	"math"
	"math/rand/v2"

	"google.golang.org/protobuf/encoding/protowire"
)

// Small returns a denoiser of two small convolutions with random weights, as ONNX: D(x, σ) = (x + σ f(x)) / (1 + σ²).
func Small() []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := newBuilder()
	conv := func(x string, out, in int) string {
		w := make([]float32, out*in*9)
		for i := range w {
			w[i] = float32(r.NormFloat64()) / float32(math.Sqrt(float64(9*in)))
		}
		return b.opWith("Conv", [][]byte{intsAttribute("pads", 1, 1, 1, 1)}, x, b.floats(w, out, in, 3, 3))
	}
	sigma := b.op("Reshape", "sigma", b.ints(-1, 1, 1, 1))
	f := conv(b.op("Relu", conv("x", 8, 2)), 2, 8)
	one := b.floats([]float32{1})
	d := b.op("Div", b.op("Add", "x", b.op("Mul", sigma, f)), b.op("Add", one, b.op("Mul", sigma, sigma)))
	g := append(appendText(nil, graphName, "small"), b.constants...)
	g = append(g, b.nodes...)
	for _, v := range []struct {
		field protowire.Number
		name  string
		shape []string
	}{{graphInput, "x", []string{"n", "2", "ny", "nx"}}, {graphInput, "sigma", []string{"n"}}, {graphOutput, d, []string{"n", "2", "ny", "nx"}}} {
		var dims []byte
		for _, name := range v.shape {
			if name == "2" {
				dims = appendBytes(dims, shapeDim, appendInt(nil, dimensionValue, 2))
			} else {
				dims = appendBytes(dims, shapeDim, appendText(nil, dimensionName, name))
			}
		}
		t := appendBytes(appendInt(nil, tensorElement, float), tensorShape, dims)
		g = appendBytes(g, v.field, appendBytes(appendText(nil, valueName, v.name), valueType, appendBytes(nil, typeTensor, t)))
	}
	return plain(g)
}

// plain returns a model of a graph.
func plain(g []byte) []byte {
	model := appendInt(nil, modelVersion, 8)
	model = appendBytes(model, modelOpset, appendInt(nil, opsetVersion, 17))
	return appendBytes(model, modelGraph, g)
}

const opsetVersion = 2 // a field of onnx.proto that only tests use

// Product returns the ONNX model of x (n, n) times a constant of that shape: the yardstick of the convolutions.
func Product(n int) []byte {
	b := newBuilder()
	w := make([]float32, n*n)
	for i := range w {
		w[i] = float32(i%17) / 17
	}
	x := b.input([]int{n}, nil)
	y := b.op("MatMul", x, b.floats(w, n, n))
	return plain(b.graph([]string{y}, []int{n}))
}

// Work returns the floating-point operations of a network's convolutions on one image. It knows networks whose nodes follow each
// other from one resolution to the next, as the shipped ones do.
func Work(model []byte, ny, nx int) (operations float64) {
	m, _ := parse(model)
	weights, casts := map[string]float64{}, map[string]string{}
	for _, f := range m.message(modelGraph) {
		if sub, _ := parse(f.value); f.number == graphInitializer {
			size := 1.0
			for _, t := range sub {
				if t.number == tensorDims {
					size *= float64(message{t}.integer(tensorDims))
				}
			}
			weights[sub.text(tensorName)] = size
		}
	}
	for _, f := range m.message(modelGraph) {
		sub, _ := parse(f.value)
		switch kind := sub.text(nodeType); {
		case f.number != graphNode:
		case kind == "Cast":
			casts[sub.text(nodeOutput)] = sub.text(nodeInput)
		case kind == "Conv":
			if sub.attribute("strides").integer(attributeInts) == 2 {
				ny, nx = ny/2, nx/2
			}
			operations += 2 * weights[casts[sub.texts(nodeInput)[1]]] * float64(ny*nx)
		case kind == "DepthToSpace":
			ny, nx = 2*ny, 2*nx
		}
	}
	return operations
}

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

// Waiting counts the samplers that wait for a run that is not under way.
func (p *Programs) Waiting() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return len(p.waiting)
}
