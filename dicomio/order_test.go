package dicomio

import (
	"encoding/base64"
	"encoding/binary"
	"testing"
)

// The values of a big endian data set are swapped by the numbers that they are made of, in metadata too.
func TestLittleEndian(t *testing.T) {
	value := "\x01\x02\x03\x04\x05\x06\x07\x08"
	for vr, want := range map[string]string{
		"OB": value, "UN": value, "LO": value,
		"OW": "\x02\x01\x04\x03\x06\x05\x08\x07", "AT": "\x02\x01\x04\x03\x06\x05\x08\x07",
		"OF": "\x04\x03\x02\x01\x08\x07\x06\x05", "SL": "\x04\x03\x02\x01\x08\x07\x06\x05",
		"OD": "\x08\x07\x06\x05\x04\x03\x02\x01", "OV": "\x08\x07\x06\x05\x04\x03\x02\x01",
	} {
		e := Element{Tag: 0x00091001, VR: vr, Length: len(value), Value: []byte(value)}
		big, little := DataSet{order: binary.BigEndian}, DataSet{order: binary.LittleEndian, Elements: []Element{e}}
		if got := big.LittleEndian(e); string(got) != want || string(e.Value) != value {
			t.Errorf("%s: %x, want %x", vr, got, want)
		}
		if got := little.LittleEndian(e); string(got) != value {
			t.Errorf("%s of a little endian data set: %x", vr, got)
		}
		big.Elements = []Element{e}
		a := big.JSON(func(string) string { return "" })["00091001"]
		if vr[0] == 'O' && a.InlineBinary != base64.StdEncoding.EncodeToString([]byte(want)) {
			t.Errorf("%s in metadata: %s", vr, a.InlineBinary)
		}
	}
	e := Element{VR: "OW", Value: []byte{1, 2, 3}}
	if got := (DataSet{order: binary.BigEndian}).LittleEndian(e); string(got) != "\x02\x01\x03" {
		t.Errorf("an odd length: %x", got)
	}
	if (DataSet{order: binary.BigEndian}).LittleEndian(Element{VR: "OW"}) != nil {
		t.Error("no value became one")
	}
}
