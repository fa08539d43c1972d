package dicomio

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// DataSet is what a DICOM file says, element by element, apart from its file meta information.
type DataSet struct {
	TransferSyntax string // UID, as the file names it
	Elements       []Element

	order byteOrder
}

// Element is one element of a data set or of a sequence's item.
type Element struct {
	Tag    uint32 // group and element: 0x7FE00010 is PixelData
	VR     string
	Length int    // of the value in the file, in bytes
	Value  []byte // as encoded; nil when it is empty, left out for its length, or a sequence
	Items  []DataSet

	encapsulated []byte // compressed pixels with their items, where whole asks for them
}

// ReadDataSet reads one Part 10 file. Values of more than maxValue bytes and compressed pixels are left out: what stays shares no
// memory with the file. Lengths, nesting and the number of elements
// are bounded, and it never panics. Every error is an *recon.Error with code Invalid that quotes nothing of the file.
func ReadDataSet(file []byte, maxValue int) (DataSet, error) {
	return readDataSet(file, setReader{maxValue: maxValue})
}

func readDataSet(file []byte, r setReader) (DataSet, error) {
	if len(file) > MaxFile {
		return DataSet{}, refuse("the DICOM file is larger than %d MiB", MaxFile>>20)
	}
	s, data, err := split(file)
	if err != nil {
		return DataSet{}, err
	}
	r.walker = walker{data: data, syntax: s}
	set, _, err := r.set(0, len(data), 0, false)
	set.TransferSyntax = s.name
	return set, err
}

// setReader reads what a walker walks.
type setReader struct {
	walker
	maxValue int
	only     []tag.Tag // read at the top, each once, and everything else is checked and left out; nil is all
	whole    bool      // compressed pixels too, and values are parts of the file
}

// set reads the elements of data[pos:end] and returns where they ended: at end, or behind the delimiter when delimited.
func (r *setReader) set(pos, end, depth int, delimited bool) (DataSet, int, error) {
	set := DataSet{order: r.syntax.order}
	for pos < end {
		e, err := r.header(pos, end)
		if err != nil {
			return DataSet{}, 0, err
		}
		asked := r.only == nil || depth == 0 && slices.Contains(r.only, e.tag) && !set.has(e.tag.Uint32())
		out := Element{Tag: uint32(e.tag.Group)<<16 | uint32(e.tag.Element), VR: e.vr, Length: e.end - e.value}
		switch {
		case delimited && e.tag == tag.ItemDelimitationItem:
			return set, e.end, nil
		case e.tag.Group == 0xFFFE:
			return DataSet{}, 0, refuse("the DICOM file is damaged: a delimiter where none belongs")
		case e.vr == "SQ", e.vr == "UN" && e.undefined:
			out.VR = "SQ"
			if out.Items, e.end, err = r.items(e, end, depth+1); err != nil {
				return DataSet{}, 0, err
			}
		case e.undefined && e.tag == tag.PixelData && depth == 0: // compressed
			if e.end, err = r.encapsulated(e.value, end); err != nil {
				return DataSet{}, 0, err
			}
			if out.Length = e.end - e.value; r.whole {
				out.encapsulated = r.data[e.value:e.end]
			}
		case e.undefined:
			return DataSet{}, 0, refuse("the DICOM file is damaged: element %v has no length", e.tag)
		case r.whole:
			out.Value = r.data[e.value:e.end]
		case out.Length <= r.maxValue && asked:
			out.Value = bytes.Clone(r.data[e.value:e.end])
		}
		if asked {
			set.Elements = append(set.Elements, out)
		}
		pos = e.end
	}
	if delimited {
		return DataSet{}, 0, errTruncated
	}
	return set, pos, nil
}

// items reads the items of a sequence, which lies in a part of the data that ends at end, and returns where it ended.
func (r *setReader) items(e element, end, depth int) ([]DataSet, int, error) {
	if depth > maxNesting {
		return nil, 0, refuse("the DICOM file has sequences nested more than %d deep", maxNesting)
	}
	if e.vr == "UN" { // an unknown sequence is implicit little endian, whatever the file is (PS3.5 6.2.2)
		defer func(s syntax) { r.syntax = s }(r.syntax)
		r.syntax = syntaxes["1.2.840.10008.1.2"]
	}
	if !e.undefined {
		end = e.end
	}
	var all []DataSet
	for pos := e.value; pos < end; {
		item, err := r.header(pos, end)
		switch {
		case err != nil:
			return nil, 0, err
		case e.undefined && item.tag == tag.SequenceDelimitationItem:
			return all, item.end, nil
		case item.tag != tag.Item:
			return nil, 0, refuse("the DICOM file is damaged: a sequence holds something that is not an item")
		}
		last := end
		if !item.undefined {
			last = item.end
		}
		var set DataSet
		if set, pos, err = r.set(item.value, last, depth, item.undefined); err != nil {
			return nil, 0, err
		}
		if r.only == nil {
			all = append(all, set)
		}
	}
	if e.undefined {
		return nil, 0, errTruncated
	}
	return all, end, nil
}

// Find returns the element at the top of the data set that has this tag, and whether there is one.
func (d DataSet) Find(t uint32) (Element, bool) {
	for _, e := range d.Elements {
		if e.Tag == t {
			return e, true
		}
	}
	return Element{}, false
}

func (d DataSet) has(t uint32) bool {
	_, there := d.Find(t)
	return there
}

// TagNamed returns the tag that s names: by keyword ("PatientName") or by eight hexadecimal digits.
func TagNamed(s string) (uint32, bool) {
	if len(s) == 8 {
		if v, err := strconv.ParseUint(s, 16, 32); err == nil {
			return uint32(v), true
		}
	}
	info, err := tag.FindByKeyword(s)
	return info.Tag.Uint32(), err == nil
}
