package dicomweb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
)

// small is a DICOM file with what a search looks at.
func small(study, series, instance int) []byte {
	file := append(make([]byte, 128), "DICM\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00"...)
	element := func(group, element uint16, vr, value string) {
		if len(value)%2 == 1 {
			value += " "
		}
		file = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(file, group), element)
		file = binary.LittleEndian.AppendUint16(append(file, vr...), uint16(len(value)))
		file = append(file, value...)
	}
	element(0x08, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.4")
	element(0x08, 0x18, "UI", fmt.Sprintf("1.2.%d.%d.%d", study, series, instance))
	element(0x08, 0x20, "DA", time.Date(2000, 1, 1+study, 0, 0, 0, 0, time.UTC).Format("20060102"))
	element(0x08, 0x60, "CS", "MR")
	element(0x08, 0x103E, "LO", fmt.Sprintf("series %d, RESEARCH", series))
	element(0x10, 0x10, "PN", fmt.Sprintf("Anonymous^%d", study))
	element(0x10, 0x20, "LO", fmt.Sprint(study))
	element(0x20, 0x0D, "UI", fmt.Sprintf("1.2.%d", study))
	element(0x20, 0x0E, "UI", fmt.Sprintf("1.2.%d.%d", study, series))
	element(0x20, 0x11, "IS", fmt.Sprint(series))
	element(0x20, 0x13, "IS", fmt.Sprint(instance))
	return file
}

// content is a store of blobs without a disk.
type content struct {
	recon.Blobs
	files map[string][]byte
}

func (c content) Put(_ context.Context, r io.Reader) (recon.Blob, error) {
	data, err := io.ReadAll(r)
	name := fmt.Sprintf("%x", sha256.Sum256(data))
	c.files[name] = data
	return recon.Blob{SHA256: name, Size: int64(len(data))}, err
}

func (c content) Open(_ context.Context, name string) (io.ReadCloser, error) {
	if data, ok := c.files[name]; ok {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	return nil, recon.Errorf(recon.NotFound, "there is no such content")
}

// BenchmarkSearch asks a library of 2,000 jobs of 4 series of 10 instances, of which one job changes before each request.
func BenchmarkSearch(b *testing.B) {
	const jobs, seriesPerJob, instances = 2000, 4, 10
	ctx := context.Background()
	blobs := content{files: map[string][]byte{}}
	s := &served{queue: store.NewMemory(store.Options{}), blobs: blobs}
	for j := range jobs {
		var results []recon.Artifact
		for k := range seriesPerJob {
			for i := range instances {
				results = append(results, s.put(b, fmt.Sprintf("dicom/method%d/%04d.dcm", k, i+1), small(j+1, k+1, i+1)))
			}
		}
		s.finish(b, fmt.Sprintf("%032x", j), results)
	}
	if _, _, err := s.queue.Submit(ctx, recon.Job{ID: "running", Scan: "x", Created: time.Now()}); err != nil {
		b.Fatal(err)
	}
	lease, err := s.queue.Claim(ctx, "bench")
	if err != nil {
		b.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	h := New(Config{Library: Results(s.queue, blobs)})
	ask := func(b *testing.B, path string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if h.ServeHTTP(w, r); w.Code != 200 || !bytes.Contains(w.Body.Bytes(), []byte("0020000D")) {
			b.Fatalf("%s: %d %.200s", path, w.Code, w.Body)
		}
	}
	start := time.Now()
	ask(b, "/studies?limit=101")
	first := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	for _, path := range []string{
		"/studies?limit=101", "/studies?PatientName=*1999&limit=101", "/studies/1.2.7/series", "/studies/1.2.7/series/1.2.7.3/metadata",
		"/studies/1.2.7/series/1.2.7.3/instances/1.2.7.3.5/metadata",
	} {
		b.Run(path, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n++
				if err := lease.Update(ctx, recon.JobProgress{SlicesDone: n}, nil); err != nil {
					b.Fatal(err)
				}
				ask(b, path)
			}
		})
	}
	b.Logf("first request %v, index %d MiB", first, (int64(after.HeapAlloc)-int64(before.HeapAlloc))>>20)
}
