package dicomio

import (
	"context"
	"encoding/binary"
)

// ExplicitLittleEndian is the transfer syntax of RawFrames.
const ExplicitLittleEndian = "1.2.840.10008.1.2.1"

// Compressed reports whether the pixels of a transfer syntax are compressed.
func Compressed(transferSyntax string) bool { return syntaxes[transferSyntax].encoding != native }

// Streams returns the compressed frames of a Part 10 file whose transfer syntax is Compressed, as they are in it. Every error is an
// *recon.Error with code Invalid.
func Streams(file []byte) ([][]byte, error) {
	_, streams, err := pixelsOf(file, func(w *walker, format pixelFormat) ([][]byte, error) { return w.streams(format.frames) })
	return streams, err
}

// RawFrames returns the stored values of each frame of a Part 10 file, little endian, decompressed if need be: JPEG, JPEG-LS and JPEG
// 2000 by gdcmconv in a sandbox of its own. Every error is an *recon.Error; Invalid when the file is damaged, no gray-scale image or
// cannot be decoded.
func RawFrames(ctx context.Context, file []byte) ([][]byte, error) {
	format, whole, err := pixelsOf(file, func(w *walker, format pixelFormat) ([][]byte, error) {
		raw, err := w.plainPixels(format, func(object []byte) ([]byte, error) { return decompress(ctx, object) })
		return [][]byte{raw}, err
	})
	if err != nil {
		return nil, err
	}
	raw := whole[0]
	if format.allocated == 16 && format.order == byteOrder(binary.BigEndian) {
		raw = swapped(raw, 2)
	}
	size := format.rows * format.cols * format.allocated / 8
	frames := make([][]byte, format.frames)
	for i := range frames {
		frames[i] = raw[i*size : (i+1)*size]
	}
	return frames, nil
}

// pixelsOf checks a file and gives its pixels to read.
func pixelsOf(file []byte, read func(*walker, pixelFormat) ([][]byte, error)) (format pixelFormat, out [][]byte, err error) {
	defer func() {
		if recover() != nil {
			out, err = nil, refuse("the DICOM file is damaged and cannot be read")
		}
	}()
	w, a, err := examine(file)
	if err == nil {
		format, err = newPixelFormat(a, w.syntax.order)
	}
	if err != nil {
		return format, nil, err
	}
	out, err = read(w, format)
	return format, out, err
}

// ParseAny is Parse for pixels of every transfer syntax that is read.
func ParseAny(ctx context.Context, file []byte) (Instance, error) {
	return parse(file, func(object []byte) ([]byte, error) { return decompress(ctx, object) })
}
