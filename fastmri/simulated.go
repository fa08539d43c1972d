package fastmri

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
	"gonum.org/v1/hdf5"
)

// SimulatedVendor stands where a scanner's manufacturer would: no reader can take a simulated file for a measured one.
const SimulatedVendor = "SIMULATED"

// Simulated describes a file of computed k-space in the fastMRI layout.
type Simulated struct {
	Acquisition    string // for example AXFLAIR
	Slices         int
	Coils          int // 1 writes the single-coil layout: no coil dimension, and reconstruction_esc beside reconstruction_rss
	Ny, Nx         int // k-space: readout rows with oversampling, phase-encode columns
	Encoded, Recon Space
	Field          float64 // tesla; 0 leaves it out
	Sequence       recon.Sequence

	// Mask marks the columns that Slice leaves non-zero; nil for fully sampled files, which alone carry references.
	Mask            kspace.Mask
	NumLowFrequency int // fully sampled columns in the centre, written with Mask

	// Slice computes slice i into dst, reusing its memory: KSpace (Coils, Ny, Nx) and, unless there is a Mask, Reference
	// (Recon.X, Recon.Y) magnitude. It is called once for each slice, in order, so that no volume is held in memory.
	Slice func(i int, dst *recon.Slice) error

	Attributes []Attribute // more attributes of the root, for example where the images came from
}

func (s *Simulated) validate() error {
	switch {
	case s.Slices < 1 || s.Coils < 1 || s.Ny < 1 || s.Nx < 1:
		return fmt.Errorf("simulated file: %d slices of %d coils, %d × %d: nothing to write", s.Slices, s.Coils, s.Ny, s.Nx)
	case s.Slice == nil:
		return errors.New("simulated file: no function to compute slices")
	case s.Mask != nil && len(s.Mask) != s.Nx:
		return fmt.Errorf("simulated file: mask of %d columns for k-space of %d", len(s.Mask), s.Nx)
	case s.Mask == nil && (s.Recon.X < 1 || s.Recon.Y < 1):
		return fmt.Errorf("simulated file: reference images of %d × %d", s.Recon.X, s.Recon.Y)
	}
	return nil
}

// WriteSimulated writes the file at path, whole or not at all; the same content gives the same bytes. Besides what fastMRI
// files hold it has the attribute simulated = 1, patient_id is the word "simulated", and the vendor is SimulatedVendor.
// max and norm are those of the reference.
func WriteSimulated(path string, s Simulated) error {
	if err := s.validate(); err != nil {
		return err
	}
	return writeFile(path, func(f *hdf5.File) error {
		sum, err := s.writeSlices(f)
		if err != nil {
			return err
		}
		p := protocol{Encoded: s.Encoded, Recon: s.Recon, Field: s.Field, Vendor: SimulatedVendor,
			TR: s.Sequence.TR, TE: s.Sequence.TE, TI: s.Sequence.TI, Flip: s.Sequence.FlipAngle, EchoTrain: s.Sequence.EchoTrainLength}
		if err := writeText(f, "ismrmrd_header", formatHeader(p, s.Coils, s.Slices), false); err != nil {
			return err
		}
		attributes := []Attribute{{"acquisition", s.Acquisition}, {"patient_id", "simulated"}, {"simulated", 1}}
		if s.Mask != nil {
			if err := writeMask(f, s.Mask); err != nil {
				return err
			}
			attributes = append(attributes, Attribute{"acceleration", s.Mask.Acceleration()}, Attribute{"num_low_frequency", s.NumLowFrequency})
		} else {
			attributes = append(attributes, Attribute{"max", sum.max}, Attribute{"norm", math.Sqrt(sum.squares)})
		}
		return writeAttributes(f, append(attributes, s.Attributes...))
	})
}

// summary is of the reference volume.
type summary struct{ max, squares float64 }

func (s *Simulated) writeSlices(f *hdf5.File) (sum summary, err error) {
	dims := []int{s.Slices, s.Coils, s.Ny, s.Nx}
	names := []string{"reconstruction_rss"}
	if s.Coils == 1 {
		dims = []int{s.Slices, s.Ny, s.Nx}
		names = []string{"reconstruction_esc", "reconstruction_rss"} // equal for one coil
	}
	if s.Mask != nil {
		names = nil
	}
	data, err := createVolume(f, "kspace", true, dims...)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	var references []*volume
	for _, name := range names {
		v, createErr := createVolume(f, name, false, s.Slices, s.Recon.X, s.Recon.Y)
		if createErr != nil {
			return sum, createErr
		}
		defer func() { err = errors.Join(err, v.close()) }()
		references = append(references, v)
	}
	var slice recon.Slice
	for i := range s.Slices {
		if err := s.Slice(i, &slice); err != nil {
			return sum, fmt.Errorf("simulated file: slice %d: %w", i, err)
		}
		k := slice.KSpace
		if k.Nc != s.Coils || k.Ny != s.Ny || k.Nx != s.Nx || len(k.Val) != s.Coils*s.Ny*s.Nx {
			return sum, fmt.Errorf("simulated file: slice %d has %d coils of %d × %d, expected %d of %d × %d", i, k.Nc, k.Ny, k.Nx, s.Coils, s.Ny, s.Nx)
		}
		if err := data.put(i, unsafe.Pointer(&k.Val[0])); err != nil {
			return sum, err
		}
		if len(references) == 0 {
			continue
		}
		if len(slice.Reference) != s.Recon.X*s.Recon.Y {
			return sum, fmt.Errorf("simulated file: reference of slice %d has %d values, expected %d × %d", i, len(slice.Reference), s.Recon.X, s.Recon.Y)
		}
		for _, v := range references {
			if err := v.put(i, unsafe.Pointer(&slice.Reference[0])); err != nil {
				return sum, err
			}
		}
		for _, p := range slice.Reference {
			sum.max = max(sum.max, float64(p))
			sum.squares += float64(p) * float64(p)
		}
	}
	return sum, nil
}
