package dicomio

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/uid"
)

// crafted is a DICOM object put together by hand, to be damaged.
type crafted struct {
	dataset
	pixels []byte
}

// smallMR is a valid classic MR image of 3 by 2 pixels of a patient whose name no error may tell.
func smallMR() crafted {
	var d dataset
	d.str(tag.ImageType, "ORIGINAL", "PRIMARY", "M")
	d.str(tag.PatientName, "DOE^JANE")
	d.str(tag.SeriesInstanceUID, "1.2.3")
	d.str(tag.InstanceNumber, "1")
	d.str(tag.PixelSpacing, "0.5", "0.75")
	d.str(tag.SliceThickness, "4")
	d.str(tag.ImagePositionPatient, "1", "2", "3")
	d.str(tag.ImageOrientationPatient, "1", "0", "0", "0", "1", "0")
	d.set(tag.SamplesPerPixel, []int{1})
	d.str(tag.PhotometricInterpretation, "MONOCHROME2")
	d.set(tag.Rows, []int{3})
	d.set(tag.Columns, []int{2})
	d.set(tag.BitsAllocated, []int{16})
	d.set(tag.BitsStored, []int{12})
	d.set(tag.HighBit, []int{11})
	d.set(tag.PixelRepresentation, []int{1})
	d.str(tag.RescaleSlope, "2")
	d.str(tag.RescaleIntercept, "-1")
	var raw []byte
	for _, v := range []uint16{0, 1, 2047, 2048, 4095, 0xF000} { // 2048 is −2048 in 12 bit, and the last has bits above the highest
		raw = binary.LittleEndian.AppendUint16(raw, v)
	}
	return crafted{d, raw}
}

// smallEnhanced is a valid enhanced MR object of two frames, the second below the first.
func smallEnhanced() crafted {
	c := smallMR()
	c.remove(tag.PixelSpacing, tag.SliceThickness, tag.ImagePositionPatient, tag.ImageOrientationPatient, tag.RescaleSlope, tag.RescaleIntercept)
	c.str(tag.NumberOfFrames, "2")
	item := func(sequence tag.Tag, t tag.Tag, values ...string) dataset {
		var inner, outer dataset
		inner.str(t, values...)
		outer.set(sequence, []dataset{inner})
		return outer
	}
	shared := append(item(tag.PixelMeasuresSequence, tag.PixelSpacing, "0.5", "0.75"), item(tag.PlaneOrientationSequence, tag.ImageOrientationPatient, "1", "0", "0", "0", "1", "0")...)
	c.set(tag.SharedFunctionalGroupsSequence, []dataset{shared})
	c.set(tag.PerFrameFunctionalGroupsSequence, []dataset{
		append(item(tag.PlanePositionSequence, tag.ImagePositionPatient, "0", "0", "7"), item(tag.PixelValueTransformationSequence, tag.RescaleSlope, "3")...),
		item(tag.PlanePositionSequence, tag.ImagePositionPatient, "0", "0", "-7"),
	})
	c.pixels = append(c.pixels, c.pixels...)
	return c
}

func (c *crafted) remove(tags ...tag.Tag) {
	c.dataset = slices.DeleteFunc(slices.Clone(c.dataset), func(e *dicom.Element) bool { return slices.Contains(tags, e.Tag) })
}

// replace sets an element anew.
func (c *crafted) replace(t tag.Tag, value any) {
	c.remove(t)
	c.set(t, value)
}

// bytes encodes the object in one of the transfer syntaxes with plain pixels.
func (c crafted) bytes(t testing.TB, syntaxUID string) []byte {
	t.Helper()
	d := slices.Clone(c.dataset)
	target := syntaxUID
	if target == uid.DeflatedExplicitVRLittleEndian {
		target = uid.ExplicitVRLittleEndian // the library does not deflate
	}
	d.str(tag.TransferSyntaxUID, target)
	d.str(tag.SOPClassUID, mrImageStorage)
	raw := slices.Clone(c.pixels)
	if target == uid.ExplicitVRBigEndian {
		for i := 0; i+1 < len(raw); i += 2 {
			raw[i], raw[i+1] = raw[i+1], raw[i]
		}
	}
	if raw != nil {
		d.set(tag.PixelData, dicom.PixelDataInfo{IntentionallyUnprocessed: true, UnprocessedValueData: raw})
	}
	var out bytes.Buffer
	if err := dicom.Write(&out, dicom.Dataset{Elements: d.sorted()}, dicom.SkipVRVerification()); err != nil {
		t.Fatal(err)
	}
	if syntaxUID == target {
		return out.Bytes()
	}
	return deflate(t, syntaxUID, out.Bytes())
}

// deflate turns an explicit little endian file into a deflated one.
func deflate(t testing.TB, syntaxUID string, file []byte) []byte {
	t.Helper()
	length := int(binary.LittleEndian.Uint32(file[preamble+12:]))
	body := file[preamble+16+length:]
	meta := part10(syntaxUID)
	out := bytes.NewBuffer(meta)
	w, err := flate.NewWriter(out, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(body)
	w.Close()
	return out.Bytes()
}

// part10 is a file up to its data set.
func part10(syntaxUID string) []byte {
	if len(syntaxUID)%2 == 1 {
		syntaxUID += "\x00"
	}
	meta := append([]byte{2, 0, 0x10, 0, 'U', 'I', byte(len(syntaxUID)), 0}, syntaxUID...)
	out := append(make([]byte, preamble), "DICM\x02\x00\x00\x00UL\x04\x00"...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(meta))), meta...)
}

// plainSyntaxes are those that Parse reads.
var plainSyntaxes = []string{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian}
