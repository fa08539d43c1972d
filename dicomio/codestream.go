package dicomio

import "encoding/binary"

// streamSize returns the image size that the head of a JPEG, JPEG-LS or JPEG 2000 code stream declares, so that no decoder sees
// one that is not the file's. ok is false when there is no head.
func streamSize(stream []byte) (rows, cols int64, ok bool) {
	be := binary.BigEndian
	switch {
	case len(stream) >= 24 && be.Uint32(stream) == 0xFF4FFF51: // JPEG 2000: SOC, SIZ (ISO 15444-1 A.5.1)
		x, y, x0, y0 := be.Uint32(stream[8:]), be.Uint32(stream[12:]), be.Uint32(stream[16:]), be.Uint32(stream[20:])
		return int64(y) - int64(y0), int64(x) - int64(x0), true
	case len(stream) < 2 || be.Uint16(stream) != 0xFFD8: // JPEG: SOI
		return 0, 0, false
	}
	for stream = stream[2:]; len(stream) >= 9 && stream[0] == 0xFF; { // segments up to the frame header (ISO 10918-1 B.2.2)
		marker, length := stream[1], int(be.Uint16(stream[2:]))
		switch {
		case marker == 0xFF: // fill
			stream = stream[1:]
			continue
		case marker == 0xC3 || marker == 0xF7: // SOF3 lossless, SOF55 JPEG-LS
			return int64(be.Uint16(stream[5:])), int64(be.Uint16(stream[7:])), true
		case length+2 > len(stream) || length < 2:
			return 0, 0, false
		}
		stream = stream[length+2:]
	}
	return 0, 0, false
}
