package unet_test

import (
	"encoding/binary"
	"math"
	"math/cmplx"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/unet"
)

// A state dict of fastMRI's U-Net, converted, gives in this package what fastMRI's PyTorch model gave for the same image, within
// 1e-5. PyTorch's answer was recorded (train/testdata/fastmri_unet.py).
func TestConvertedFastMRIUNetAgreesWithPyTorch(t *testing.T) {
	python := os.Getenv("CLOSER_PYTHON")
	if python == "" || os.Getenv("ONNXRUNTIME_SHARED_LIBRARY_PATH") == "" {
		t.Skip("CLOSER_PYTHON or ONNXRUNTIME_SHARED_LIBRARY_PATH is not set: run make test")
	}
	file := filepath.Join(t.TempDir(), "unet.onnx")
	convert := exec.Command(python, "-m", "train.convert_fastmri_unet", "train/testdata/fastmri_unet.pt", "-o", file)
	convert.Dir = ".."
	if out, err := convert.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	model, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	network, err := ort.Open(model, ort.Options{Device: ort.CPU, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()

	const ny, nx = 32, 48
	recorded, err := os.Open("../train/testdata/fastmri_unet.f32")
	if err != nil {
		t.Fatal(err)
	}
	defer recorded.Close()
	planes, want := make([]float32, 2*ny*nx), make([]float32, ny*ny)
	for _, v := range [][]float32{planes, want} {
		if err := binary.Read(recorded, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	in := kspace.NewImage(ny, nx)
	in.SetPlanes(planes, ny, nx)

	// Everything is sampled, so that the zero-filled image is the image itself.
	everything := make(kspace.Mask, nx)
	for i := range everything {
		everything[i] = true
	}
	m := kspace.Measurement{Y: kspace.NewData(1, ny, nx), A: kspace.NewCartesian(ny, everything)}
	m.A.Forward(m.Y, in)
	got, _, err := (&unet.UNet{Runner: network}).Reconstruct(t.Context(), m, nil)
	if err != nil {
		t.Fatal(err)
	}
	var difference, norm float64
	for i, v := range got.Pix {
		x, y := i%nx, i/nx
		before := complex128(in.Pix[i])
		after := complex128(v)
		if x < 8 || x >= 40 { // outside the central square
			if cmplx.Abs(after-before) > 1e-4 {
				t.Fatalf("pixel (%d, %d) outside the square became %v from %v", y, x, after, before)
			}
			continue
		}
		w := float64(want[y*ny+x-8])
		// The network's image, real, with the phase of its input.
		difference += math.Pow(cmplx.Abs(after-complex(w, 0)*before/complex(cmplx.Abs(before), 0)), 2)
		norm += w * w
	}
	if d := math.Sqrt(difference / norm); !(d < 1e-5) {
		t.Errorf("differs from PyTorch by %.1e", d)
	}
}
