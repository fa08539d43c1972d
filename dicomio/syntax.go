package dicomio

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/uid"

	"github.com/closer-mri/closer/recon"
)

// MaxFile bounds one file, and what a deflated one inflates to, in bytes.
const MaxFile = 512 << 20

// byteOrder reads and appends numbers.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// syntax is how the elements after the file meta information are encoded (PS3.5 section 10).
type syntax struct {
	uid      string // under which the library reads what the walker keeps
	name     string // transfer syntax UID of the file
	order    byteOrder
	implicit bool
	encoding encoding // of the pixels
}

// encoding is how the pixels are compressed.
type encoding int

const (
	native encoding = iota
	rle
	jpeg // any family of JPEG
)

// syntaxes are those that are read. All but the plain ones are explicit little endian around their pixels (PS3.5 A.4).
var syntaxes = map[string]syntax{
	uid.ImplicitVRLittleEndian: {uid.ImplicitVRLittleEndian, "", binary.LittleEndian, true, native},
	uid.ExplicitVRLittleEndian: {uid.ExplicitVRLittleEndian, "", binary.LittleEndian, false, native},
	uid.ExplicitVRBigEndian:    {uid.ExplicitVRBigEndian, "", binary.BigEndian, false, native},
	// Once inflated, a deflated data set is a plain one.
	uid.DeflatedExplicitVRLittleEndian: {uid.ExplicitVRLittleEndian, "", binary.LittleEndian, false, native},

	"1.2.840.10008.1.2.5":    {uid.ExplicitVRLittleEndian, "", binary.LittleEndian, false, rle},
	"1.2.840.10008.1.2.4.57": {uid.ExplicitVRLittleEndian, "", binary.LittleEndian, false, jpeg},
	"1.2.840.10008.1.2.4.70": {uid.ExplicitVRLittleEndian, "", binary.LittleEndian, false, jpeg},
	"1.2.840.10008.1.2.4.80": {uid.ExplicitVRLittleEndian, "", binary.LittleEndian, false, jpeg},
	"1.2.840.10008.1.2.4.90": {uid.ExplicitVRLittleEndian, "", binary.LittleEndian, false, jpeg},
}

// compressed names the syntaxes with compressed pixels that scanners and archives write, for errors.
var compressed = map[string]string{
	"1.2.840.10008.1.2.1.98":  "Encapsulated Uncompressed",
	"1.2.840.10008.1.2.4.50":  "JPEG Baseline",
	"1.2.840.10008.1.2.4.51":  "JPEG Extended",
	"1.2.840.10008.1.2.4.57":  "JPEG Lossless",
	"1.2.840.10008.1.2.4.70":  "JPEG Lossless, first-order prediction",
	"1.2.840.10008.1.2.4.80":  "JPEG-LS Lossless",
	"1.2.840.10008.1.2.4.81":  "JPEG-LS Near-lossless",
	"1.2.840.10008.1.2.4.90":  "JPEG 2000 Lossless",
	"1.2.840.10008.1.2.4.91":  "JPEG 2000",
	"1.2.840.10008.1.2.4.201": "High-Throughput JPEG 2000 Lossless",
	"1.2.840.10008.1.2.4.202": "High-Throughput JPEG 2000 Lossless RPCL",
	"1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000",
	"1.2.840.10008.1.2.5":     "RLE Lossless",
}

const preamble = 128 // bytes before "DICM" (PS3.10 7.1)

// isPart10 reports whether data begins as a DICOM file does.
func isPart10(data []byte) bool {
	return len(data) >= preamble+4 && string(data[preamble:preamble+4]) == "DICM"
}

// split separates a Part 10 file into its transfer syntax and the bytes of its data set, inflated if need be.
func split(file []byte) (syntax, []byte, error) {
	if !isPart10(file) {
		return syntax{}, nil, refuse("the file is not a DICOM file: it does not begin with a preamble and DICM")
	}
	w := walker{data: file, syntax: syntaxes[uid.ExplicitVRLittleEndian]}
	pos, name := preamble+4, ""
	for len(file)-pos >= 2 && file[pos] == 2 && file[pos+1] == 0 { // group 0002
		e, err := w.header(pos, len(file))
		if err != nil {
			return syntax{}, nil, err
		}
		if e.tag == tag.TransferSyntaxUID {
			name = string(bytes.TrimRight(file[e.value:e.end], " \x00"))
		}
		pos = e.end
	}
	s, known := syntaxes[name]
	s.name = name
	switch {
	case name == uid.DeflatedExplicitVRLittleEndian:
		inflated, err := inflate(file[pos:], maxInflated(len(file)-pos))
		return s, inflated, err
	case known:
		return s, file[pos:], nil
	case name == "":
		return syntax{}, nil, refuse("the DICOM file does not say its transfer syntax")
	case compressed[name] != "":
		return syntax{}, nil, refuseSyntax("the DICOM file's pixels are compressed (%s, %s), which is not supported; decompress it first, for example with gdcmconv --raw", compressed[name], name)
	default:
		return syntax{}, nil, refuseSyntax("the DICOM file's transfer syntax %s is not supported; convert it first, for example with gdcmconv --raw", onlyUID(name))
	}
}

// ErrTransferSyntax is in the errors for files of a transfer syntax that is not read.
var ErrTransferSyntax = errors.New("the transfer syntax is not supported")

func refuseSyntax(format string, args ...any) error {
	return &recon.Error{Code: recon.Invalid, Message: fmt.Sprintf(format, args...), Cause: ErrTransferSyntax}
}

// maxInflated bounds what n deflated bytes may inflate to, as maxDecoded does for pixels: images deflate to a third, empty ones of some
// size to less.
func maxInflated(n int) int64 { return min(MaxFile, max(16<<20, 20*int64(n))) }

// inflate expands raw deflate (PS3.5 A.5) to at most limit bytes. It counts before it allocates: a bomb costs time in a sandbox
// and no memory.
func inflate(data []byte, limit int64) ([]byte, error) {
	n, err := io.Copy(io.Discard, io.LimitReader(flate.NewReader(bytes.NewReader(data)), limit+1))
	switch {
	case err != nil:
		return nil, refuse("the DICOM file's deflated data set is damaged")
	case n > limit:
		return nil, refuse("the DICOM file inflates to more than %d MiB", limit>>20)
	}
	out := make([]byte, n)
	if _, err := io.ReadFull(flate.NewReader(bytes.NewReader(data)), out); err != nil {
		return nil, refuse("the DICOM file's deflated data set is damaged")
	}
	return out, nil
}

// onlyUID keeps of s what a UID is made of, so that no text of the file gets into an error.
func onlyUID(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '.' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	return s[:min(len(s), 64)]
}

// refuse is the error for a file that cannot be read. It never quotes the file's text, which may name a patient.
func refuse(format string, args ...any) error {
	return recon.Errorf(recon.Invalid, format, args...)
}
