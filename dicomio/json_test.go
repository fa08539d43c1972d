package dicomio

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// jsonFile is a small object in a native syntax: one element of every kind.
func jsonFile(order byteOrder, uid string) []byte {
	var set []byte
	add := func(group, element uint16, vr, value string) {
		if len(value)%2 == 1 {
			value += " "
		}
		set = order.AppendUint16(order.AppendUint16(set, group), element)
		set = append(set, vr...)
		if longVR(vr) {
			set = order.AppendUint32(append(set, 0, 0), uint32(len(value)))
		} else {
			set = order.AppendUint16(set, uint16(len(value)))
		}
		set = append(set, value...)
	}
	u16 := func(v ...uint16) string {
		var b []byte
		for _, x := range v {
			b = order.AppendUint16(b, x)
		}
		return string(b)
	}
	add(0x0008, 0x0005, "CS", "ISO_IR 100")
	add(0x0008, 0x0008, "CS", `DERIVED\\M `)
	add(0x0008, 0x0018, "UI", "1.2.3\x00")
	add(0x0008, 0x0050, "SH", "")
	add(0x0008, 0x0201, "SH", "   ")
	set = order.AppendUint16(order.AppendUint16(set, 0x0008), 0x1140)
	set = order.AppendUint32(append(set, "SQ\x00\x00"...), undefined)
	set = order.AppendUint32(order.AppendUint16(order.AppendUint16(set, 0xFFFE), 0xE000), undefined)
	add(0x0008, 0x1155, "UI", "9.8")
	add(0x0042, 0x0011, "OB", "a rather long document")
	set = order.AppendUint32(order.AppendUint16(order.AppendUint16(set, 0xFFFE), 0xE00D), 0)
	set = order.AppendUint32(order.AppendUint16(order.AppendUint16(set, 0xFFFE), 0xE0DD), 0)
	add(0x0010, 0x0010, "PN", "M\xfcller^Eva==mi")
	add(0x0010, 0x4000, "LT", `a\b`)
	add(0x0018, 0x0088, "DS", `+1.50\.5\x`)
	add(0x0020, 0x0013, "IS", " 7")
	add(0x0020, 0x9165, "AT", u16(0x0020, 0x9057))
	add(0x0028, 0x0010, "US", u16(2, 65535))
	add(0x0028, 0x0106, "SS", u16(65535))
	add(0x0042, 0x0011, "OB", "ab")
	add(0x7FE0, 0x0010, "OW", u16(1, 2))

	file := append(make([]byte, preamble), "DICM\x02\x00\x10\x00UI"...)
	if len(uid)%2 == 1 {
		uid += "\x00"
	}
	file = binary.LittleEndian.AppendUint16(file, uint16(len(uid)))
	return append(append(file, uid...), set...)
}

func TestDICOMJSON(t *testing.T) {
	const want = `{
		"00080005":{"vr":"CS","Value":["ISO_IR 192"]}, "00080008":{"vr":"CS","Value":["DERIVED",null,"M"]},
		"00080018":{"vr":"UI","Value":["1.2.3"]}, "00080050":{"vr":"SH"}, "00080201":{"vr":"SH"},
		"00081140":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["9.8"]},"00420011":{"vr":"OB","BulkDataURI":"/b/00081140/1/00420011"}}]},
		"00100010":{"vr":"PN","Value":[{"Alphabetic":"Müller^Eva","Phonetic":"mi"}]}, "00104000":{"vr":"LT","Value":["a\\b"]},
		"00180088":{"vr":"DS","Value":[1.5,0.5,"x"]}, "00200013":{"vr":"IS","Value":[7]}, "00209165":{"vr":"AT","Value":["00209057"]},
		"00280010":{"vr":"US","Value":[2,65535]}, "00280106":{"vr":"SS","Value":[-1]}, "00420011":{"vr":"OB","InlineBinary":"YWI="},
		"7FE00010":{"vr":"OW","BulkDataURI":"/b/7FE00010"}}`
	var wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	canonical, _ := json.Marshal(wanted)
	for uid, order := range map[string]byteOrder{"1.2.840.10008.1.2.1": binary.LittleEndian, "1.2.840.10008.1.2.2": binary.BigEndian} {
		set, err := ReadDataSet(jsonFile(order, uid), 20)
		if err != nil {
			t.Fatal(err)
		}
		if set.TransferSyntax != uid {
			t.Errorf("transfer syntax %q, want %q", set.TransferSyntax, uid)
		}
		got, err := json.Marshal(set.JSON(func(place string) string { return "/b/" + place }))
		if err != nil {
			t.Fatal(err)
		}
		var back any
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatal(err)
		}
		if got, _ = json.Marshal(back); string(got) != string(canonical) {
			t.Errorf("%s:\n%s, want\n%s", uid, got, canonical)
		}
	}
}

func FuzzReadDataSet(f *testing.F) {
	f.Add(jsonFile(binary.LittleEndian, "1.2.840.10008.1.2.1"))
	f.Add(jsonFile(binary.BigEndian, "1.2.840.10008.1.2.2"))
	series := writeAll(f, f.TempDir(), sample("AXT2", 4, 4, nil), testOptions)
	file, err := os.ReadFile(filepath.Clean(series[0].Files[0].Path))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Fuzz(func(t *testing.T, file []byte) {
		set, err := ReadDataSet(file, 64)
		if err != nil {
			if recon.CodeOf(err) != recon.Invalid {
				t.Fatal(err)
			}
			return
		}
		out, err := json.Marshal(set.JSON(func(place string) string { return place }))
		if err != nil || !json.Valid(out) {
			t.Fatalf("no JSON: %v", err)
		}
	})
}
