package fastmri

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/sandbox"
	"github.com/closer-mri/closer/recon"
)

// scan opens a small simulated file.
func scan(t *testing.T) (recon.Scan, []recon.Slice) {
	t.Helper()
	s, want := simulated(rand.New(rand.NewPCG(3, 1)))
	path := filepath.Join(t.TempDir(), "s.h5")
	if err := WriteSimulated(path, s); err != nil {
		t.Fatal(err)
	}
	opened, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	return opened, want
}

// A canceled read says so and costs one reader, not the scan.
func TestReadAfterCancel(t *testing.T) {
	opened, want := scan(t)
	var got recon.Slice
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := opened.ReadSlice(ctx, 0, &got); recon.CodeOf(err) != recon.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled read: got %v", err)
	}
	opened.(*Scan).process.Close() // as a cancellation in the middle of an exchange leaves it
	if err := opened.ReadSlice(t.Context(), 0, &got); err != nil {
		t.Fatal(err)
	}
	equal(t, "k-space after the restart", got.KSpace, want[0].KSpace)
}

func TestReadSliceReusesMemory(t *testing.T) {
	opened, _ := scan(t)
	var s recon.Slice
	if err := opened.ReadSlice(t.Context(), 0, &s); err != nil {
		t.Fatal(err)
	}
	k, r := &s.KSpace.Val[0], &s.Reference[0]
	if err := opened.ReadSlice(t.Context(), 0, &s); err != nil {
		t.Fatal(err)
	}
	if k != &s.KSpace.Val[0] || r != &s.Reference[0] {
		t.Error("the second read allocated again")
	}
}

func TestReadSliceFromSeveralGoroutines(t *testing.T) {
	opened, want := scan(t)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			var s recon.Slice
			for n := range 200 {
				i := (g + n) % len(want)
				if err := opened.ReadSlice(t.Context(), i, &s); err != nil {
					t.Error(err)
					return
				}
				equal(t, "k-space", s.KSpace, want[i].KSpace)
			}
		})
	}
	wg.Wait()
}

func TestReadSliceOutsideTheScan(t *testing.T) {
	opened, want := scan(t)
	var s recon.Slice
	for _, i := range []int{-1, len(want), 1 << 40} {
		if err := opened.ReadSlice(t.Context(), i, &s); recon.CodeOf(err) != recon.Invalid {
			t.Errorf("slice %d: got %v", i, err)
		}
	}
	opened.Close()
	if err := opened.ReadSlice(t.Context(), 0, &s); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: got %v", err)
	}
	if err := opened.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// Large files get more time, unless the caller says how much.
func TestTimeOfLargeFiles(t *testing.T) {
	small, large := atLeast(sandbox.Limits{}, 1<<20), atLeast(sandbox.Limits{}, 6<<30)
	equal(t, "small", small, sandbox.Limits{Wall: sandbox.DefaultWall, CPU: sandbox.DefaultCPU})
	equal(t, "large", large, sandbox.Limits{Wall: sandbox.DefaultWall + 384*time.Second, CPU: sandbox.DefaultCPU + 4*384*time.Second})
	given := sandbox.Limits{Wall: time.Second, CPU: 2 * time.Second}
	equal(t, "given", atLeast(given, 6<<30), given)
}
