package main_test

import (
	"bytes"
	"compress/flate"
	le "encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Transfer syntaxes of the hostile files.
const (
	explicitLE = "1.2.840.10008.1.2.1"
	deflated   = "1.2.840.10008.1.2.1.99"
	rle        = "1.2.840.10008.1.2.5"
	jpeg2000   = "1.2.840.10008.1.2.4.90"
)

// object is a DICOM file in the making.
type object []byte

// dicomObject begins a file with the UIDs of an instance.
func dicomObject(syntax string) object {
	if len(syntax)%2 == 1 {
		syntax += "\x00"
	}
	o := append(make(object, 128), "DICM"...)
	return o.element(2, 0x10, "UI", syntax)
}

// element appends an explicit little endian element with a length of 16 bit.
func (o object) element(group, element uint16, vr, value string) object {
	if len(value)%2 == 1 {
		value += map[bool]string{true: "\x00", false: " "}[vr == "UI"]
	}
	o = le.LittleEndian.AppendUint16(le.LittleEndian.AppendUint16(o, group), element)
	return append(le.LittleEndian.AppendUint16(append(o, vr...), uint16(len(value))), value...)
}

func (o object) uint16(group, element, value uint16) object {
	return o.element(group, element, "US", string(le.LittleEndian.AppendUint16(nil, value)))
}

// long appends the header of an element with a length of 32 bit.
func (o object) long(group, element uint16, vr string, length uint32) object {
	o = le.LittleEndian.AppendUint16(le.LittleEndian.AppendUint16(o, group), element)
	return le.LittleEndian.AppendUint32(append(append(o, vr...), 0, 0), length)
}

// image appends all that an MR image of 16 columns needs, but its pixels.
func (o object) image(rows uint16, frames string) object {
	o = o.element(8, 0x08, "CS", `ORIGINAL\PRIMARY\M`).element(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.4").element(8, 0x18, "UI", "1.2.3.1").element(8, 0x60, "CS", "MR")
	o = o.element(0x10, 0x10, "PN", "MARKED^JANE").element(0x20, 0x0D, "UI", "1.2").element(0x20, 0x0E, "UI", "1.2.3").element(0x20, 0x13, "IS", "1")
	o = o.uint16(0x28, 2, 1).element(0x28, 4, "CS", "MONOCHROME2").element(0x28, 8, "IS", frames).uint16(0x28, 0x10, rows).uint16(0x28, 0x11, 16)
	return o.uint16(0x28, 0x100, 16).uint16(0x28, 0x101, 16).uint16(0x28, 0x102, 15).uint16(0x28, 0x103, 0)
}

func (o object) pixels() object {
	return append(o.long(0x7FE0, 0x10, "OW", 512), strings.Repeat("the quick brown fox jumps over a", 16)...)
}

// fragments appends compressed pixels: an offset table and code streams.
func (o object) fragments(offsets []uint32, streams ...[]byte) object {
	item := func(content []byte) {
		o = le.LittleEndian.AppendUint32(append(o, "\xfe\xff\x00\xe0"...), uint32(len(content)))
		o = append(o, content...)
	}
	o = o.long(0x7FE0, 0x10, "OB", 0xFFFFFFFF)
	var table []byte
	for _, offset := range offsets {
		table = le.LittleEndian.AppendUint32(table, offset)
	}
	item(table)
	for _, s := range streams {
		item(s)
	}
	return append(o, "\xfe\xff\xdd\xe0\x00\x00\x00\x00"...)
}

// nested is an object of sequences in sequences that never end.
func (o object) nested(group, element uint16, depth int) object {
	for range depth {
		o = append(o.long(group, element, "SQ", 0xFFFFFFFF), "\xfe\xff\x00\xe0\xff\xff\xff\xff"...)
	}
	return o
}

// hostileObjects are files that ask for more than they are, by name.
func hostileObjects(t *testing.T) map[string][]byte {
	plain := func() object { return dicomObject(explicitLE) }
	good := plain().image(16, "1").pixels()
	var bomb bytes.Buffer
	bomb.Write(dicomObject(deflated))
	w, err := flate.NewWriter(&bomb, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(object{}.image(16, "1").long(0x7FE0, 0x10, "OW", 400<<20))
	for range 400 {
		w.Write(make([]byte, 1<<20))
	}
	w.Close()
	cycle := make([]byte, 64+8) // an RLE frame whose segments begin in each other
	le.LittleEndian.PutUint32(cycle, 2)
	le.LittleEndian.PutUint32(cycle[4:], 70)
	le.LittleEndian.PutUint32(cycle[8:], 64)
	huge := slices.Concat([]byte("\xff\x4f\xff\x51\x00\x2f\x00\x00\x00\x00\xff\xff\x00\x00\xff\xff"), make([]byte, 60))
	return map[string][]byte{
		"truncated in its header":        good[:300],
		"truncated in its pixels":        good[:len(good)-9],
		"nested 20,000 deep":             plain().nested(0x0008, 0x1140, 20000),
		"nested deep in what is read":    plain().image(16, "1").nested(0x5200, 0x9229, 20000),
		"2 GB declared":                  plain().long(0x0008, 0x0008, "OB", 0x7FFFFFFE),
		"4 GB of pixels declared":        plain().image(16, "1").long(0x7FE0, 0x10, "OW", 0xFFFFFFFE),
		"65535 rows of 60000 frames":     plain().image(65535, "60000").pixels(),
		"wrong VR":                       bytes.Replace(good, []byte("\x28\x00\x10\x00US"), []byte("\x28\x00\x10\x00SH"), 1),
		"no VR":                          bytes.Replace(good, []byte("\x08\x00\x60\x00CS"), []byte("\x08\x00\x60\x00ZZ"), 1),
		"offsets of frames in a cycle":   dicomObject(rle).image(16, "2").fragments([]uint32{40, 0}, make([]byte, 32), make([]byte, 32), make([]byte, 32)),
		"offsets of segments in a cycle": dicomObject(rle).image(16, "1").fragments(nil, cycle),
		"a million fragments":            dicomObject(rle).image(16, "1").fragments(nil, make([][]byte, 1<<20)...),
		"JPEG 2000 of 65535 by 65535":    dicomObject(jpeg2000).image(16, "1").fragments(nil, huge),
		"400 MB deflated to 2":           bomb.Bytes(),
	}
}

// TestHostileFilesEndInARefusal sends each to the server as a scan, by STOW-RS, and as an instance that is committed, and says how long
// the worst took and how much memory the server and its children came to.
func TestHostileFilesEndInARefusal(t *testing.T) {
	server, address := serving(t, t.TempDir(), "--workers", "0")
	pid := server.Process.Pid
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o200); err != nil { // the peak begins anew
		t.Log(err)
	}
	var child atomic.Int64
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
			for _, list := range glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) {
				data, _ := os.ReadFile(list)
				for id := range strings.FieldsSeq(string(data)) {
					child.Store(max(child.Load(), peak(id)))
				}
			}
		}
	}()
	base := "http://" + address
	valid, err := http.Post(base+"/api/v1/scans", "application/dicom", bytes.NewReader(dicomObject(explicitLE).image(16, "1").pixels()))
	if err != nil || valid.StatusCode != http.StatusCreated {
		why, _ := io.ReadAll(valid.Body)
		t.Fatalf("what the files are made of is refused itself: %s %s, %v", valid.Status, why, err)
	}
	valid.Body.Close()
	var worst time.Duration
	var slowest string
	for name, file := range hostileObjects(t) {
		post := func(path string) (int, []byte) {
			t.Helper()
			start := time.Now()
			response, err := http.Post(base+path, "application/dicom", bytes.NewReader(file))
			if err != nil {
				t.Fatalf("%s to %s: %v", name, path, err)
			}
			defer response.Body.Close()
			answer, err := io.ReadAll(response.Body)
			if took := time.Since(start); took > worst {
				worst, slowest = took, name+" to "+path
			}
			if err != nil || bytes.Contains(answer, []byte("JANE")) {
				t.Errorf("%s to %s: %s, %v", name, path, answer, err)
			}
			return response.StatusCode, answer
		}
		refused := func(path string, status int, answer []byte) {
			t.Helper()
			var problem struct{ Detail string }
			if _ = json.Unmarshal(answer, &problem); status != http.StatusUnprocessableEntity || problem.Detail == "" {
				t.Errorf("%s to %s: %d %s", name, path, status, answer)
			}
		}
		status, answer := post("/api/v1/scans?method=zero-filled")
		refused("/scans", status, answer)
		if status, answer = post("/dicom-web/studies"); status != http.StatusConflict || !bytes.Contains(answer, []byte("00081197")) {
			t.Errorf("%s by STOW-RS: %d %s", name, status, answer)
		}
		status, answer = post("/api/v1/scans?commit=false")
		var held struct{ ID string }
		if status == http.StatusAccepted && json.Unmarshal(answer, &held) == nil { // its UIDs are in order
			status, answer = post("/api/v1/scans/" + held.ID + "/commit")
			r, _ := http.NewRequest(http.MethodDelete, base+"/api/v1/scans/"+held.ID, nil)
			if _, err := http.DefaultClient.Do(r); err != nil {
				t.Fatal(err)
			}
		}
		refused("/scans?commit=false", status, answer)
	}
	close(done)
	mine := peak(strconv.Itoa(pid))
	t.Logf("worst %v (%s); peak memory: server %d MiB, children %d MiB", worst, slowest, mine>>20, child.Load()>>20)
	if limit := int64(512 << 20); mine > limit || child.Load() > limit {
		t.Error("more than 512 MiB")
	}
	if child.Load() == 0 || mine == 0 {
		t.Error("the memory was not measured")
	}
}

func glob(pattern string) []string {
	found, _ := filepath.Glob(pattern)
	return found
}

// peak is the greatest resident size that a process had, in bytes.
func peak(pid string) int64 {
	data, _ := os.ReadFile("/proc/" + pid + "/status")
	_, after, _ := strings.Cut(string(data), "VmHWM:")
	var kib int64
	fmt.Sscan(after, &kib)
	return kib << 10
}
