package fastmri

import (
	"encoding/binary"
	"io"
	"unsafe"
)

// The conversation of parent and child, all little-endian:
//
//	child   frame of the layout (JSON), or a refusal
//	parent  uint32 slice index, again and again; closing stdin ends the child
//	child   frame of length 0, then k-space (C, H, W) and calibration lines (C, H, columns) as complex64 and the reference (h, w) as
//	        float32, empty where there are none; or a refusal
//
// A frame is one byte (frameOK or frameRefused), the uint32 length of its payload, and the payload.
const (
	frameOK      = 0
	frameRefused = 1

	maxFrame = 16 << 20 // maxMasks in base64 are 11 MiB
)

func writeFrame(w io.Writer, kind byte, payload []byte) error {
	head := make([]byte, 5, 5+len(payload))
	head[0] = kind
	binary.LittleEndian.PutUint32(head[1:], uint32(len(payload)))
	_, err := w.Write(append(head, payload...))
	return err
}

// readFrame returns the payload of the next frame; a refusal is returned as an error of type refusal.
func readFrame(r io.Reader) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[1:])
	if head[0] > frameRefused || n > maxFrame {
		return nil, errProtocol
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, err
	}
	if head[0] == frameRefused {
		return nil, refusal(printable(string(payload[:min(n, 1024)])))
	}
	return payload, nil
}

// bytesOf views complex64 or float32 values as their bytes; every machine we run on is little-endian, as the wire is.
func bytesOf[T complex64 | float32](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))
}
