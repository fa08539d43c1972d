package dicomio

import (
	"encoding/binary"
	"slices"
)

// LittleEndian returns the value of an element of this data set as Explicit VR Little Endian has it; nil for compressed pixels. It
// shares memory with the element unless the file is big endian.
func (d DataSet) LittleEndian(e Element) []byte {
	if d.order != byteOrder(binary.BigEndian) {
		return e.Value
	}
	return swapped(e.Value, widths[e.VR])
}

// widths are the bytes of one number of a VR whose values depend on the byte order (PS3.5 table 6.2-1, 7.3).
var widths = map[string]int{
	"AT": 2, "OW": 2, "SS": 2, "US": 2,
	"FL": 4, "OF": 4, "OL": 4, "SL": 4, "UL": 4,
	"FD": 8, "OD": 8, "OV": 8, "SV": 8, "UV": 8,
}

// swapped returns values of some bytes each in the other byte order.
func swapped(values []byte, width int) []byte {
	out := slices.Clone(values)
	for b := out; width > 1 && len(b) >= width; b = b[width:] {
		slices.Reverse(b[:width])
	}
	return out
}
