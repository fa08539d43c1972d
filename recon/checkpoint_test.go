package recon_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// breaking is zero filling that counts its slices and fails after some of them.
type breaking struct {
	computed *[]int
	after    int
}

var errBroken = errors.New("broken off")

func (b breaking) Reconstruct(ctx context.Context, m kspace.Measurement, progress func(int, int)) (kspace.Image, int, error) {
	if len(*b.computed) == b.after {
		return kspace.Image{}, 0, errBroken
	}
	*b.computed = append(*b.computed, m.Slice)
	return recon.ZeroFilled{}.Reconstruct(ctx, m, progress)
}

func openBlobs(t *testing.T) recon.Blobs {
	t.Helper()
	blobs, err := store.OpenBlobs(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return blobs
}

// A run that goes on where another broke off computes only what is missing, and its pixels are those of an unbroken run.
func TestCheckpointResumes(t *testing.T) {
	checkpoint := recon.JobCheckpoint{Blobs: openBlobs(t), Job: "job"}
	var computed []int
	attempt := func(after int, checkpoint recon.Checkpoint) (*recon.Reconstruction, error) {
		computed = nil
		p := recon.Pipeline{Scan: newScan(5, 2), Undersampling: &kspace.Undersampling{Kind: kspace.Gaussian1D, Mode: kspace.Exact, Accel: 2, ACS: 0.2},
			Methods: []recon.Method{{Name: "counted", Reconstructor: breaking{&computed, after}}}, Checkpoint: checkpoint}
		resumed := 0
		p.Progress = func(now recon.Progress) { resumed = now.Resumed }
		rec, err := p.Run(t.Context())
		if err == nil && resumed != 5-len(computed) {
			t.Errorf("%d slices were said to be resumed, %d were computed", resumed, len(computed))
		}
		return rec, err
	}
	unbroken, err := attempt(-1, nil)
	if err != nil || len(computed) != 5 {
		t.Fatal(computed, err)
	}
	if _, err := attempt(3, checkpoint); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	resumed, err := attempt(-1, checkpoint)
	if err != nil || fmt.Sprint(computed) != "[3 4]" {
		t.Fatalf("computed slices %v again: %v", computed, err)
	}
	for i, s := range resumed.Results[0].Slices {
		want := unbroken.Results[0].Slices[i]
		if !reflect.DeepEqual(s.Magnitude, want.Magnitude) || s.Residual != want.Residual || s.NFE != want.NFE {
			t.Errorf("slice %d is not what an unbroken run gives", i)
		}
	}
	if err := checkpoint.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := attempt(-1, checkpoint); err != nil || len(computed) != 5 {
		t.Errorf("after Clear %v were computed: %v", computed, err)
	}
}

// Slices made by other networks, of another job, and damaged ones are not taken for finished.
func TestCheckpointTakesOnlyItsOwn(t *testing.T) {
	blobs := openBlobs(t)
	c := recon.JobCheckpoint{Blobs: blobs, Job: "a"}
	method := recon.Method{Name: "unet", Models: []recon.Model{{Name: "unet", SHA256: strings.Repeat("1", 64)}}}
	want := recon.SliceResult{Magnitude: []float32{1, 2.5, 3e-30}, Spread: []float32{0, 1, 2}, NFE: 7}
	if err := c.Save(t.Context(), method, 2, want); err != nil {
		t.Fatal(err)
	}
	if got, found, err := c.Load(t.Context(), method, 2); err != nil || !found || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v %v", got, found, err)
	}
	other := method
	other.Models = []recon.Model{{Name: "unet", SHA256: strings.Repeat("2", 64)}}
	for name, load := range map[string]func() (recon.SliceResult, bool, error){
		"other networks": func() (recon.SliceResult, bool, error) { return c.Load(t.Context(), other, 2) },
		"another device": func() (recon.SliceResult, bool, error) {
			other := method
			other.Device = "cuda"
			return c.Load(t.Context(), other, 2)
		},
		"another precision": func() (recon.SliceResult, bool, error) {
			other := method
			other.Precision = "fp16"
			return c.Load(t.Context(), other, 2)
		},
		"another version": func() (recon.SliceResult, bool, error) {
			return recon.JobCheckpoint{Blobs: blobs, Job: "a", Software: recon.Software{Version: "2"}}.Load(t.Context(), method, 2)
		},
		"another slice": func() (recon.SliceResult, bool, error) { return c.Load(t.Context(), method, 1) },
		"another job": func() (recon.SliceResult, bool, error) {
			return recon.JobCheckpoint{Blobs: blobs, Job: "b"}.Load(t.Context(), method, 2)
		},
		"damaged": func() (recon.SliceResult, bool, error) {
			return recon.JobCheckpoint{Blobs: damaging{blobs}, Job: "a"}.Load(t.Context(), method, 2)
		},
	} {
		if got, found, err := load(); err != nil || found {
			text, _ := json.Marshal(got)
			t.Errorf("%s: %s %v %v", name, text, found, err)
		}
	}
}

// damaging flips a bit of each piece.
type damaging struct{ recon.Blobs }

func (d damaging) Piece(ctx context.Context, name string) ([]byte, error) {
	data, err := d.Blobs.Piece(ctx, name)
	if err == nil {
		data[len(data)-1] ^= 1
	}
	return data, err
}
