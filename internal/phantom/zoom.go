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
}

func newZoom(ny, nx, factor int) *zoom {
	return &zoom{ny, nx, factor, kspace.NewFFT(factor * nx), kspace.NewFFT(factor * ny)}
}

// forward overwrites dst (ny, nx). A constant keeps its value: the image that the inverse transform of dst gives has src's units.
func (z *zoom) forward(dst, src kspace.Image) {
	wide, tall := kspace.NewImage(src.Ny, z.factor*z.nx), kspace.NewImage(z.factor*z.ny, z.nx)
	kspace.CenterCrop(wide, src)
	z.rows.Forward(wide.Pix, wide.Pix, wide.Ny, 1, wide.Nx)
	kspace.CenterCrop(tall, wide)
	z.cols.Forward(tall.Pix, tall.Pix, tall.Nx, tall.Nx, 1)
	kspace.CenterCrop(dst, tall)
	kspace.Scale(dst.Pix, 1/float32(z.factor))
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
