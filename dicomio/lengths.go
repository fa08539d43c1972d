package dicomio

import (
	"encoding/binary"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// explicitLengths returns a file in Explicit VR Little Endian with the lengths of its sequences and items, which the library leaves
// undefined. Both are valid, but DCMTK, and so many archives, encode anew what comes by C-STORE, and do it in this way: an object
// that is encoded so already comes back with the same bytes.
func explicitLengths(file []byte) ([]byte, error) {
	w := walker{data: file, syntax: syntax{order: binary.LittleEndian}}
	const start = preamble + len("DICM")
	out := append(make([]byte, 0, len(file)), file[:start]...)
	out, _, err := w.explicit(out, start, len(file))
	return out, err
}

// explicit appends the elements of data[pos:end], up to the delimiter of an item, and returns where they ended.
func (w *walker) explicit(out []byte, pos, end int) ([]byte, int, error) {
	for pos < end {
		e, err := w.header(pos, end)
		switch {
		case err != nil:
			return nil, 0, err
		case e.tag == tag.ItemDelimitationItem:
			return out, e.end, nil
		case e.vr != "SQ":
			out, pos = append(out, w.data[e.start:e.end]...), e.end
			continue
		}
		out = append(out, w.data[e.start:e.value]...)
		sequence := len(out)
		for pos = e.value; ; {
			item, err := w.header(pos, end)
			if err != nil {
				return nil, 0, err
			}
			if item.tag == tag.SequenceDelimitationItem {
				pos = item.end
				break
			}
			out = append(out, w.data[item.start:item.value]...)
			start := len(out)
			if out, pos, err = w.explicit(out, item.value, end); err != nil {
				return nil, 0, err
			}
			setLength(out, start)
		}
		setLength(out, sequence)
	}
	return out, pos, nil
}

// setLength writes the length of all from start on into the four bytes before it.
func setLength(out []byte, start int) {
	binary.LittleEndian.PutUint32(out[start-4:], uint32(len(out)-start))
}
