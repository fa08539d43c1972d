package dicomio

import "encoding/binary"

const rleHeader = 64 // bytes: number of segments and 15 offsets (PS3.5 G.5)

var errRLE = refuse("the DICOM file is damaged: its RLE compressed pixels do not hold what they say")

// unpackFrames decompresses RLE Lossless frames (PS3.5 annex G) of one sample a pixel to little endian.
func unpackFrames(f pixelFormat, streams [][]byte) ([]byte, error) {
	frame := f.rows * f.cols * f.allocated / 8
	raw := make([]byte, frame*f.frames)
	for i, stream := range streams {
		if err := unpackFrame(raw[i*frame:(i+1)*frame], f.allocated/8, stream); err != nil {
			return nil, err
		}
	}
	return raw, nil
}

// unpackFrame fills dst, pixels of width bytes, from the segments of stream: one for each byte of a pixel, the highest first.
func unpackFrame(dst []byte, width int, stream []byte) error {
	if len(stream) < rleHeader || binary.LittleEndian.Uint32(stream) != uint32(width) {
		return errRLE
	}
	begin := uint32(rleHeader)
	for segment := range width {
		end := uint32(len(stream))
		if segment+1 < width {
			end = binary.LittleEndian.Uint32(stream[4*(segment+2):])
		}
		if at := binary.LittleEndian.Uint32(stream[4*(segment+1):]); at != begin || end < begin || end > uint32(len(stream)) {
			return errRLE
		}
		if !unpackBits(dst, width-1-segment, width, stream[begin:end]) {
			return errRLE
		}
		begin = end
	}
	return nil
}

// unpackBits expands PackBits runs (PS3.5 G.3) into every step-th byte of dst from the one at pos on, and reports whether they
// filled it just so. Behind them there may be padding.
func unpackBits(dst []byte, pos, step int, src []byte) bool {
	for pos < len(dst) {
		if len(src) < 2 {
			return false
		}
		switch n := int(int8(src[0])); {
		case n >= 0:
			n++
			if n > len(src)-1 || n > (len(dst)-pos+step-1)/step {
				return false
			}
			for _, b := range src[1 : 1+n] {
				dst[pos] = b
				pos += step
			}
			src = src[1+n:]
		case n == -128: // nothing
			src = src[1:]
		default:
			n = 1 - n
			if n > (len(dst)-pos+step-1)/step {
				return false
			}
			for range n {
				dst[pos] = src[1]
				pos += step
			}
			src = src[2:]
		}
	}
	return true
}
