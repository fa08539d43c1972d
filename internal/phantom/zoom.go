package phantom

import (
	"github.com/closer-mri/closer/kspace"
)

// zoom transforms an image that is drawn factor times finer than the scan's pixels to the scan's k-space: zeros around the image
// up to the acquired field of view, a centred Fourier transform, the central (ny, nx) of it. Rows first, then only the columns
// that are kept.
type zoom struct {
	ny, nx, factor int
	rows, cols     *kspace.FFT
	line           []complex64
}

func newZoom(ny, nx, factor int) *zoom {
	return &zoom{ny, nx, factor, kspace.NewFFT(factor * nx), kspace.NewFFT(factor * ny), make([]complex64, factor*max(ny, nx))}
}

// forward overwrites dst (ny, nx). A constant keeps its value: the image that the inverse transform of dst gives has src's units.
func (z *zoom) forward(dst, src kspace.Image) {
	half := kspace.NewImage(src.Ny, z.nx) // rows transformed
	wide := kspace.Image{Ny: 1, Nx: z.factor * z.nx, Pix: z.line[:z.factor*z.nx]}
	for y := range src.Ny {
		row := kspace.Image{Ny: 1, Nx: src.Nx, Pix: src.Pix[y*src.Nx : (y+1)*src.Nx]}
		if empty(row.Pix) {
			continue
		}
		kspace.CenterCrop(wide, row)
		z.rows.Forward(wide.Pix, wide.Pix, 1)
		kspace.CenterCrop(kspace.Image{Ny: 1, Nx: z.nx, Pix: half.Pix[y*z.nx : (y+1)*z.nx]}, wide)
	}
	tall := kspace.Image{Ny: z.factor * z.ny, Nx: 1, Pix: z.line[:z.factor*z.ny]}
	column, kept := kspace.NewImage(src.Ny, 1), kspace.NewImage(z.ny, 1)
	for x := range z.nx {
		for y := range src.Ny {
			column.Pix[y] = half.Pix[y*z.nx+x]
		}
		kspace.CenterCrop(tall, column)
		z.cols.Forward(tall.Pix, tall.Pix, 1)
		kspace.CenterCrop(kept, tall)
		for y, v := range kept.Pix {
			dst.Pix[y*z.nx+x] = v
		}
	}
	kspace.Scale(dst.Pix, 1/float32(z.factor))
}

func empty(v []complex64) bool {
	for _, c := range v {
		if c != 0 {
			return false
		}
	}
	return true
}

// fit returns x as a square of a multiple of matrix pixels: x itself where it is one already, else padded to a square and resampled
// to matrix in k-space.
func fit(x kspace.Image, matrix int) kspace.Image {
	if x.Ny == x.Nx && x.Ny%matrix == 0 {
		return x
	}
	n := max(x.Ny, x.Nx)
	square := kspace.NewImage(n, n)
	kspace.CenterCrop(square, x)
	kspace.NewFFT2(n, n).Forward(square.Pix, square.Pix)
	out := kspace.NewImage(matrix, matrix)
	kspace.CenterCrop(out, square)
	kspace.NewFFT2(matrix, matrix).Inverse(out.Pix, out.Pix)
	kspace.Scale(out.Pix, float32(matrix)/float32(n))
	return out
}
