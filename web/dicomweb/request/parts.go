package request

import (
	"errors"
	"io"
	"mime/multipart"
	"strings"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
)

// DICOM is the media type of a DICOM file.
const DICOM = "application/dicom"

const maxParts = 10_000 // of one request

// Errors of Parts.
var (
	ErrTooLarge  = errors.New("the request is too large")
	ErrMediaType = errors.New(`the content must be multipart/related; type="application/dicom", or application/dicom`)
)

// Parts gives each, one after the other, the DICOM files that a request to store brings: the parts of multipart/related, or the
// body. It reads at most limit bytes, and of one file dicomio.MaxFile. A body that is cut short or not what it says is Invalid,
// unless its reader gives a *recon.Error; any other error is ErrTooLarge, ErrMediaType or what each returned, which ends it.
func Parts(contentType string, body io.Reader, limit int64, each func(io.Reader) error) error {
	content := ParseAccept(contentType)
	if len(content) != 1 {
		return ErrMediaType
	}
	source := &limited{r: body, left: limit}
	give := func(r io.Reader) error {
		file := &limited{r: r, left: dicomio.MaxFile}
		err := each(file)
		if file.err != nil {
			return broken(file.err)
		}
		return err
	}
	boundary, inner := content[0].Params["boundary"], strings.ToLower(content[0].Params["type"])
	switch {
	case content[0].Name == DICOM:
		return give(source)
	case content[0].Name != "multipart/related" || inner != "" && inner != DICOM || boundary == "" || len(boundary) > 70:
		return ErrMediaType
	}
	reader := multipart.NewReader(source, boundary)
	for n := 0; ; n++ {
		part, err := reader.NextRawPart()
		switch {
		case err == io.EOF && n == 0:
			return recon.Errorf(recon.Invalid, "the request has no parts")
		case err == io.EOF:
			return nil
		case err != nil:
			return broken(err)
		case n == maxParts:
			return ErrTooLarge
		}
		if err := give(part); err != nil {
			return err
		}
	}
}

// broken is the error of a body that could not be read to its end, unless the reader says why itself.
func broken(err error) error {
	var said *recon.Error
	switch {
	case errors.Is(err, ErrTooLarge):
		return ErrTooLarge
	case errors.As(err, &said):
		return said
	}
	return &recon.Error{Code: recon.Invalid, Message: "the request is cut short or is not multipart/related as it says", Cause: err}
}

// limited is a reader that ends in ErrTooLarge rather than give more than left bytes, and remembers how it failed.
type limited struct {
	r    io.Reader
	left int64
	err  error // other than io.EOF
}

func (l *limited) Read(p []byte) (n int, err error) {
	if l.left >= 0 {
		n, err = l.r.Read(p[:min(int64(len(p)), l.left+1)])
		l.left -= int64(n)
	}
	if l.left < 0 {
		err = ErrTooLarge
	}
	if err != io.EOF {
		l.err = err
	}
	return n, err
}
