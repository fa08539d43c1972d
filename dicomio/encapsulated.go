package dicomio

import (
	"encoding/binary"
	"slices"

	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/uid"
)

// maxFragments bounds the pieces of compressed pixels of one file.
const maxFragments = 1 << 18

// encapsulated reads the items of compressed pixels, the offset table first, and returns where they ended (PS3.5 A.4).
func (w *walker) encapsulated(pos, end int) (int, error) {
	for first := true; pos < end; first = false {
		item, err := w.header(pos, end)
		switch {
		case err != nil:
			return 0, err
		case item.tag == tag.SequenceDelimitationItem && !first:
			return item.end, nil
		case item.tag != tag.Item || item.undefined:
			return 0, refuse("the DICOM file is damaged: its compressed pixels hold something that is not a fragment")
		case first:
			w.offsets = w.data[item.value:item.end]
		case len(w.fragments) == maxFragments:
			return 0, refuse("the DICOM file's compressed pixels have more than %d fragments", maxFragments)
		default:
			w.fragments = append(w.fragments, item)
		}
		pos = item.end
	}
	return 0, errTruncated
}

// streams returns the compressed bytes of each frame. A frame may be in several fragments; the offset table, where it is needed
// to tell frames apart, says which begins a frame (PS3.5 A.4). No offset is followed: each must be the place of a fragment.
func (w *walker) streams(frames int) ([][]byte, error) {
	damaged := refuse("the DICOM file is damaged: its compressed pixels cannot be divided into %d frames", frames)
	if len(w.fragments) < frames {
		return nil, damaged
	}
	first := make([]bool, len(w.fragments)) // the fragment begins a frame
	first[0] = true
	switch {
	case frames == 1:
	case len(w.fragments) == frames:
		for i := range first {
			first[i] = true
		}
	case len(w.offsets) == 4*frames:
		fragment := 0
		for i := range frames {
			offset := int64(binary.LittleEndian.Uint32(w.offsets[4*i:]))
			for fragment < len(w.fragments) && int64(w.fragments[fragment].start-w.fragments[0].start) < offset {
				fragment++
			}
			if fragment == len(w.fragments) || int64(w.fragments[fragment].start-w.fragments[0].start) != offset || i > 0 && first[fragment] {
				return nil, damaged
			}
			first[fragment] = true
		}
	default:
		return nil, damaged
	}
	streams := make([][]byte, 0, frames)
	for i, f := range w.fragments {
		part := w.data[f.value:f.end:f.end]
		if first[i] {
			streams = append(streams, part)
		} else {
			streams[len(streams)-1] = append(streams[len(streams)-1], part...)
		}
	}
	return streams, nil
}

// maxDecoded bounds what n compressed bytes may decode to. Images of anything shrink to a tenth at best, RLE to a 64th; a small
// file that says it is a huge image would cost its decoder seconds for nothing, as decoders make up what a code stream lacks.
func maxDecoded(n int) int64 { return min(MaxFile, max(16<<20, 100*int64(n))) }

// plainPixels returns the pixels of all frames, decompressed if need be, just as many bytes as the format says.
func (w *walker) plainPixels(format pixelFormat, decode decoder) ([]byte, error) {
	if w.pixels == nil && w.fragments == nil {
		return nil, refuse("the DICOM file has no pixels")
	}
	if w.syntax.encoding == native {
		return w.pixels, format.check(w.pixels)
	}
	if format.size() > maxDecoded(len(w.data)) {
		return nil, refuse("the DICOM file's compressed pixels would take %d MiB", format.size()>>20)
	}
	streams, err := w.streams(format.frames)
	if err != nil {
		return nil, err
	}
	if w.syntax.encoding == rle {
		return unpackFrames(format, streams)
	}
	if decode == nil {
		return nil, refuse("the DICOM file's pixels are compressed (%s, %s)", compressed[w.syntax.name], w.syntax.name)
	}
	for _, s := range streams {
		if rows, cols, ok := streamSize(s); !ok || rows != int64(format.rows) || cols != int64(format.cols) {
			return nil, refuse("the DICOM file is damaged: its %s pixels are not frames of %d by %d", compressed[w.syntax.name], format.rows, format.cols)
		}
	}
	file, err := decode(object(w.syntax.name, format, streams))
	if err != nil {
		return nil, err
	}
	return decodedPixels(file, format)
}

// object is a DICOM file with nothing but compressed pixels: what a decoder must know, and nothing of a patient.
func object(syntaxUID string, f pixelFormat, streams [][]byte) []byte {
	file := make([]byte, preamble, preamble+1024)
	file = append(file, "DICM"...)
	ui := func(t tag.Tag, value string) {
		if len(value)%2 == 1 {
			value += "\x00"
		}
		file = appendShort(file, t, "UI", []byte(value))
	}
	us := func(t tag.Tag, value int) {
		file = appendShort(file, t, "US", binary.LittleEndian.AppendUint16(nil, uint16(value)))
	}
	meta := 8 + len(mrImageStorage) + len(mrImageStorage)%2 + 8 + len(syntaxUID) + len(syntaxUID)%2 + 8 + 4
	file = appendShort(file, tag.FileMetaInformationGroupLength, "UL", binary.LittleEndian.AppendUint32(nil, uint32(meta)))
	ui(tag.MediaStorageSOPClassUID, mrImageStorage)
	ui(tag.MediaStorageSOPInstanceUID, "1.2")
	ui(tag.TransferSyntaxUID, syntaxUID)
	ui(tag.SOPClassUID, mrImageStorage)
	ui(tag.SOPInstanceUID, "1.2")
	us(tag.SamplesPerPixel, 1)
	file = appendShort(file, tag.PhotometricInterpretation, "CS", []byte("MONOCHROME2 "))
	if f.frames > 1 {
		file = appendShort(file, tag.NumberOfFrames, "IS", f.numberOfFrames())
	}
	us(tag.Rows, f.rows)
	us(tag.Columns, f.cols)
	us(tag.BitsAllocated, f.allocated)
	us(tag.BitsStored, f.stored)
	us(tag.HighBit, f.high)
	us(tag.PixelRepresentation, f.representation())

	file = append(file, "\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\x00\x00\x00\x00"...)
	for _, s := range streams {
		file = append(file, "\xfe\xff\x00\xe0"...)
		file = binary.LittleEndian.AppendUint32(file, uint32(len(s)+len(s)%2))
		file = append(append(file, s...), make([]byte, len(s)%2)...)
	}
	return append(file, "\xfe\xff\xdd\xe0\x00\x00\x00\x00"...)
}

// appendShort appends an explicit little endian element with a length of 16 bit.
func appendShort(file []byte, t tag.Tag, vr string, value []byte) []byte {
	file = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(file, t.Group), t.Element)
	file = binary.LittleEndian.AppendUint16(append(file, vr...), uint16(len(value)))
	return append(file, value...)
}

// decodedPixels returns the pixels of a file that a decoder wrote, if they are what was asked for.
func decodedPixels(file []byte, want pixelFormat) ([]byte, error) {
	w, a, err := examine(file)
	if err != nil {
		return nil, err
	}
	got, err := newPixelFormat(a, w.syntax.order)
	if err != nil {
		return nil, err
	}
	if w.syntax.uid != uid.ExplicitVRLittleEndian || w.pixels == nil ||
		!slices.Equal([]int{got.rows, got.cols, got.frames, got.allocated}, []int{want.rows, want.cols, want.frames, want.allocated}) {
		return nil, refuse("the DICOM file is damaged: its compressed pixels are not %d frames of %d by %d of %d bit", want.frames, want.rows, want.cols, want.allocated)
	}
	return w.pixels, want.check(w.pixels)
}
