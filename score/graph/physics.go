package graph

import (
	"errors"

	"github.com/closer-mri/closer/kspace"
)

// physics is data consistency x ← x + λ Aᴴ(y − A x) without a Fourier transform in the loop. A 1-D mask acts on phase encode
// alone, so that for one coil Aᴴ A x = x P with P = F M Fᴴ (nx, nx), and for several Σ_c S_c* ((S_c x) P).
type physics struct {
	inputs []input // real and imaginary part of P, λ Aᴴ y, λ and, for several coils, S
	coils  int     // 0 for one, which has no map
	ny, nx int
	names  []string
}

// newPhysics takes the measurements of a batch, each with a mask of its own.
func newPhysics(batch []kspace.Measurement, lambda float64) (*physics, error) {
	_, maps, err := system(batch[0].A)
	if err != nil {
		return nil, err
	}
	_, ny, nx := batch[0].A.Shape()
	nc := maps.Nc
	var re, im, start, weights, s []float32
	x, p := kspace.NewImage(ny, nx), make([]float32, 2*nx*nx)
	for _, m := range batch {
		mask, maps, err := system(m.A)
		if err != nil {
			return nil, err
		}
		if c, h, w := m.A.Shape(); h != ny || w != nx || maps.Nc != nc || c != m.Y.Nc {
			return nil, errors.New("the slices of a batch differ in shape or coils")
		}
		kspace.Image{Ny: nx, Nx: nx, Pix: mask.Projector()}.Planes(p, nx, nx)
		re, im = append(re, p[:nx*nx]...), append(im, p[nx*nx:]...)
		m.A.Adjoint(x, m.Y)
		kspace.Scale(x.Pix, float32(lambda))
		start = appendPlanes(start, x)
		weights = append(weights, float32(lambda))
		for c := range nc {
			s = appendPlanes(s, maps.Coil(c))
		}
	}
	f := &physics{ny: ny, nx: nx, coils: nc, inputs: []input{
		{shape: []int{nx, nx}, data: re}, {shape: []int{nx, nx}, data: im},
		{shape: []int{2, ny, nx}, data: start}, {shape: []int{1, 1, 1}, data: weights},
	}}
	if nc > 0 {
		f.inputs = append(f.inputs, input{shape: []int{nc, 2, ny, nx}, data: s})
	}
	return f, nil
}

func appendPlanes(planes []float32, x kspace.Image) []float32 {
	n := len(planes)
	planes = append(planes, make([]float32, 2*x.Ny*x.Nx)...)
	x.Planes(planes[n:], x.Ny, x.Nx)
	return planes
}

// system returns the mask and the maps of an operator; one coil has no maps.
func system(a kspace.Operator) (kspace.Mask, kspace.Data, error) {
	switch a := a.(type) {
	case *kspace.Cartesian:
		return a.Mask(), kspace.Data{}, nil
	case *kspace.Sense:
		return a.Mask(), a.Maps(), nil
	}
	return nil, kspace.Data{}, errors.New("only Cartesian sampling with a 1-D mask can be recorded")
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
		normal = f.rows(b, x, 1, 2, f.ny, f.nx)
	}
	return b.op("Sub", b.op("Add", x, f.names[2]), b.op("Mul", normal, f.names[3]))
}

// normal records Σ_c S_c* ((S_c x) P); coil images are (n, nc, 2, ny, nx).
func (f *physics) normal(b *builder, x string) string {
	maps := f.names[4]
	x = b.op("Unsqueeze", x, b.ints(1))
	y := f.rows(b, b.op("Add", b.op("Mul", x, part(b, maps, 0)), b.op("Mul", turn(b, x, 2), part(b, maps, 1))), 2, f.coils, 2, f.ny, f.nx)
	y = b.op("Sub", b.op("Mul", y, part(b, maps, 0)), b.op("Mul", turn(b, y, 2), part(b, maps, 1)))
	return b.opInt("ReduceSum", "keepdims", 0, y, b.ints(1))
}

// rows records x P, the complex product along phase encode of every row of an image, whose axes are given; axis is that of the
// two planes.
func (f *physics) rows(b *builder, x string, axis int, axes ...int) string {
	product := func(x, p string) string { return b.op("MatMul", b.op("Reshape", x, b.ints(0, -1, f.nx)), p) }
	sum := b.op("Add", product(x, f.names[0]), product(turn(b, x, axis), f.names[1]))
	return b.op("Reshape", sum, b.ints(append([]int{0}, axes...)...))
}

// turn records ix: planes (re, im) → (−im, re).
func turn(b *builder, x string, axis int) string {
	return b.op("Mul", b.opInt("Gather", "axis", axis, x, b.ints(1, 0)), b.floats([]float32{-1, 1}, 2, 1, 1))
}

// part records the real (0) or imaginary (1) plane of maps, which stays an axis.
func part(b *builder, maps string, plane int) string {
	return b.opInt("Gather", "axis", 2, maps, b.ints(plane))
}
