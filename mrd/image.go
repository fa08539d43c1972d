package mrd

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"io"
)

// Picture is a magnitude image to be sent.
type Picture struct {
	Width, Height int         // pixels along Read and along Phase
	Pixels        []uint16    // (Height, Width)
	FieldOfView   [3]float32  // mm along Read, along Phase, across
	Position      [3]float32  // of pixel (Height/2, Width/2) in the patient, mm to the left, the back and the head
	Read, Phase   [3]float32  // directions of growing column and of growing row index; 0 where unknown, as is Position
	Across        [3]float32  // direction of the slices
	Slice         uint16      // in the stack
	Contrast      uint16      // echo
	Repetition    uint16      // time
	Index, Series uint16      // InstanceNumber and SeriesNumber
	Meta          []Attribute // what else is to be known of it
}

// Attribute is a named value, or several, of an image.
type Attribute struct {
	Name   string   `xml:"name"`
	Values []string `xml:"value"`
}

// The header's numbers for what a Picture is.
const (
	imageVersion = 1
	unsigned16   = 1 // data_type
	magnitude    = 1 // image_type
)

// WritePicture sends an image.
func WritePicture(to io.Writer, p Picture) error {
	meta, err := xml.Marshal(struct {
		XMLName xml.Name    `xml:"ismrmrdMeta"`
		Meta    []Attribute `xml:"meta"`
	}{Meta: p.Meta})
	if err != nil {
		return err
	}
	header := struct { // ISMRMRD's ImageHeader, of 198 bytes
		Version, DataType             uint16
		Flags                         uint64
		Measurement                   uint32
		Matrix                        [3]uint16
		FieldOfView                   [3]float32
		Channels                      uint16
		Position, Read, Phase, Across [3]float32
		Table                         [3]float32
		Average, Slice, Contrast      uint16
		HeartPhase, Repetition, Set   uint16
		Time                          uint32
		PhysiologyTime                [3]uint32
		ImageType, Index, Series      uint16
		UserInt                       [8]int32
		UserFloat                     [8]float32
		MetaLength                    uint32
	}{
		Version: imageVersion, DataType: unsigned16, Matrix: [3]uint16{uint16(p.Width), uint16(p.Height), 1}, FieldOfView: p.FieldOfView, Channels: 1,
		Position: p.Position, Read: p.Read, Phase: p.Phase, Across: p.Across,
		Slice: p.Slice, Contrast: p.Contrast, Repetition: p.Repetition, ImageType: magnitude, Index: p.Index, Series: p.Series,
		MetaLength: uint32(len(meta)),
	}
	var b bytes.Buffer
	for _, part := range []any{uint16(Image), header, uint64(len(meta)), meta, p.Pixels} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	_, err = to.Write(b.Bytes())
	return err
}
