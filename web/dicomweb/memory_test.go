package dicomweb

import (
	"context"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// TestLargeObjectsTakeTurns: a request for one waits while others have the memory, and not for ever; small ones do not, nor whole files.
func TestLargeObjectsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const side = 2048
		large := small(1, 1, 1)
		large = append(large, "\x28\x00\x04\x00CS\x0C\x00MONOCHROME2 "...)
		for _, e := range [][2]uint16{{0x10, side}, {0x11, side}, {0x100, 16}, {0x101, 16}, {0x102, 15}, {0x103, 0}} {
			large = binary.LittleEndian.AppendUint16(append(large, 0x28, 0, byte(e[0]), byte(e[0]>>8), 'U', 'S', 2, 0), e[1])
		}
		large = append(large, 0xE0, 0x7F, 0x10, 0, 'O', 'W', 0, 0)
		large = append(binary.LittleEndian.AppendUint32(large, 2*side*side), make([]byte, 2*side*side)...)
		library := panicking{"large": large, "small": foreign("1.9", "", "")}
		s := &server{Config: Config{Library: library}, index: newIndex(library, nil), memory: newMemory()}
		routes := s.routes()
		get := func(ctx context.Context, path string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			routes.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
			return w
		}
		const instance = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
		const frame = instance + "/frames/1"
		if w := get(t.Context(), frame); w.Code != http.StatusOK || w.Body.Len() < 2*side*side {
			t.Fatalf("alone: %d, %d bytes: %s", w.Code, w.Body.Len(), w.Body.Bytes()[:min(200, w.Body.Len())])
		}
		if !s.memory.TryAcquire(sharedMemory) {
			t.Fatal("a request that has ended holds memory")
		}
		for _, path := range []string{frame, instance + "/rendered", instance + "/bulkdata/7FE00010"} {
			start := time.Now()
			if w := get(t.Context(), path); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || time.Since(start) != patience {
				t.Errorf("%s beside others: %d after %s", path, w.Code, time.Since(start))
			}
		}
		start := time.Now()
		for path, code := range map[string]int{instance: http.StatusOK, "/studies/1.9/series/1.9.1/instances/1.9.2/frames/1": http.StatusBadRequest} { // it has no pixels
			if w := get(t.Context(), path); w.Code != code || time.Since(start) > 0 {
				t.Errorf("%s beside others: %d after %s: %s", path, w.Code, time.Since(start), w.Body.Bytes()[:min(200, w.Body.Len())])
			}
		}
		time.AfterFunc(patience/2, func() { s.memory.Release(sharedMemory) })
		if w := get(t.Context(), frame); w.Code != http.StatusOK || time.Since(start) != patience/2 {
			t.Errorf("when the others have ended: %d after %s", w.Code, time.Since(start))
		}
	})
}
