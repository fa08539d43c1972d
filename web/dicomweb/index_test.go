package dicomweb

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/closer-mri/closer/dicomio"
)

// foreign is a DICOM file of a study of its own: a name in a character set, and the same in an item that names the set.
func foreign(study, sets, name string) []byte {
	element := func(group, element uint16, vr, value string) []byte {
		if len(value)%2 == 1 {
			value += " "
		}
		out := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, group), element)
		if vr == "SQ" {
			return append(binary.LittleEndian.AppendUint32(append(out, "SQ\x00\x00"...), uint32(len(value))), value...)
		}
		return append(binary.LittleEndian.AppendUint16(append(out, vr...), uint16(len(value))), value...)
	}
	set, named := element(8, 5, "CS", sets), element(0x10, 0x10, "PN", name)
	item := append(binary.LittleEndian.AppendUint32([]byte("\xFE\xFF\x00\xE0"), uint32(len(set)+len(named))), append(bytes.Clone(set), named...)...)
	return bytes.Join([][]byte{
		make([]byte, 128), []byte("DICM\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00"), set, element(8, 0x16, "UI", "1"), element(8, 0x18, "UI", study+".2"),
		named, element(0x20, 0xD, "UI", study), element(0x20, 0xE, "UI", study+".1"), element(0x40, 0x275, "SQ", string(item)),
	}, nil)
}

// TestNamesAreFoundInAnyCharacterSet as they are shown, and no set keeps from the other studies.
func TestNamesAreFoundInAnyCharacterSet(t *testing.T) {
	s := serve(t, 1, nil)
	for i, c := range []struct{ sets, name, query, group, want string }{
		{"ISO_IR 166", "\xca\xc1\xaa\xd2\xc2^\xe3\xa8\xb4\xd5", "สมชาย*", "Alphabetic", "สมชาย^ใจดี"},
		{`\ISO 2022 IR 87`, "Yamamoto^Tarou=\x1b$B;3K\\\x1b(B^\x1b$BB@O:\x1b(B", "山本^太郎", "Ideographic", "山本^太郎"},
		{"GB18030", "Chen^Cheng=\xea\x90^\xd5\\\xd5\\", "*誠誠", "Ideographic", "陳^誠誠"},
		{`\ISO 2022 IR 149`, "Hong=\x1b$)C\xfb\xf3=\x1b$)C\xc8\xab", "홍", "Phonetic", "홍"},
		{"ISO_IR 999", "Nobody^\xfc", "nobody^ü", "Alphabetic", "Nobody^ü"},
	} {
		study := fmt.Sprintf("1.9.%d", i)
		s.submit(t, foreign(study, c.sets, c.name))
		if all := s.query(t, "/studies"); len(all) != i+2 {
			t.Errorf("%s: %d studies", c.sets, len(all))
		}
		found := s.query(t, "/studies?PatientName="+c.query)
		if len(found) != 1 || len(found[0]["00100010"].Value) != 1 {
			t.Errorf("%s: %v", c.sets, found)
			continue
		}
		if name := found[0].first("00100010").(map[string]any)[c.group]; name != c.want {
			t.Errorf("%s: %q, want %q", c.sets, name, c.want)
		}
	}
}

// panicking is a library whose file "bad" makes who reads it panic.
type panicking map[string][]byte

func (p panicking) Changes(_ context.Context, since uint64) ([]Holding, uint64, error) {
	if since > 0 {
		return nil, since, nil
	}
	var h Holding
	for sha256, data := range p {
		h.Series = append(h.Series, []dicomio.Stored{{SHA256: sha256, Size: int64(len(data))}})
	}
	return []Holding{h}, 1, nil
}

func (p panicking) Open(_ context.Context, file dicomio.Stored) (io.ReadCloser, error) {
	if file.SHA256 == "bad" {
		panic("Doe^Jane")
	}
	return io.NopCloser(bytes.NewReader(p[file.SHA256])), nil
}

// TestOneBadFileIsOnlyItself: a panic of its reader hides it and nothing else, and is in the log without what it says.
func TestOneBadFileIsOnlyItself(t *testing.T) {
	var log bytes.Buffer
	good := foreign("1.9.1", "ISO_IR 192", "Good")
	x := newIndex(panicking{"good": good, "bad": good}, slog.New(slog.NewTextHandler(&log, nil)))
	for range 2 {
		if all, err := x.find(t.Context(), "", ""); err != nil || len(all) != 1 || all[0].study != "1.9.1" {
			t.Fatalf("%v, %v", all, err)
		}
	}
	if n := bytes.Count(log.Bytes(), []byte("sha256=bad")); n != 1 || bytes.Contains(log.Bytes(), []byte("Doe")) {
		t.Errorf("the log says: %s", &log)
	}
}
