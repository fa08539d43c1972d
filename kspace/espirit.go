package kspace

import (
	"math"
	"math/cmplx"
)

// covariance is that of the samples of a neighbourhood, (n, n) with n = nc·ny·nx, over all neighbourhoods of the centre: its lower triangle.
func (c calibration) covariance() (r []complex128, n int) {
	n = c.k.Nc * c.ny * c.nx
	across, down := c.k.Nx-c.nx+1, c.k.Ny-c.ny+1
	samples := make([]complex128, n*across*down) // of each place in the neighbourhood, one neighbourhood after the other
	for i := range n {
		coil, dy, dx := c.k.Coil(i/(c.ny*c.nx)).Pix, i/c.nx%c.ny, i%c.nx
		to := samples[i*across*down:]
		for y := range down {
			for x := range across {
				to[y*across+x] = complex128(coil[(y+dy)*c.k.Nx+x+dx])
			}
		}
	}
	r = make([]complex128, n*n)
	Parallel(min(n, Processors()), n, func(_, from, to int) {
		for i := from; i < to; i++ {
			a := samples[i*across*down : (i+1)*across*down]
			for j := range i + 1 {
				var re, im float64
				for k, v := range samples[j*across*down : (j+1)*across*down] {
					re += real(a[k])*real(v) + imag(a[k])*imag(v)
					im += imag(a[k])*real(v) - real(a[k])*imag(v)
				}
				r[i*n+j] = complex(re, im)
			}
		}
	})
	return r, n
}

// projection is onto what the neighbourhoods have in common, (n, n): R (R + λ)⁻¹ = 1 - λ (R + λ)⁻¹ of their covariance R.
func (c calibration) projection() []complex128 {
	r, n := c.covariance()
	var energy float64
	for i := range n {
		energy += real(r[i*n+i])
	}
	if energy == 0 {
		return r
	}
	noise := complex(mapsNoise*energy, 0)
	for i := range n {
		r[i*n+i] += noise
	}
	invert(r, n)
	for i := range n {
		for j := range i + 1 {
			v := -noise * r[i*n+j]
			if i == j {
				v++
			}
			r[i*n+j], r[j*n+i] = v, cmplx.Conj(v)
		}
	}
	return r
}

// invert makes the lower triangle of a positive definite Hermitian matrix (n, n) that of its inverse, by Cholesky's factor L: L⁻ᴴL⁻¹.
func invert(a []complex128, n int) {
	for j := range n { // L
		for k := range j {
			turn := cmplx.Conj(a[j*n+k])
			for i := j; i < n; i++ {
				a[i*n+j] -= a[i*n+k] * turn
			}
		}
		scale := complex(1/math.Sqrt(real(a[j*n+j])), 0)
		for i := j; i < n; i++ {
			a[i*n+j] *= scale
		}
	}
	for j := range n { // L⁻¹, a column at a time
		a[j*n+j] = 1 / a[j*n+j]
		for i := j + 1; i < n; i++ {
			var sum complex128
			for k := j; k < i; k++ {
				sum += a[i*n+k] * a[k*n+j]
			}
			a[i*n+j] = -sum / a[i*n+i]
		}
	}
	for i := range n {
		for j := range i + 1 {
			var sum complex128
			for k := i; k < n; k++ {
				sum += cmplx.Conj(a[k*n+i]) * a[k*n+j]
			}
			a[i*n+j] = sum
		}
	}
}

// filter is what the projection, done at every place of k-space, is: a convolution from coils to coils, which in the image is a Hermitian matrix
// at each pixel. Values are (2ny-1, 2nx-1, pairs), where pairs are the coils a ≥ b.
type filter struct {
	values        []complex128
	ny, nx, pairs int
}

func (c calibration) filter() filter {
	nc, ny, nx := c.k.Nc, c.ny, c.nx
	f := filter{ny: ny, nx: nx, pairs: nc * (nc + 1) / 2}
	f.values = make([]complex128, (2*ny-1)*(2*nx-1)*f.pairs)
	p, n := c.projection(), nc*ny*nx
	for a := range nc {
		for b := range a + 1 {
			for i := range ny * nx {
				for j := range ny * nx {
					dy, dx := i/nx-j/nx+ny-1, i%nx-j%nx+nx-1
					f.values[(dy*(2*nx-1)+dx)*f.pairs+a*(a+1)/2+b] += p[(a*ny*nx+i)*n+b*ny*nx+j]
				}
			}
		}
	}
	return f
}

// wave is exp(2πi d·(i-n/2)/n): what a sample d off in k-space is at index i of n.
func wave(d, i, n int) complex128 {
	return cmplx.Rect(1, 2*math.Pi*float64(d*(i-n/2))/float64(n))
}

// filterLine is the filter in one row of the image, (2nx-1, pairs), and nowhere yet along it.
type filterLine struct {
	values    []complex128
	nx, pairs int
}

func (f filter) line() filterLine {
	return filterLine{make([]complex128, (2*f.nx-1)*f.pairs), f.nx, f.pairs}
}

// atRow makes line that of row of ny.
func (f filter) atRow(line filterLine, row, ny int) {
	clear(line.values)
	for dy := range 2*f.ny - 1 {
		turn := wave(dy-f.ny+1, row, ny)
		for i, v := range f.values[dy*len(line.values) : (dy+1)*len(line.values)] {
			line.values[i] += turn * v
		}
	}
}

// atColumn writes the lower triangle of the matrix at column x of nx to dst (pairs).
func (l filterLine) atColumn(dst []complex128, x, nx int) {
	clear(dst)
	for dx := range 2*l.nx - 1 {
		turn := wave(dx-l.nx+1, x, nx)
		for i, v := range l.values[dx*l.pairs : (dx+1)*l.pairs] {
			dst[i] += turn * v
		}
	}
}
