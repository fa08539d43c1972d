package dicomio

import (
	"encoding/binary"
	"slices"
)

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

// withoutComments returns compressed pixels whose code streams have their comments and application data blanked: some encoders write
// there what they know of the image. Every length stays.
func withoutComments(encapsulated []byte) []byte {
	if encapsulated == nil {
		return nil
	}
	out := slices.Clone(encapsulated)
	for rest := out; len(rest) >= 8; {
		n := min(int64(binary.LittleEndian.Uint32(rest[4:])), int64(len(rest)-8)) // the walker has checked it
		blankComments(rest[8 : 8+n])
		rest = rest[8+n:]
	}
	return out
}

// blankComments blanks COM and APPn segments in the head of a JPEG or JPEG-LS stream, COM of a JPEG 2000 one.
func blankComments(stream []byte) {
	be := binary.BigEndian
	if len(stream) < 2 || be.Uint16(stream) != 0xFFD8 && be.Uint16(stream) != 0xFF4F {
		return
	}
	isJPEG := stream[1] == 0xD8
	for stream = stream[2:]; len(stream) >= 4 && stream[0] == 0xFF; {
		marker, length := stream[1], int(be.Uint16(stream[2:]))
		switch {
		case marker == 0xFF:
			stream = stream[1:]
			continue
		case marker == 0xDA && isJPEG, marker == 0x90 && !isJPEG, length < 2, length+2 > len(stream): // SOS, SOT
			return
		// APP8 of a JPEG-LS stream may say how its colors are coded.
		case isJPEG && (marker == 0xFE || marker >= 0xE0 && marker <= 0xEF && marker != 0xE8):
			clear(stream[4 : 2+length])
		case !isJPEG && marker == 0x64:
			clear(stream[min(6, 2+length) : 2+length]) // behind the kind of text
		}
		stream = stream[2+length:]
	}
}
