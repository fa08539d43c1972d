package dicomweb

import (
	"strconv"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web/dicomweb/request"
)

const maxInline = 1 << 10 // bytes of a value that stands in metadata; a longer one is bulk data

// instance is one file: its header, and where its bytes are.
type instance struct {
	file               dicomio.Stored
	study, series, uid string
	syntax             string             // transfer syntax
	attributes         dicomio.Attributes // BulkDataURI holds the place of the element only
}

func newInstance(file dicomio.Stored, data []byte) (*instance, error) {
	set, err := dicomio.ReadDataSet(data, maxInline)
	if err != nil {
		return nil, err
	}
	in := &instance{file: file, syntax: set.TransferSyntax, attributes: set.JSON(func(place string) string { return place })}
	in.study, in.series, in.uid = in.text("0020000D"), in.text("0020000E"), in.text("00080018")
	if in.study == "" || in.series == "" || in.uid == "" {
		return nil, recon.Errorf(recon.Invalid, "the DICOM file lacks the UID of its study, series or instance")
	}
	return in, nil
}

// window is the window that the file gives a frame, counted from 1: its own before that shared by all frames, that before the object's
// (PS3.3 C.7.6.16.2.10); none when it gives none. Without a function, or with one that the standard does not know, it is linear.
func (in *instance) window(frame int) window {
	for _, a := range []dicomio.Attributes{
		item(item(in.attributes, "52009230", frame), "00289132", 1), item(item(in.attributes, "52009229", 1), "00289132", 1), in.attributes,
	} {
		w := window{number(a, "00281050"), number(a, "00281051"), firstText(a, "00281056")}
		if w.function != linearExact && w.function != sigmoid {
			w.function = linear
		}
		if w.valid() {
			return w
		}
	}
	return window{}
}

// item is an item of a sequence, counted from 1, nil when there is none.
func item(a dicomio.Attributes, sequence string, n int) dicomio.Attributes {
	if items := a[sequence].Value; n <= len(items) {
		found, _ := items[n-1].(dicomio.Attributes)
		return found
	}
	return nil
}

// firstText is the first value of an element as text, "" when there is none.
func firstText(a dicomio.Attributes, tag string) string {
	if all := request.Texts(a[tag]); len(all) > 0 {
		return all[0]
	}
	return ""
}

// number is the first value of an element as a number, 0 when there is none.
func number(a dicomio.Attributes, tag string) float64 {
	v, _ := strconv.ParseFloat(firstText(a, tag), 64)
	return v
}

func (in *instance) text(tag string) string    { return firstText(in.attributes, tag) }
func (in *instance) number(tag string) float64 { return number(in.attributes, tag) }
