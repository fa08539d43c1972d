package dicomweb

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/internal/sandbox"
	"github.com/closer-mri/closer/recon"
)

func TestMain(m *testing.M) {
	sandbox.Main() // returns unless this process is the sandboxed child of a test
	os.Exit(m.Run())
}

// submit makes a job of an input, as an intake does, and returns it.
func (s *served) submit(t testing.TB, input []byte) recon.Job {
	t.Helper()
	blob, err := s.blobs.Put(context.Background(), bytes.NewReader(input))
	if err != nil {
		t.Fatal(err)
	}
	job, _, err := s.queue.Submit(context.Background(), recon.NewJob(blob, recon.DefaultRecipe(), nil, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// The series that a job is made of is found and retrieved, as one file and as an archive, from the moment there is the job until it is
// gone.
func TestOriginalsAreServed(t *testing.T) {
	from := serve(t, 1, nil)
	series := from.series[0]
	dir := t.TempDir()
	var paths []string
	for _, f := range series.Files {
		paths = append(paths, filepath.Join(dir, f.InstanceUID))
		if err := os.WriteFile(paths[len(paths)-1], from.files[f.InstanceUID], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	archive := filepath.Join(dir, "archive")
	if _, err := dicomio.WriteArchive(archive, paths); err != nil {
		t.Fatal(err)
	}
	packed, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, 0, nil)
	s.submit(t, []byte("\x89HDF\r\n\x1a\n no DICOM"))
	s.submit(t, from.files[series.Files[1].InstanceUID])
	path := "/studies/" + series.StudyUID + "/series/" + series.SeriesUID
	if found := s.query(t, path+"/instances"); len(found) != 1 || found[0].first("00080018") != series.Files[1].InstanceUID {
		t.Fatalf("one file: %v", found)
	}
	whole := s.submit(t, packed)
	if found := s.query(t, "/series?SeriesInstanceUID="+series.SeriesUID); len(found) != 1 || found[0].first("00201209") != 3.0 || found[0].first("00201208") != 3.0 {
		t.Fatalf("with the archive: %v", found)
	}
	response, body := s.get(t, path, `multipart/related; type="application/dicom"; transfer-syntax=*`)
	files, _ := bodies(t, response, body)
	for i, f := range series.Files {
		if !bytes.Equal(files[i], from.files[f.InstanceUID]) {
			t.Errorf("file %d came back different", i)
		}
	}
	if _, err := s.queue.Cancel(context.Background(), whole.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.queue.Delete(context.Background(), whole.ID); err != nil {
		t.Fatal(err)
	}
	if found := s.query(t, path+"/instances"); len(found) != 1 {
		t.Errorf("%d instances after the job is gone", len(found))
	}
}

// A file that cannot be read hides its own series only, and not for ever; what changes is read at once.
func TestUnreadableFilesHideTheirSeriesOnly(t *testing.T) {
	s := serve(t, 1, nil)
	damaged := make([]byte, 1024)
	copy(damaged[257:], "ustar\x00")
	s.submit(t, damaged)
	missing := s.put(t, "dicom/unet/0001.dcm", []byte("content that is not there yet"))
	if err := s.blobs.Delete(context.Background(), missing.SHA256); err != nil {
		t.Fatal(err)
	}
	s.finish(t, strings.Repeat("b", 32), []recon.Artifact{missing})
	for range 2 {
		if found := s.query(t, "/series"); len(found) != 2 {
			t.Fatalf("%d series", len(found))
		}
	}
	s.addScan(t, 2)
	if found := s.query(t, "/series"); len(found) != 4 {
		t.Errorf("%d series after another job", len(found))
	}
}

// Frames of a compressed original come as they are to who takes any transfer syntax, and decoded to others; every encoding of one image
// gives the same pixels and the same picture.
func TestFramesOfCompressedOriginals(t *testing.T) {
	const dir = "../../../shared/data/dicom/"
	plain, err := os.ReadFile(dir + "siemens_ts_1.dcm")
	if err != nil {
		t.Skip("the scanners' files are not here (../shared/data/dicom)")
	}
	var picture []byte
	for _, name := range []string{"siemens_ts_1", "siemens_ts_2", "siemens_ts_3", "siemens_ts_4", "siemens_ts_5", "siemens_ts_7", "siemens_ts_9"} {
		data, err := os.ReadFile(dir + name + ".dcm")
		if err != nil {
			t.Fatal(err)
		}
		set, err := dicomio.ReadDataSet(data, 64)
		if err != nil {
			t.Fatal(err)
		}
		syntax := set.TransferSyntax
		s := serve(t, 0, nil)
		s.submit(t, data)
		path := "/studies/" + uidIn(t, set, 0x0020000D) + "/series/" + uidIn(t, set, 0x0020000E) + "/instances/" + uidIn(t, set, 0x00080018)
		for _, accept := range []string{"", `multipart/related; type="application/octet-stream"`, `multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1`} {
			response, body := s.get(t, path+"/frames/1", accept)
			parts, types := bodies(t, response, body)
			if len(parts) != 1 || !bytes.Equal(parts[0], pixelsOf(t, plain)) || types[0] != "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1" {
				t.Errorf("%s, %q: %d parts of type %v", name, accept, len(parts), types)
			}
		}
		response, body := s.get(t, path+"/frames/1", `multipart/related; type="application/octet-stream"; transfer-syntax=*`)
		parts, types := bodies(t, response, body)
		if dicomio.Compressed(syntax) {
			streams, err := dicomio.Streams(data)
			if err != nil || !bytes.Equal(parts[0], streams[0]) || types[0] != "application/octet-stream; transfer-syntax="+syntax || !bytes.Contains(data, parts[0]) {
				t.Errorf("%s as it is: type %v, %v", name, types, err)
			}
		} else if !bytes.Equal(parts[0], pixelsOf(t, plain)) || !strings.HasSuffix(types[0], "1.2.840.10008.1.2.1") {
			t.Errorf("%s as it is: type %v", name, types)
		}
		for _, small := range []string{"/rendered", "/thumbnail"} {
			response, body = s.get(t, path+small, "image/png")
			if img, err := png.Decode(bytes.NewReader(body)); err != nil || response.StatusCode != 200 || img.Bounds().Dx() < 100 {
				t.Fatalf("%s%s: %s, %v", name, small, response.Status, err)
			}
		}
		if picture == nil {
			picture = body
		}
		if !bytes.Equal(picture, body) {
			t.Errorf("%s: its picture is another", name)
		}
	}
}

func uidIn(t testing.TB, set dicomio.DataSet, tag uint32) string {
	e, ok := set.Find(tag)
	if !ok {
		t.Fatalf("no element %08X", tag)
	}
	return strings.TrimRight(string(e.Value), " \x00")
}

func pixelsOf(t testing.TB, file []byte) []byte {
	set, err := dicomio.ReadDataSet(file, dicomio.MaxFile)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := set.Find(0x7FE00010)
	return slices.Clone(e.Value)
}

// Every frame of an enhanced object is that frame, whichever was asked for before, native and compressed.
func TestFramesOfEnhancedOriginal(t *testing.T) {
	data, err := os.ReadFile("../../../shared/data/dicom/siemens_xa10_enh_6_1.dcm")
	if err != nil {
		t.Skip("the scanners' files are not here (../shared/data/dicom)")
	}
	set, err := dicomio.ReadDataSet(data, 64)
	if err != nil {
		t.Fatal(err)
	}
	pixels := pixelsOf(t, data)
	s := serve(t, 0, nil)
	s.submit(t, data)
	path := "/studies/" + uidIn(t, set, 0x0020000D) + "/series/" + uidIn(t, set, 0x0020000E) + "/instances/" + uidIn(t, set, 0x00080018)
	const size = 64 * 64 * 2
	for _, n := range []int{6, 1, 3, 3} {
		response, body := s.get(t, fmt.Sprintf("%s/frames/%d", path, n), "application/octet-stream")
		if response.StatusCode != 200 || !bytes.Equal(body, pixels[(n-1)*size:n*size]) {
			t.Errorf("frame %d: %s, %d bytes", n, response.Status, len(body))
		}
	}
	response, body := s.get(t, path+"/frames/2,5", "")
	if parts, _ := bodies(t, response, body); len(parts) != 2 || !bytes.Equal(parts[1], pixels[4*size:5*size]) {
		t.Errorf("two frames: %d parts", len(parts))
	}
	if response, _ := s.get(t, path+"/frames/7", ""); response.StatusCode != 404 {
		t.Errorf("a frame that is not there: %s", response.Status)
	}
}

// Bulk data is Explicit VR Little Endian however the file is encoded, compressed pixels decoded.
func TestBulkDataOfOriginals(t *testing.T) {
	const dir = "../../../shared/data/dicom/"
	plain, err := os.ReadFile(dir + "pydicom_MR_small.dcm")
	if err != nil {
		t.Skip("the scanners' files are not here (../shared/data/dicom)")
	}
	for _, name := range []string{"", "_RLE", "_bigendian", "_implicit", "_jp2klossless", "_jpeg_ls_lossless"} {
		data, err := os.ReadFile(dir + "pydicom_MR_small" + name + ".dcm")
		if err != nil {
			t.Fatal(err)
		}
		set, err := dicomio.ReadDataSet(data, 64)
		if err != nil {
			t.Fatal(err)
		}
		s := serve(t, 0, nil)
		s.submit(t, data)
		path := "/studies/" + uidIn(t, set, 0x0020000D) + "/series/" + uidIn(t, set, 0x0020000E) + "/instances/" + uidIn(t, set, 0x00080018)
		for _, accept := range []string{"application/octet-stream", `application/octet-stream; transfer-syntax="1.2.840.10008.1.2.1"`} {
			response, body := s.get(t, path+"/bulkdata/7FE00010", accept)
			if response.StatusCode != 200 || !bytes.Equal(body, pixelsOf(t, plain)) ||
				response.Header.Get("Content-Type") != "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1" {
				t.Errorf("%q: %s, %d bytes of %s", name, response.Status, len(body), response.Header.Get("Content-Type"))
			}
		}
		if response, _ := s.get(t, path+"/bulkdata/00080050", ""); response.StatusCode != 404 { // AccessionNumber, which is empty
			t.Errorf("%q, an empty element: %s", name, response.Status)
		}
	}
}

// The picture of a frame has the window of its functional groups, the frame's own before the shared one and that before the object's.
func TestWindowOfFrames(t *testing.T) {
	number := func(v string) dicomio.Attribute { return dicomio.Attribute{VR: "DS", Value: []any{json.Number(v)}} }
	window := func(center, width string) dicomio.Attributes {
		return dicomio.Attributes{"00281050": number(center), "00281051": number(width)}
	}
	group := func(a dicomio.Attributes) any {
		return dicomio.Attributes{"00289132": {VR: "SQ", Value: []any{a}}}
	}
	in := &instance{attributes: window("1", "10")}
	in.attributes["52009230"] = dicomio.Attribute{VR: "SQ", Value: []any{group(window("3", "30")), dicomio.Attributes{}, group(window("5", "0"))}}
	check := func(frame int, center, width float64) {
		t.Helper()
		if w := in.window(frame); w.center != center || w.width != width {
			t.Errorf("frame %d: %v; want %v, %v", frame, w, center, width)
		}
	}
	check(1, 3, 30)
	check(2, 1, 10)
	in.attributes["52009229"] = dicomio.Attribute{VR: "SQ", Value: []any{group(window("2", "20"))}}
	check(1, 3, 30)
	check(2, 2, 20)
	check(3, 2, 20)
	check(4, 2, 20)

	data, err := os.ReadFile("../../../shared/data/dicom/siemens_xa10_enh_6_1.dcm")
	if err != nil {
		t.Skip("the scanners' files are not here (../shared/data/dicom)")
	}
	set, err := dicomio.ReadDataSet(data, 64)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, 0, nil)
	s.submit(t, data)
	path := "/studies/" + uidIn(t, set, 0x0020000D) + "/series/" + uidIn(t, set, 0x0020000E) + "/instances/" + uidIn(t, set, 0x00080018)
	for _, kind := range []string{"/rendered", "/thumbnail"} {
		_, got := s.get(t, path+"/frames/1"+kind, "image/png")
		if _, want := s.get(t, path+"/frames/1"+kind+"?window=625,1361", "image/png"); !bytes.Equal(got, want) {
			t.Errorf("%s: the file's window is not applied", kind)
		}
	}
}
