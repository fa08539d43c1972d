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

// text is the first value of an element as text, "" when there is none.
func (in *instance) text(tag string) string {
	if all := request.Texts(in.attributes[tag]); len(all) > 0 {
		return all[0]
	}
	return ""
}

// number is the first value of an element as a number, 0 when there is none.
func (in *instance) number(tag string) float64 {
	v, _ := strconv.ParseFloat(in.text(tag), 64)
	return v
}
