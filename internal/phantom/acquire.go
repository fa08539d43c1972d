package phantom

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/closer-mri/closer/kspace"
)

// Acquisition is a simulated scan. The zero value of Matrix and Coils takes the default in brackets.
type Acquisition struct {
	Matrix    int     // reconstructed pixels per axis over the field of view [320]
	Coils     int     // 1 to 64 [1]
	Noise     float64 // σ in real and in imaginary part of every coil's k-space and image, 1.0 the brightest tissue; 0.005 is a good scan
	NoiseSeed uint64
	PhaseSeed uint64 // smooth phase; 0 has none
}

// Acquired is one slice as the scanner would store it.
type Acquired struct {
	Index     int
	K         kspace.Data // (Coils, ny, nx) of Grid, fully sampled, in raw units (RawScale)
	Reference []float32   // (Matrix, Matrix) magnitude, see Reference
}

// Defaults returns a with its zero fields filled in, or what is wrong with a.
func (a Acquisition) Defaults() (Acquisition, error) {
	if a.Matrix == 0 {
		a.Matrix = 320
	}
	if a.Coils == 0 {
		a.Coils = 1
	}
	switch {
	case a.Matrix < 16 || a.Matrix > 1024:
		return a, fmt.Errorf("the matrix must have 16 to 1024 pixels, not %d", a.Matrix)
	case a.Coils < 1 || a.Coils > 64:
		return a, fmt.Errorf("there can be 1 to 64 coils, not %d", a.Coils)
	case !(a.Noise >= 0 && a.Noise <= 1):
		return a, fmt.Errorf("the noise must be between 0 and 1 of the brightest tissue, not %g", a.Noise)
	}
	return a, nil
}

// Grid returns the shape of the acquired k-space: readout oversampled twice, phase encode over a field of view 15 % wider than the
// reconstructed one, rounded to even. 320 gives (640, 368), as fastMRI files have.
func (a Acquisition) Grid() (ny, nx int) {
	return 2 * a.Matrix, 2 * int(math.Round(1.15*float64(a.Matrix)/2))
}

// Scanner scans the slices of a source in any order; each depends on its index alone. It serves one goroutine at a time.
//
// A slice fills the field of view. When it is square and an integer multiple of Matrix, as a Head's is, the scanner sees all
// of it and keeps the low frequencies. An image of any other size is first made square with zeros and resampled to Matrix by cropping
// its k-space or padding it with zeros: padding adds no detail.
type Scanner struct {
	Acquisition
	src   Source
	coils *array
	zooms map[int]*zoom // by supersampling factor
}

// NewScanner returns a scanner of src, or what is wrong with a.
func NewScanner(src Source, a Acquisition) (*Scanner, error) {
	a, err := a.Defaults()
	if err != nil {
		return nil, err
	}
	return &Scanner{a, src, newArray(a.Coils), map[int]*zoom{}}, nil
}

// Scan acquires slice i.
func (s *Scanner) Scan(i int) (Acquired, error) {
	x, err := s.src.Slice(i)
	if err != nil {
		return Acquired{}, fmt.Errorf("slice %d: %w", i, err)
	}
	k := s.scan(fit(x, s.Matrix), i)
	return Acquired{i, k, Reference(k, s.Matrix)}, nil
}

// scan returns noisy k-space of x, which fills the field of view with a multiple of Matrix pixels.
func (s *Scanner) scan(x kspace.Image, slice int) kspace.Data {
	ny, nx := s.Grid()
	factor := x.Ny / s.Matrix
	if s.zooms[factor] == nil {
		s.zooms[factor] = newZoom(ny, nx, factor)
	}
	phase := newPhase(s.PhaseSeed, slice)
	pitch := FOV / float64(x.Nx)
	turned := x.Clone()
	position := func(i int) (float64, float64) {
		return float64(i%x.Nx-x.Nx/2) * pitch, float64(i/x.Nx-x.Ny/2) * pitch
	}
	for i, v := range x.Pix {
		if v != 0 {
			turned.Pix[i] = complex64(complex128(v) * phase.at(position(i)))
		}
	}
	k := kspace.NewData(s.Coils, ny, nx)
	seen := kspace.NewImage(x.Ny, x.Nx)
	for c := range s.Coils {
		for i, v := range turned.Pix {
			if v != 0 {
				px, py := position(i)
				seen.Pix[i] = complex64(complex128(v) * s.coils.at(c, px, py))
			}
		}
		s.zooms[factor].forward(k.Coil(c), seen)
		addNoise(k.Coil(c).Pix, s.Noise, s.NoiseSeed, slice, c)
	}
	kspace.Scale(k.Val, RawScale)
	return k
}

// addNoise adds complex Gaussian noise, its own stream for each slice and coil.
func addNoise(v []complex64, sigma float64, seed uint64, slice, coil int) {
	if sigma == 0 {
		return
	}
	r := rand.New(rand.NewPCG(seed, uint64(slice)<<16|uint64(coil)))
	for i := range v {
		v[i] += complex(float32(sigma*r.NormFloat64()), float32(sigma*r.NormFloat64()))
	}
}

// Reference returns the image that fastMRI stores beside fully sampled k-space: the central (matrix, matrix) of the magnitude of its
// inverse transform for one coil (reconstruction_esc), of the root sum of squares for several (reconstruction_rss).
func Reference(k kspace.Data, matrix int) []float32 {
	fft := kspace.NewFFT2(k.Ny, k.Nx)
	coils := kspace.NewData(k.Nc, matrix, matrix)
	full := kspace.NewImage(k.Ny, k.Nx)
	for c := range k.Nc {
		fft.Inverse(full.Pix, k.Coil(c).Pix)
		kspace.CropImage(coils.Coil(c), full)
	}
	return kspace.RSS(nil, coils)
}
