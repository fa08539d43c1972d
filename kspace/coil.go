package kspace

import "math"

// RSS writes the root sum of squares over coils of coil images (nc, ny, nx) to dst and returns it; a nil dst is allocated.
func RSS(dst []float32, coils Data) []float32 {
	n := coils.Ny * coils.Nx
	if dst == nil {
		dst = make([]float32, n)
	}
	for i := range n {
		var sum float64
		for c := range coils.Nc {
			v := coils.Val[c*n+i]
			sum += float64(real(v))*float64(real(v)) + float64(imag(v))*float64(imag(v))
		}
		dst[i] = float32(math.Sqrt(sum))
	}
	return dst
}

// strongest returns the coil with most energy.
func strongest(coils Data) (best int) {
	var top float64
	for c := range coils.Nc {
		if n := Norm(coils.Coil(c).Pix); n > top {
			best, top = c, n
		}
	}
	return best
}

func phase(v complex128) complex128 {
	if m := math.Hypot(real(v), imag(v)); m > 0 {
		return v / complex(m, 0)
	}
	return 1
}
