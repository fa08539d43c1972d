package dicomio

import (
	"slices"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// What a file may ask for. Objects of scanners stay far below.
const (
	maxNesting  = 16      // sequences within sequences
	maxElements = 4 << 20 // in the whole file
	maxKept     = 1 << 18 // elements that go on to the library
	maxValue    = 4096    // bytes of one of them
	undefined   = 0xFFFFFFFF
)

// walker checks an encoded data set before anything else looks at it: every length within what is left, sequences properly
// nested and delimited, known VRs, few enough elements. It copies the elements of wanted to kept, so that the library, which
// panics or exhausts memory on crafted files and on some character sets, gets a small and well-formed data set with texts in UTF-8;
// and it finds the pixels.
type walker struct {
	data   []byte
	syntax syntax

	elements, keptElements int
	charset                charset // of the data set at the top; whatever is wanted within sequences is in ASCII
	kept                   []byte  // wanted elements, in the same syntax; sequences and items of undefined length
	pixels                 []byte  // value of the first PixelData at the top, part of data; nil when encapsulated
	offsets                []byte  // of encapsulated pixels, the basic offset table
	fragments              []element
}

// element is the place of one element: its header is data[start:value], its value data[value:end].
type element struct {
	tag               tag.Tag
	vr                string
	start, value, end int
	undefined         bool // the length is; end is value then
}

var errTruncated = refuse("the DICOM file is truncated or damaged: an element is longer than what is left of it")

// header reads the header of the element at pos of a part of the data that ends at end (PS3.5 7.1).
func (w *walker) header(pos, end int) (element, error) {
	if end-pos < 8 {
		return element{}, errTruncated
	}
	if w.elements++; w.elements > maxElements {
		return element{}, refuse("the DICOM file has more than %d elements", maxElements)
	}
	order, data := w.syntax.order, w.data
	e := element{tag: tag.Tag{Group: order.Uint16(data[pos:]), Element: order.Uint16(data[pos+2:])}, start: pos}
	var length uint32
	switch {
	case e.tag.Group == 0xFFFE: // items and delimiters have no VR
		length, e.value = order.Uint32(data[pos+4:]), pos+8
	case w.syntax.implicit:
		e.vr = dictionaryVR(e.tag)
		length, e.value = order.Uint32(data[pos+4:]), pos+8
	default:
		found, known := vrs[string(data[pos+4:pos+6])]
		e.vr = found.name
		switch {
		case found.long:
			if end-pos < 12 {
				return element{}, errTruncated
			}
			length, e.value = order.Uint32(data[pos+8:]), pos+12
		case known:
			length, e.value = uint32(order.Uint16(data[pos+6:])), pos+8
		default:
			return element{}, refuse("the DICOM file is damaged: element %v has no valid VR", e.tag)
		}
	}
	e.end = e.value
	switch {
	case length == undefined:
		e.undefined = true
	case uint64(length) > uint64(end-e.value):
		return element{}, errTruncated
	default:
		e.end += int(length)
	}
	return e, nil
}

// dataset walks the elements of data[pos:end] and returns where it ended: at end, behind the delimiter of an item of
// undefined length when delimited, or at the pixels, behind which nothing matters.
func (w *walker) dataset(pos, end, depth int, keep, delimited bool) (int, error) {
	for pos < end {
		e, err := w.header(pos, end)
		if err != nil {
			return 0, err
		}
		wanted := keep && slices.Contains(wanted, e.tag)
		switch {
		case delimited && e.tag == tag.ItemDelimitationItem:
			return e.end, nil
		case e.tag.Group == 0xFFFE:
			return 0, refuse("the DICOM file is damaged: a delimiter where none belongs")
		case e.tag == tag.PixelData && depth == 0:
			switch compressed := w.syntax.encoding != native; {
			case e.undefined && !compressed:
				return 0, refuse("the DICOM file's pixels are compressed although its transfer syntax says they are not")
			case compressed && !e.undefined:
				return 0, refuse("the DICOM file's pixels are not compressed although its transfer syntax says they are")
			case compressed:
				return w.encapsulated(e.value, end)
			}
			w.pixels = w.data[e.value:e.end]
			return e.end, nil
		case e.vr == "SQ" && (e.undefined || wanted), e.vr == "UN" && e.undefined:
			if pos, err = w.sequence(e, end, depth+1, wanted); err != nil {
				return 0, err
			}
		case e.undefined:
			return 0, refuse("the DICOM file is damaged: element %v has no length", e.tag)
		default:
			if e.tag == tag.SpecificCharacterSet && depth == 0 {
				w.charset = newCharset(w.data[e.value:e.end])
			}
			if wanted {
				if err := w.keep(e); err != nil {
					return 0, err
				}
			}
			pos = e.end
		}
	}
	if delimited {
		return 0, errTruncated
	}
	return pos, nil
}

// sequence walks the items of e, which lies in a part of the data that ends at end, and returns where the sequence ended (PS3.5
// 7.5).
func (w *walker) sequence(e element, end, depth int, keep bool) (int, error) {
	if depth > maxNesting {
		return 0, refuse("the DICOM file has sequences nested more than %d deep", maxNesting)
	}
	if e.vr == "UN" { // an unknown sequence is implicit little endian, whatever the file is (PS3.5 6.2.2)
		defer func(s syntax) { w.syntax = s }(w.syntax)
		w.syntax = syntaxes["1.2.840.10008.1.2"]
	}
	if !e.undefined {
		end = e.end
	}
	if keep {
		if err := w.keep(e); err != nil {
			return 0, err
		}
	}
	for pos := e.value; pos < end; {
		item, err := w.header(pos, end)
		switch {
		case err != nil:
			return 0, err
		case e.undefined && item.tag == tag.SequenceDelimitationItem:
			w.mark(keep, tag.SequenceDelimitationItem, 0)
			return item.end, nil
		case item.tag != tag.Item:
			return 0, refuse("the DICOM file is damaged: a sequence holds something that is not an item")
		}
		w.mark(keep, tag.Item, undefined)
		if item.undefined {
			pos, err = w.dataset(item.value, end, depth, keep, true)
		} else {
			pos, err = w.dataset(item.value, item.end, depth, keep, false)
		}
		if err != nil {
			return 0, err
		}
		w.mark(keep, tag.ItemDelimitationItem, 0)
	}
	if e.undefined {
		return 0, errTruncated
	}
	w.mark(keep, tag.SequenceDelimitationItem, 0)
	return end, nil
}

// keep copies an element, a text in UTF-8, of a sequence only the header.
func (w *walker) keep(e element) error {
	if w.keptElements++; w.keptElements > maxKept {
		return refuse("the DICOM file describes too many frames")
	}
	info, err := tag.Find(e.tag)
	if err != nil || !slices.Contains(info.VRs, e.vr) {
		return refuse("the DICOM file is damaged: element %v has a VR that is not its own", e.tag)
	}
	if e.vr != "SQ" {
		if e.end-e.value > maxValue {
			return refuse("the DICOM file is damaged: element %v is longer than it may be", e.tag)
		}
		value := w.data[e.value:e.end]
		if encodedVRs[e.vr] {
			value = []byte(w.charset.decode(value, e.vr))
		}
		w.kept = encoder{w.syntax}.append(w.kept, Element{Tag: e.tag.Uint32(), VR: e.vr, Value: value})
		return nil
	}
	w.kept = append(w.kept, w.data[e.start:e.value-4]...)
	w.kept = w.syntax.order.AppendUint32(w.kept, undefined)
	return nil
}

// mark adds the header of an item or a delimiter.
func (w *walker) mark(keep bool, t tag.Tag, length uint32) {
	if keep {
		order := w.syntax.order
		w.kept = order.AppendUint32(order.AppendUint16(order.AppendUint16(w.kept, t.Group), t.Element), length)
	}
}

// dictionaryVR is the VR that the library gives an element of an implicit data set.
func dictionaryVR(t tag.Tag) string {
	if info, err := tag.Find(t); err == nil {
		return info.VRs[0]
	}
	return "UN"
}

// longVRs have a length of 32 bit in explicit elements, shortVRs one of 16 bit (PS3.5 tables 7.1-1 and 7.1-2).
const (
	longVRs  = "OB OD OF OL OV OW SQ SV UC UN UR UT UV"
	shortVRs = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US"
)

// encodedVRs are those of texts that SpecificCharacterSet is for (PS3.5 6.1.2.2).
var encodedVRs = map[string]bool{"LO": true, "LT": true, "PN": true, "SH": true, "ST": true, "UC": true, "UT": true}

// vr is one of these. A file has one in each element: they share the strings here.
type vr struct {
	name string
	long bool
}

var vrs = func() map[string]vr {
	all := map[string]vr{}
	for _, name := range strings.Fields(longVRs) {
		all[name] = vr{name, true}
	}
	for _, name := range strings.Fields(shortVRs) {
		all[name] = vr{name, false}
	}
	return all
}()

func longVR(name string) bool { return vrs[name].long }
