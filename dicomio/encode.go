package dicomio

import (
	"encoding/binary"

	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/uid"
)

// encodeFile returns a data set as a Part 10 file of its transfer syntax; one that was deflated is not any more. Of the file meta
// information there is what must be. Values are written as they are.
func (d DataSet) encodeFile(size int) []byte {
	s := syntaxes[d.TransferSyntax]
	name := d.TransferSyntax
	if name == uid.DeflatedExplicitVRLittleEndian {
		name = uid.ExplicitVRLittleEndian
	}
	value := func(t tag.Tag) []byte {
		e, _ := d.Find(t.Uint32())
		return e.Value
	}
	plain := encoder{syntaxes[uid.ExplicitVRLittleEndian]}
	var meta []byte
	for _, e := range []Element{
		{Tag: tag.FileMetaInformationVersion.Uint32(), VR: "OB", Value: []byte{0, 1}},
		{Tag: tag.MediaStorageSOPClassUID.Uint32(), VR: "UI", Value: value(tag.SOPClassUID)},
		{Tag: tag.MediaStorageSOPInstanceUID.Uint32(), VR: "UI", Value: value(tag.SOPInstanceUID)},
		{Tag: tag.TransferSyntaxUID.Uint32(), VR: "UI", Value: []byte(name)},
		{Tag: tag.ImplementationClassUID.Uint32(), VR: "UI", Value: []byte(implementationClassUID)},
		{Tag: tag.ImplementationVersionName.Uint32(), VR: "SH", Value: []byte("CLOSER")},
	} {
		meta = plain.append(meta, e)
	}
	out := make([]byte, preamble, preamble+size+len(meta)+1024)
	out = append(out, "DICM"...)
	out = plain.append(out, Element{Tag: tag.FileMetaInformationGroupLength.Uint32(), VR: "UL", Value: binary.LittleEndian.AppendUint32(nil, uint32(len(meta)))})
	out = append(out, meta...)
	return encoder{s}.set(out, d)
}

// encoder writes elements in a transfer syntax.
type encoder struct{ syntax }

func (c encoder) set(out []byte, d DataSet) []byte {
	for _, e := range d.Elements {
		out = c.append(out, e)
	}
	return out
}

// append appends an element: sequences and their items with undefined length, values padded to an even one.
func (c encoder) append(out []byte, e Element) []byte {
	if e.VR == "SQ" {
		out = c.header(out, e.Tag, e.VR, undefined)
		for _, item := range e.Items {
			out = c.mark(out, tag.Item, undefined)
			out = c.set(out, item)
			out = c.mark(out, tag.ItemDelimitationItem, 0)
		}
		return c.mark(out, tag.SequenceDelimitationItem, 0)
	}
	if e.encapsulated != nil {
		return append(c.header(out, e.Tag, e.VR, undefined), e.encapsulated...)
	}
	padding := len(e.Value) % 2
	out = append(c.header(out, e.Tag, e.VR, uint32(len(e.Value)+padding)), e.Value...)
	switch {
	case padding == 0:
		return out
	case e.VR == "UI", e.VR == "OB":
		return append(out, 0)
	default:
		return append(out, ' ')
	}
}

func (c encoder) header(out []byte, t uint32, vr string, length uint32) []byte {
	out = c.order.AppendUint16(c.order.AppendUint16(out, uint16(t>>16)), uint16(t))
	switch {
	case c.implicit:
		return c.order.AppendUint32(out, length)
	case longVR(vr):
		return c.order.AppendUint32(append(append(out, vr...), 0, 0), length)
	default:
		return c.order.AppendUint16(append(out, vr...), uint16(length))
	}
}

func (c encoder) mark(out []byte, t tag.Tag, length uint32) []byte {
	return c.order.AppendUint32(c.order.AppendUint16(c.order.AppendUint16(out, t.Group), t.Element), length)
}
