package fastmri

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/sandbox"
	"github.com/closer-mri/closer/recon"
)

func TestMutations(t *testing.T) {
	needPython(t)
	dir := t.TempDir()
	if out, err := exec.Command(python, "testdata/gen.py", "cases", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	surviveMutations(t, dir, 800, "ok_plain", "ok_gzip", "ok_latest", "ok_mask_bool", "bad_external_storage_secret", "bad_external_link_kspace")
}

func TestISMRMRDMutations(t *testing.T) {
	surviveMutations(t, rawFiles(t), 300, "ok_separate_numbered", "ok_changing_separate", "ok_slab_scattered_separate", "bad_external")
}

// surviveMutations opens damaged copies of small files: each is read as something well-formed or refused with a sentence; the parent
// lives, nothing of another file or of the patient comes out, and no child exceeds its memory.
func surviveMutations(t *testing.T, dir string, mutations int, names ...string) {
	t.Helper()
	var bases [][]byte
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name+".h5"))
		if err != nil {
			t.Fatal(err)
		}
		bases = append(bases, b)
	}

	var mu sync.Mutex
	outcomes := map[string]int{}
	var worst sandbox.Usage
	begin := time.Now()
	work := make(chan int)
	var workers sync.WaitGroup
	for range 3 { // two cores, and children that start
		workers.Go(func() {
			for n := range work {
				rng := rand.New(rand.NewPCG(uint64(n), 20))
				path := filepath.Join(dir, fmt.Sprintf("mutant%d.h5", n))
				if err := os.WriteFile(path, mutate(rng, bases[n%len(bases)]), 0o600); err != nil {
					t.Error(err)
					continue
				}
				start := time.Now()
				h, slices, usage, err := readAll(t, path, 20*time.Second)
				if took := time.Since(start); took > 2*time.Second {
					t.Logf("mutant %d took %.1f s: %v", n, took.Seconds(), err)
				}
				os.Remove(path)
				outcome := "read"
				if err != nil {
					outcome = "refused"
					var end *recon.Error
					if !errors.As(err, &end) || end.Code != recon.Invalid || len(end.Message) < 20 {
						t.Errorf("mutant %d: %s: %q", n, recon.CodeOf(err), err)
					}
					if end != nil && end.Message == "the file could not be read safely: the reader crashed" {
						outcome = "crashed the child"
					}
				} else if err := wellFormed(h, slices); err != nil {
					t.Errorf("mutant %d: %v", n, err)
				}
				if secret := leaks(h, slices, err); secret != "" {
					t.Errorf("mutant %d leaks %q", n, secret)
				}
				mu.Lock()
				outcomes[outcome]++
				worst.MaxRSS, worst.CPU = max(worst.MaxRSS, usage.MaxRSS), max(worst.CPU, usage.CPU)
				mu.Unlock()
			}
		})
	}
	for n := range mutations {
		work <- n
	}
	close(work)
	workers.Wait()
	t.Logf("%d mutants in %.1f s: %v; worst child %d MiB resident, %v CPU", mutations, time.Since(begin).Seconds(), outcomes, worst.MaxRSS>>20, worst.CPU)
	if worst.MaxRSS > testMemory+256<<20 { // beside the cap: the program itself, and the parent's peak, which Linux counts in
		t.Errorf("a child used %d MiB", worst.MaxRSS>>20)
	}
	if outcomes["read"] == 0 || outcomes["refused"] == 0 {
		t.Errorf("mutations too weak or too strong: %v", outcomes)
	}
}

// mutate damages a copy of b in one of the ways that files are damaged, or attacked.
func mutate(rng *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	switch rng.IntN(8) {
	case 0: // cut short
		return b[:1+rng.IntN(len(b)-1)]
	case 1: // a few bytes anywhere
		for range 1 + rng.IntN(20) {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
	case 2: // many bytes anywhere
		for range 200 {
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
	case 3: // the structures at the front
		for range 1 + rng.IntN(8) {
			b[rng.IntN(min(len(b), 2048))] = byte(rng.Uint32())
		}
	case 4: // extreme numbers: sizes, counts, addresses
		for range 1 + rng.IntN(4) {
			at := rng.IntN(len(b) - 8)
			fill := []byte{0xff, 0x7f, 0x80, 0}[rng.IntN(4)]
			for i := range 1 << rng.IntN(4) {
				b[at+i] = fill
			}
		}
	case 5: // the global heap, where strings of variable length live
		if at := bytes.Index(b, []byte("GCOL")); at >= 0 {
			for range 1 + rng.IntN(6) {
				b[at+4+rng.IntN(min(64, len(b)-at-4))] = byte(rng.Uint32())
			}
		}
	case 6: // a block copied over another
		n := 1 + rng.IntN(min(512, len(b)/2))
		copy(b[rng.IntN(len(b)-n):], b[rng.IntN(len(b)-n):][:n])
	case 7: // signature, then noise
		for i := range b[8:] {
			b[8+i] = byte(rng.Uint32())
		}
	}
	return b
}

// wellFormed checks what every caller relies on.
func wellFormed(h recon.Header, slices []recon.Slice) error {
	if h.Slices < 1 || h.Coils < 1 || h.ReconNy < 1 || h.ReconNx < 1 || len(slices) != h.Slices {
		return fmt.Errorf("header %+v with %d slices", h, len(slices))
	}
	if h.Mask != nil && len(h.Mask) != h.Nx || h.Masks != nil && (h.Mask == nil || len(h.Masks) != h.Slices) {
		return fmt.Errorf("mask of %d for %d columns, %d masks of %d slices", len(h.Mask), h.Nx, len(h.Masks), h.Slices)
	}
	for i, s := range slices {
		if got := []int{s.KSpace.Nc, s.KSpace.Ny, s.KSpace.Nx}; !reflect.DeepEqual(got, []int{h.Coils, h.Ny, h.Nx}) {
			return fmt.Errorf("slice %d has shape %v", i, got)
		}
		if c := s.Calibration; len(c.Val) != h.Coils*h.Ny*h.Calibration.Width() || notFinite(c.Val) >= 0 {
			return fmt.Errorf("slice %d has %d samples of calibration %+v", i, len(c.Val), h.Calibration)
		}
		if at := notFinite(s.KSpace.Val); at >= 0 {
			return fmt.Errorf("slice %d is not finite at %d", i, at)
		}
		if (s.Reference != nil) != (h.Reference != "") || s.Reference != nil && len(s.Reference) != h.ReconNy*h.ReconNx {
			return fmt.Errorf("slice %d has a reference of %d", i, len(s.Reference))
		}
	}
	return nil
}
