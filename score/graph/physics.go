package graph

import (
	"errors"
	"fmt"

	"github.com/closer-mri/closer/kspace"
)

// physics is data consistency x ← x + λ Aᴴ(y − A x) by matrix products. A 1-D mask acts on phase encode alone, so that for one coil
// Aᴴ A x = x P with P = F M Fᴴ (nx, nx), and for several Σ_c S_c* ((S_c x) P). Where single points are masked, both axes are
// transformed: Σ_c S_c* Fᴴ (M ∘ (F (S_c x) F)) Fᴴ.
type physics struct {
	inputs []input // real and imaginary part of P, or of F (nx, nx); λ Aᴴ y; λ; S; for points F (ny, ny) and M
	coils  int     // 0 for one, which has no map
	points bool
	ny, nx int
	names  []string
}

// sampling is what one image of a batch was measured with.
type sampling struct {
	mask   kspace.Mask   // nil where there are points
	points kspace.Points // nil where there is a mask
	maps   kspace.Data   // none for one coil
}

func samplingOf(a kspace.Operator) (sampling, error) {
	switch a := a.(type) {
	case *kspace.Cartesian:
		return sampling{mask: a.Mask()}, nil
	case *kspace.Sense:
		return sampling{mask: a.Mask(), maps: a.Maps()}, nil
	case *kspace.Scattered:
		return sampling{points: a.Points(), maps: a.Maps()}, nil
	}
	return sampling{}, fmt.Errorf("%T cannot be recorded", a)
}

// newPhysics takes the measurements of a batch, each with a mask of its own.
func newPhysics(batch []kspace.Measurement, lambda float64) (*physics, error) {
	first, err := samplingOf(batch[0].A)
	if err != nil {
		return nil, err
	}
	_, ny, nx := batch[0].A.Shape()
	f := &physics{ny: ny, nx: nx, coils: first.maps.Nc, points: first.points != nil}
	var rows, columns matrices
	var start, weights, maps, points []float32
	var alongX, alongY []complex64
	if f.points {
		alongX, alongY = kspace.Fourier(nx), kspace.Fourier(ny)
	}
	x := kspace.NewImage(ny, nx)
	for _, m := range batch {
		s, err := samplingOf(m.A)
		if err != nil {
			return nil, err
		}
		if c, h, w := m.A.Shape(); h != ny || w != nx || s.maps.Nc != f.coils || (s.points != nil) != f.points || c != m.Y.Nc {
			return nil, errors.New("the slices of a batch differ in shape, coils or kind of mask")
		}
		if f.points {
			rows.append(alongX, nx)
			columns.append(alongY, ny)
			for _, on := range s.points {
				var v float32
				if on {
					v = 1
				}
				points = append(points, v)
			}
		} else {
			rows.append(s.mask.Projector(), nx)
		}
		m.A.Adjoint(x, m.Y)
		kspace.Scale(x.Pix, float32(lambda))
		start = appendPlanes(start, x)
		weights = append(weights, float32(lambda))
		for c := range f.coils {
			maps = appendPlanes(maps, s.maps.Coil(c))
		}
	}
	f.inputs = []input{
		{shape: []int{nx, nx}, data: rows.re}, {shape: []int{nx, nx}, data: rows.im},
		{shape: []int{2, ny, nx}, data: start}, {shape: []int{1, 1, 1}, data: weights},
	}
	if f.coils > 0 {
		f.inputs = append(f.inputs, input{shape: []int{f.coils, 2, ny, nx}, data: maps})
	}
	if f.points {
		f.inputs = append(f.inputs, input{shape: []int{1, ny, ny}, data: columns.re}, input{shape: []int{1, ny, ny}, data: columns.im},
			input{shape: []int{1, 1, ny, nx}, data: points})
	}
	return f, nil
}

// matrices are the real and imaginary parts of complex ones, one after another.
type matrices struct{ re, im []float32 }

func (m *matrices) append(p []complex64, n int) {
	planes := appendPlanes(nil, kspace.Image{Ny: n, Nx: n, Pix: p})
	m.re, m.im = append(m.re, planes[:n*n]...), append(m.im, planes[n*n:]...)
}

func appendPlanes(planes []float32, x kspace.Image) []float32 {
	n := len(planes)
	planes = append(planes, make([]float32, 2*x.Ny*x.Nx)...)
	x.Planes(planes[n:], x.Ny, x.Nx)
	return planes
}

func (f *physics) declare(b *builder) {
	f.names = nil
	for _, in := range f.inputs {
		f.names = append(f.names, b.input(in.shape, in.data))
	}
}

// project records x + λ Aᴴ y − λ Aᴴ A x.
func (f *physics) project(b *builder, x string) string {
	var normal string
	if f.coils > 0 {
		normal = f.normal(b, x)
	} else {
		normal = f.rows(b, x, "Add", 1, 2, f.ny, f.nx)
	}
	return b.op("Sub", b.op("Add", x, f.names[2]), b.op("Mul", normal, f.names[3]))
}

// normal records Σ_c S_c* N(S_c x), N being what the mask does to the image of one coil; coil images are (n, nc, 2, ny, nx).
func (f *physics) normal(b *builder, x string) string {
	maps := f.names[4]
	x = b.op("Unsqueeze", x, b.ints(1))
	y := b.op("Add", b.op("Mul", x, part(b, maps, 0)), b.op("Mul", turn(b, x, 2), part(b, maps, 1)))
	rows := func(sign string) { y = f.rows(b, y, sign, 2, f.coils, 2, f.ny, f.nx) }
	rows("Add")
	if f.points {
		y = f.columns(b, y, "Add")
		y = b.op("Mul", y, f.names[7])
		y = f.columns(b, y, "Sub")
		rows("Sub")
	}
	y = b.op("Sub", b.op("Mul", y, part(b, maps, 0)), b.op("Mul", turn(b, y, 2), part(b, maps, 1)))
	return b.opInt("ReduceSum", "keepdims", 0, y, b.ints(1))
}

// rows records x P, the complex product along phase encode of every row of an image, whose axes are given; axis is that of the
// two planes. sign is Add, or Sub for the conjugate of P.
func (f *physics) rows(b *builder, x, sign string, axis int, axes ...int) string {
	product := func(x, p string) string { return b.op("MatMul", b.op("Reshape", x, b.ints(0, -1, f.nx)), p) }
	sum := b.op(sign, product(x, f.names[0]), product(turn(b, x, axis), f.names[1]))
	return b.op("Reshape", sum, b.ints(append([]int{0}, axes...)...))
}

// columns records F x, the same along the other axis of coil images.
func (f *physics) columns(b *builder, x, sign string) string {
	product := func(p, x string) string { return b.op("MatMul", p, b.op("Reshape", x, b.ints(0, -1, f.ny, f.nx))) }
	sum := b.op(sign, product(f.names[5], x), product(f.names[6], turn(b, x, 2)))
	return b.op("Reshape", sum, b.ints(0, f.coils, 2, f.ny, f.nx))
}

// turn records ix: planes (re, im) → (−im, re).
func turn(b *builder, x string, axis int) string {
	return b.op("Mul", b.opInt("Gather", "axis", axis, x, b.ints(1, 0)), b.floats([]float32{-1, 1}, 2, 1, 1))
}

// part records the real (0) or imaginary (1) plane of maps, which stays an axis.
func part(b *builder, maps string, plane int) string {
	return b.opInt("Gather", "axis", 2, maps, b.ints(plane))
}
