package recon_test

import (
	"context"
	"slices"
	"testing"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// batched is zero filling that takes several slices at once and remembers how many.
type batched struct {
	recon.ZeroFilled
	sizes  []int
	cancel func()
}

func (b *batched) Reconstruct(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (kspace.Image, int, error) {
	x, _, err := b.ReconstructBatch(ctx, []kspace.Measurement{m}, progress)
	return x[0], 3, err
}

func (b *batched) ReconstructBatch(ctx context.Context, batch []kspace.Measurement, progress func(step, steps int)) (x []kspace.Image, nfe int, err error) {
	b.sizes = append(b.sizes, len(batch))
	if b.cancel != nil {
		b.cancel()
	}
	for _, m := range batch {
		one, _, err := b.ZeroFilled.Reconstruct(ctx, m, nil)
		if err != nil {
			return nil, 0, err
		}
		x = append(x, one)
	}
	progress(1, 2)
	progress(2, 2)
	return x, 3 * len(batch), ctx.Err()
}

// Slices are the same however many are reconstructed at once; batches are few and equal; finished slices are in none.
func TestBatchesAreTheirSlices(t *testing.T) {
	scan := newScan(7, 2)
	run := func(b *batched, size int, checkpoint recon.Checkpoint) *recon.Result {
		t.Helper()
		var done []float64
		p := recon.Pipeline{
			Scan: scan, Methods: []recon.Method{{Name: "batched", Reconstructor: b, Batch: size}}, Checkpoint: checkpoint,
			Progress: func(p recon.Progress) { done = append(done, p.Done()) },
		}
		rec, err := p.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSorted(done) || done[len(done)-1] != 7 {
			t.Errorf("progress %v", done)
		}
		return &rec.Results[0]
	}
	alone := &batched{}
	want := run(alone, 1, nil)
	if len(alone.sizes) != 7 {
		t.Errorf("batches of %v", alone.sizes)
	}
	finished := memoryCheckpoint{2: want.Slices[2], 5: want.Slices[5]}
	for _, c := range []struct {
		size       int
		checkpoint recon.Checkpoint
		sizes      []int
	}{{3, nil, []int{2, 2, 3}}, {16, nil, []int{7}}, {4, finished, []int{2, 3}}} {
		b := &batched{}
		got := run(b, c.size, c.checkpoint)
		if !slices.Equal(b.sizes, c.sizes) {
			t.Errorf("batches of %v, want %v", b.sizes, c.sizes)
		}
		for i, s := range got.Slices {
			if !slices.Equal(s.Magnitude, want.Slices[i].Magnitude) || s.Residual != want.Slices[i].Residual || s.NFE != 3 {
				t.Errorf("slice %d in batches of %d differs from itself alone", i, c.size)
			}
		}
	}
	if len(finished) != 7 {
		t.Errorf("%d slices were kept", len(finished))
	}
}

// What was cancelled in the middle of a batch is not kept.
func TestCancelledBatch(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	kept := memoryCheckpoint{}
	p := recon.Pipeline{
		Scan: newScan(5, 1), Methods: []recon.Method{{Name: "batched", Reconstructor: &batched{cancel: cancel}, Batch: 4}}, Checkpoint: kept,
	}
	if _, err := p.Run(ctx); err == nil || len(kept) > 0 {
		t.Errorf("%v, %d slices kept", err, len(kept))
	}
}

type memoryCheckpoint map[int]recon.SliceResult

func (m memoryCheckpoint) Load(_ context.Context, _ recon.Method, index int) (recon.SliceResult, bool, error) {
	s, ok := m[index]
	return s, ok, nil
}

func (m memoryCheckpoint) Save(_ context.Context, _ recon.Method, index int, s recon.SliceResult) error {
	m[index] = s
	return nil
}
