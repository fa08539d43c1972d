package dicomio

import (
	"strconv"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// pixelFormat is how one pixel is stored (PS3.5 8.1.1).
type pixelFormat struct {
	rows, cols, frames        int
	allocated, stored, high   int // bits
	signed                    bool
	order                     byteOrder
	samples                   int
	photometricInterpretation string
}

// newPixelFormat reads the image pixel module (PS3.3 C.7.6.3).
func newPixelFormat(a attributes, order byteOrder) (pixelFormat, error) {
	f := pixelFormat{order: order, photometricInterpretation: a.text(tag.PhotometricInterpretation)}
	var representation int
	for _, field := range []struct {
		dst                *int
		tag                tag.Tag
		missing, low, high int
	}{
		{&f.samples, tag.SamplesPerPixel, 1, 1, 4},
		{&f.rows, tag.Rows, 0, 1, 65535},
		{&f.cols, tag.Columns, 0, 1, 65535},
		{&f.frames, tag.NumberOfFrames, 1, 1, 65535},
		{&f.allocated, tag.BitsAllocated, 0, 1, 64},
		{&f.stored, tag.BitsStored, 0, 1, 64},
		{&f.high, tag.HighBit, 0, 0, 63},
		{&representation, tag.PixelRepresentation, 0, 0, 1},
	} {
		v, err := a.integer(field.tag, field.missing, field.low, field.high)
		if err != nil {
			return f, err
		}
		*field.dst = v
	}
	f.signed = representation == 1
	switch {
	case f.samples != 1 || f.photometricInterpretation != "MONOCHROME2":
		return f, refuse("the DICOM file is not a gray-scale image (MONOCHROME2)")
	case f.allocated != 8 && f.allocated != 16:
		return f, refuse("the DICOM file has pixels of %d bit; 8 and 16 are supported", f.allocated)
	case f.stored > f.high+1 || f.high >= f.allocated:
		return f, refuse("the DICOM file is damaged: %d bits up to bit %d do not fit in %d", f.stored, f.high, f.allocated)
	}
	return f, nil
}

// size returns the bytes that all frames take. As a 64 bit number it cannot overflow: 2^16 · 2^16 · 2^16 · 2.
func (f pixelFormat) size() int64 {
	return int64(f.rows) * int64(f.cols) * int64(f.frames) * int64(f.allocated/8)
}

// check refuses pixels that are not just what the format says.
func (f pixelFormat) check(raw []byte) error {
	if have, need := int64(len(raw)), f.size(); have != need && have != need+need%2 {
		return refuse("the DICOM file is damaged: %d bytes of pixels where %d frames of %d by %d need %d", have, f.frames, f.rows, f.cols, need)
	}
	return nil
}

// frame returns frame i of raw as slope·v + intercept.
func (f pixelFormat) frame(raw []byte, i int, slope, intercept float64) []float32 {
	n := f.rows * f.cols
	pixels := make([]float32, n)
	bytes := f.allocated / 8
	raw = raw[i*n*bytes:]
	low := f.high + 1 - f.stored
	for k := range pixels {
		var v uint16
		if bytes == 1 {
			v = uint16(raw[k])
		} else {
			v = f.order.Uint16(raw[2*k:])
		}
		// Shift the stored bits to the top and back: other bits, which may hold overlays, go, and a sign spreads.
		var value int
		if top := v << (16 - f.stored - low); f.signed {
			value = int(int16(top) >> (16 - f.stored))
		} else {
			value = int(top >> (16 - f.stored))
		}
		pixels[k] = float32(slope*float64(value) + intercept)
	}
	return pixels
}

// numberOfFrames and representation are the values of the elements of that name.
func (f pixelFormat) numberOfFrames() []byte {
	text := strconv.Itoa(f.frames)
	return []byte(text + strings.Repeat(" ", len(text)%2))
}

func (f pixelFormat) representation() int {
	if f.signed {
		return 1
	}
	return 0
}
