package graph

import (
	"context"
	"fmt"
	"slices"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
)

// value is an Array: float32 (n, 2, ny, nx), real and imaginary planes. It is a name in the graph being recorded, data on the
// host, or both.
type value struct {
	name string
	data []float32
}

// machine records the operations of a sampler and runs them once every few steps. It implements score.Machine.
type machine struct {
	*Sampler
	ctx      context.Context
	n        int // images
	ny, nx   int
	noise    func(draw int) []float32
	physics  *physics  // nil without a measurement
	variance []float32 // of its noise in corrections (n, 1, ny, nx); nil where that is not known of any image
	floors   []float32 // of the level of noise of each image; none where there is no variance
	progress func(step, steps int)

	*builder                   // of the graph being recorded
	recorded map[*value]string // names there
	initial  *Network          // there; nil where it is not
	weights  []float32         // the scalars of the steps, one input (n, their number, 1, 1)
	levels   []int             // which of them are levels of noise, each image's floor or more
	scalars  string            // name of that input
	pending  int               // steps recorded
	nfe      int
	err      error // of the host, until the next step
}

func (m *machine) begin() {
	m.builder, m.recorded, m.initial, m.weights, m.levels, m.pending = newBuilder(), map[*value]string{}, nil, nil, nil, 0
	m.scalars = m.input(nil, nil)
	if m.physics != nil {
		m.physics.declare(m.builder)
	}
}

// shape is that of an image.
func (m *machine) shape() []int { return []int{2, m.ny, m.nx} }

// use returns the name of a in the graph being recorded; data on the host becomes an input of it.
func (m *machine) use(a score.Array) string {
	v := a.(*value)
	name, ok := m.recorded[v]
	if !ok {
		if v.data == nil {
			panic("graph: an array is used after a step that did not name it")
		}
		name = m.input(m.shape(), v.data)
		m.recorded[v] = name
	}
	return name
}

func (m *machine) record(name string) score.Array {
	v := &value{}
	m.recorded[v] = name
	return v
}

// scalar returns a number that may differ from run to run of one graph and from image to image of one run, as a tensor
// (n, 1, 1, 1).
func (m *machine) scalar(v float64) string {
	m.weights = append(m.weights, float32(v))
	return m.opInt("Gather", "axis", 1, m.scalars, m.ints(len(m.weights)-1))
}

// Initial implements score.Machine. What cannot be inlined is done by the host.
func (m *machine) Initial(a score.Array) score.Array {
	if m.Sampler.Initial == nil {
		return m.initialFromHost(a.(*value).data)
	}
	m.initial = m.Sampler.Initial
	return m.network(m.initial, a, "")
}

func (m *machine) initialFromHost(data []float32) score.Array {
	v := &value{data: make([]float32, len(data))}
	x, size := kspace.NewImage(m.ny, m.nx), 2*m.ny*m.nx
	for i := 0; i < len(data) && m.err == nil; i += size {
		x.SetPlanes(data[i:][:size], m.ny, m.nx)
		if err := m.Host.Initial(m.ctx, x, x); err != nil {
			m.err = fmt.Errorf("initial reconstruction: %w", err)
		}
		x.Planes(v.data[i:][:size], m.ny, m.nx)
	}
	return v
}

// Denoise implements score.Machine.
func (m *machine) Denoise(a score.Array, sigma float64) score.Array {
	m.nfe += m.n
	m.levels = append(m.levels, len(m.weights))
	return m.network(m.Programs.Network, a, m.op("Reshape", m.scalar(sigma), m.ints(-1)))
}

// network inlines a copy. It sees sides divisible by score.Multiple, padded as score.Network and unet.UNet pad.
func (m *machine) network(n *Network, a score.Array, level string) score.Array {
	x := m.use(a)
	down, right := kspace.RoundUp(m.ny, score.Multiple)-m.ny, kspace.RoundUp(m.nx, score.Multiple)-m.nx
	if down+right > 0 {
		x = m.op("Pad", x, m.ints(0, 0, 0, 0, 0, 0, down, right))
	}
	to := m.fresh()
	m.nodes = n.inline(m.nodes, to+"/", x, level, to)
	if down+right > 0 {
		to = m.op("Slice", to, m.ints(0, 0), m.ints(m.ny, m.nx), m.ints(2, 3))
	}
	return m.record(to)
}

// Coils implements score.Machine.
func (m *machine) Coils() int {
	if m.physics == nil {
		return 0
	}
	return max(1, m.physics.coils)
}

// Consistent implements score.Machine.
func (m *machine) Consistent(a score.Array) score.Array {
	if m.physics == nil {
		return a
	}
	return m.record(m.physics.project(m.builder, m.use(a)))
}

// Wiener implements score.Machine.
func (m *machine) Wiener(a score.Array) score.Array {
	if m.variance == nil {
		return a
	}
	x, noise := m.use(a), m.input([]int{1, m.ny, m.nx}, m.variance)
	const side, reach = score.WienerWindow, score.WienerWindow / 2
	power := m.opInt("ReduceSum", "keepdims", 1, m.op("Mul", x, x), m.ints(1))
	power = m.opWith("AveragePool", [][]byte{intsAttribute("kernel_shape", side, side), intsAttribute("pads", reach, reach, reach, reach)}, power)
	// 1 − v/P where P > v, else 0, without dividing by a P of 0
	rest := m.op("Relu", m.op("Sub", power, noise))
	weight := m.op("Div", rest, m.op("Max", power, m.floats([]float32{1e-30})))
	return m.record(m.op("Mul", x, weight))
}

// Noise implements score.Machine: the host draws it, and the graph takes it as an input.
func (m *machine) Noise(draw int) score.Array { return &value{data: m.noise(draw)} }

// Sum implements score.Machine.
func (m *machine) Sum(terms ...score.Term) score.Array {
	var sum string
	for _, t := range terms {
		term := m.op("Mul", m.use(t.Of), m.scalar(t.Weight))
		if sum != "" {
			term = m.op("Add", sum, term)
		}
		sum = term
	}
	return m.record(sum)
}

// Turn implements score.Machine, by one and the same graph whatever the angle.
func (m *machine) Turn(a score.Array, quarters int) score.Array {
	x := m.use(a)
	swapped := m.opInt("Gather", "axis", 1, x, m.ints(1, 0))
	ix := m.op("Mul", swapped, m.floats([]float32{-1, 1}, 2, 1, 1))
	turn := score.Quarter(quarters)
	return m.record(m.op("Add", m.op("Mul", x, m.scalar(float64(real(turn)))), m.op("Mul", ix, m.scalar(float64(imag(turn))))))
}

// Ratio implements score.Machine.
func (m *machine) Ratio(x, num, den score.Array) score.Array {
	norm := func(a score.Array) string {
		v := m.use(a)
		return m.op("Sqrt", m.opInt("ReduceSum", "keepdims", 1, m.op("Mul", v, v), m.ints(1, 2, 3)))
	}
	zero, d := m.floats([]float32{0}, 1), norm(den)
	ratio := m.op("Where", m.op("Equal", d, zero), zero, m.op("Div", norm(num), d))
	return m.record(m.op("Mul", m.use(x), ratio))
}

// Step implements score.Machine: every few steps, and after the last, it runs what was recorded.
func (m *machine) Step(done, steps int, live ...*score.Array) error {
	if m.err != nil {
		return m.err
	}
	m.pending++
	if m.pending < m.Steps && done < steps {
		return nil
	}
	var names []string
	var results [][]float32
	for _, a := range live {
		v := (*a).(*value)
		if v.data == nil {
			v.data = make([]float32, m.n*2*m.ny*m.nx)
			names, results = append(names, m.use(v)), append(results, v.data)
		}
	}
	m.inputs[0].shape, m.inputs[0].data = []int{len(m.weights), 1, 1}, slices.Repeat(m.weights, m.n)
	for i, floor := range m.floors {
		for _, at := range m.levels {
			level := &m.inputs[0].data[i*len(m.weights)+at]
			*level = max(*level, floor)
		}
	}
	in := make([][]float32, len(m.inputs))
	for i, v := range m.inputs {
		in[i] = v.data
	}
	spent, err := m.Programs.run(m.ctx, structure{string(m.graph(names, m.shape())), m.initial}, m.n, results, in)
	m.spent += spent
	if err != nil {
		return err
	}
	if m.progress != nil {
		m.progress(done, steps)
	}
	m.begin()
	return m.ctx.Err()
}
