package kspace

import (
	"fmt"
	"math"
)

// Image is one complex image, shape (Ny, Nx), row-major: Ny readout, Nx phase encode.
type Image struct {
	Ny, Nx int
	Pix    []complex64
}

// NewImage returns a zeroed image.
func NewImage(ny, nx int) Image { return Image{ny, nx, make([]complex64, ny*nx)} }

// Clone returns a copy of x with its own pixels.
func (x Image) Clone() Image {
	return Image{x.Ny, x.Nx, append([]complex64(nil), x.Pix...)}
}

// Data is k-space of one slice (or its coil images), shape (Nc, Ny, Nx). Samples that were not acquired are 0.
type Data struct {
	Nc, Ny, Nx int
	Val        []complex64
}

// NewData returns zeroed k-space.
func NewData(nc, ny, nx int) Data { return Data{nc, ny, nx, make([]complex64, nc*ny*nx)} }

// Coil returns coil c as an image that shares memory with d.
func (d Data) Coil(c int) Image {
	n := d.Ny * d.Nx
	return Image{d.Ny, d.Nx, d.Val[c*n : (c+1)*n]}
}

// Resize sets the shape of d, reusing its memory where that suffices. The values are unspecified afterwards.
func (d *Data) Resize(nc, ny, nx int) {
	n := nc * ny * nx
	if cap(d.Val) < n {
		d.Val = make([]complex64, n)
	}
	d.Nc, d.Ny, d.Nx, d.Val = nc, ny, nx, d.Val[:n]
}

// Norm returns ‖v‖₂, accumulated in double precision.
func Norm(v []complex64) float64 {
	var sum float64
	for _, c := range v {
		re, im := float64(real(c)), float64(imag(c))
		sum += re*re + im*im
	}
	return math.Sqrt(sum)
}

func abs(c complex64) float64 { return math.Hypot(float64(real(c)), float64(imag(c))) }

// Scale multiplies v by s in place.
func Scale(v []complex64, s float32) {
	for i, c := range v {
		v[i] = complex(s*real(c), s*imag(c))
	}
}

// Add adds w·src to dst.
func Add(dst []complex64, w float32, src []complex64) {
	for i, v := range src {
		dst[i] += complex(w*real(v), w*imag(v))
	}
}

// Magnitude writes |x| to dst and returns it; a nil dst is allocated.
func (x Image) Magnitude(dst []float32) []float32 {
	if dst == nil {
		dst = make([]float32, len(x.Pix))
	}
	for i, c := range x.Pix {
		dst[i] = float32(abs(c))
	}
	return dst
}

// CenterCrop copies the central part of src into dst, zero outside src where dst is larger. Centre goes to centre:
// pixel (n/2) of one axis lands on pixel (n/2) of the other, so that cropping k-space keeps zero frequency in place.
// Images that fastMRI crops are for CropImage.
func CenterCrop(dst, src Image) { cropAt(dst, src, src.Ny/2-dst.Ny/2, src.Nx/2-dst.Nx/2) }

// CropImage copies the central part of src into dst as fastMRI's center_crop does: of pixels to drop from an axis, half are dropped
// before, rounded down. It is one pixel off CenterCrop where src is even and dst odd. Where dst is larger it undoes the crop of dst
// to src, with zeros around it.
func CropImage(dst, src Image) { cropAt(dst, src, (src.Ny-dst.Ny)/2, (src.Nx-dst.Nx)/2) }

// cropAt has pixel (oy, ox) of src land on pixel (0, 0) of dst.
func cropAt(dst, src Image, oy, ox int) {
	clear(dst.Pix)
	for y := max(0, -oy); y < min(dst.Ny, src.Ny-oy); y++ {
		x0, x1 := max(0, -ox), min(dst.Nx, src.Nx-ox)
		copy(dst.Pix[y*dst.Nx+x0:y*dst.Nx+x1], src.Pix[(y+oy)*src.Nx+x0+ox:(y+oy)*src.Nx+x1+ox])
	}
}

// RoundUp returns the smallest multiple of m that is not below n: the side a network wants for an image of side n.
func RoundUp(n, m int) int { return (n + m - 1) / m * m }

// Planes writes x as two planes (2, ny, nx), real then imaginary, padded with zeros at the bottom and right: the form in which
// networks take images. Planes panics when ny or nx is smaller than the image.
func (x Image) Planes(dst []float32, ny, nx int) {
	if ny < x.Ny || nx < x.Nx || len(dst) != 2*ny*nx {
		panic(fmt.Sprintf("kspace: planes (2, %d, %d) of %d values for image (%d, %d)", ny, nx, len(dst), x.Ny, x.Nx))
	}
	if ny > x.Ny || nx > x.Nx {
		clear(dst)
	}
	re, im := dst[:ny*nx], dst[ny*nx:]
	for y := range x.Ny {
		re, im := re[y*nx:][:x.Nx], im[y*nx:][:x.Nx]
		for i, c := range x.Pix[y*x.Nx:][:x.Nx] {
			re[i], im[i] = real(c), imag(c)
		}
	}
}

// SetPlanes is the inverse of Planes: it reads the top left (x.Ny, x.Nx) of src (2, ny, nx) into x.
func (x Image) SetPlanes(src []float32, ny, nx int) {
	if ny < x.Ny || nx < x.Nx || len(src) != 2*ny*nx {
		panic(fmt.Sprintf("kspace: planes (2, %d, %d) of %d values for image (%d, %d)", ny, nx, len(src), x.Ny, x.Nx))
	}
	re, im := src[:ny*nx], src[ny*nx:]
	for y := range x.Ny {
		row, re, im := x.Pix[y*x.Nx:][:x.Nx], re[y*nx:][:x.Nx], im[y*nx:][:x.Nx]
		for i := range row {
			row[i] = complex(re[i], im[i])
		}
	}
}
