package fastmri

// #include "h5.h"
import "C"

import (
	"bytes"
	"slices"
	"unsafe"

	"github.com/closer-mri/closer/kspace"
)

// blockBytes bounds the slices of a slab that are kept once it was read; each further block reads all of it again.
var blockBytes = 512 << 20 // a constant but for tests

// block are slices [from, to) of a slab: (slice, coil, row, column). Its samples are measured in two axes of k-space, and in the third
// they were transformed.
type block struct {
	slab, from, to int
	samples        []complex64
}

// slice chooses the axis in which an acquisition was sampled throughout, whose places become slices: the partitions, where every one has
// the same columns, as a 2-D slice has, which is one; else the readout, where both phase encodes may be undersampled in any way. Partitions that are missing at the ends
// alone, by a slice resolution below 1 or partial Fourier, are zeros: each slice is then a measurement of a thicker one.
func (r *reader) slice(points []byte) error {
	rows := slices.Collect(slices.Chunk(points, r.Nx))
	centre := rows[len(rows)/2]
	if !slices.Contains(centre, 1) {
		return refusef("the header says that %d partitions were encoded; the central one was not acquired", r.Partitions)
	}
	last, even := -1, true
	for i, row := range rows {
		if !slices.Contains(row, 1) {
			continue
		}
		even = even && bytes.Equal(row, centre) && (last < 0 || last == i-1)
		last = i
		r.Acquired++
	}
	switch {
	case even && 8*r.Acquired < 3*r.Partitions:
		return refusef("%d of %d partitions were acquired; expected at least 3/8", r.Acquired, r.Partitions)
	case even:
		if r.Mask = centre; !slices.Contains(centre, 0) {
			r.Mask = nil
		}
	case r.Slabs > 1:
		return refusef("the acquisitions are of %d slabs whose partitions were undersampled; only one such slab can be reconstructed", r.Slabs)
	default:
		r.raw.across, r.Points = true, points
		r.Protocol.Encoded, r.Protocol.Recon = r.Protocol.Encoded.turned(), r.Protocol.Recon.turned()
		r.Ny = r.Partitions
	}
	r.Slices = r.places() * len(r.raw.slabs)
	if n := int64(r.Coils) * int64(r.Ny) * int64(r.depth()); n > maxSlice {
		return refusef("a column of all partitions has %d samples (%d coils); expected at most %d", n, r.Coils, maxSlice)
	}
	return r.check()
}

// turned exchanges the readout with the partitions.
func (s Space) turned() Space {
	return Space{X: s.Z, Y: s.Y, Z: s.X, FOVx: s.FOVz, FOVy: s.FOVy, FOVz: s.FOVx}
}

// places is how many slices of a slab are delivered, the central ones: the others are oversampling, or nearer to another slab.
func (r *reader) places() int { return r.inView() - r.Overlap }

// inView is how many slices of a slab the recon field of view holds.
func (r *reader) inView() int {
	switch e, d := r.Protocol.Encoded, r.Protocol.Recon; {
	case e.FOVz > 0 && d.FOVz > 0:
		return held(d.FOVz, e.FOVz, r.depth())
	case d.Z > 0:
		return min(d.Z, r.depth())
	default:
		return r.depth()
	}
}

// readRaw reads slice i of the image, and of what tells the coils' sensitivities in it.
func (r *reader) readRaw(i uint) (err error) {
	raw := r.raw
	places := r.Slices / len(raw.slabs)
	slab, place := int(i)/places, r.firstPlace()+int(i)%places
	if r.samples, err = r.take(&raw.readouts, slab, place); err != nil || raw.calibration == nil {
		return err
	}
	r.calibration, err = r.take(raw.calibration, slab%len(raw.calibration.slabs), place)
	return err
}

// take finds a place of a slab in the block that was read last, or reads the one that begins with it.
func (r *reader) take(of *readouts, slab, place int) ([]complex64, error) {
	n := r.Coils * r.Ny * of.width()
	if b := &of.block; slab != b.slab || place < b.from || place >= b.to {
		if err := r.fill(of, slab, place, min(place+max(1, blockBytes/(8*n)), r.firstPlace()+r.places())); err != nil {
			return nil, err
		}
	}
	return of.block.samples[(place-of.block.from)*n:][:n], nil
}

// width is how many columns are read.
func (of *readouts) width() int { return of.columns[1] - of.columns[0] }

// firstPlace is the first place of a slab that is delivered.
func (r *reader) firstPlace() int { return r.depth()/2 - r.places()/2 }

// depth is how many samples the axis has that is transformed.
func (r *reader) depth() int { return max(1, r.Protocol.Encoded.Z) }

// fill reads places [from, to) of a slab, column after column, whose third axis it transforms.
func (r *reader) fill(of *readouts, slab, from, to int) error {
	raw, depth, width := r.raw, r.depth(), of.width()
	rows := r.Coils * r.Ny
	n := rows * width
	samples := resize(of.block.samples, (to-from)*n)
	of.block = block{} // until this one is complete
	clear(samples)     // columns that were not acquired
	fft, plane := kspace.NewFFT(depth), make([]complex64, rows*depth)
	readout := make([]complex64, r.Coils*of.samples)
	for lines := of.slabs[slab]; len(lines) > 0; {
		column := lines[0].column
		clear(plane) // (coil, row, place)
		for ; len(lines) > 0 && lines[0].column == column; lines = lines[1:] {
			if err := raw.read(lines[0].at, readout); err != nil {
				return err
			}
			at, stride := int(lines[0].partition), depth
			if raw.across {
				at, stride = at*depth, 1
			}
			share := complex(lines[0].share, 0)
			for c := range r.Coils {
				coil := plane[c*r.Ny*depth+at+of.row*stride:]
				for j, v := range readout[c*of.samples+of.first:][:of.used] {
					coil[j*stride] += v * share
				}
			}
		}
		fft.Inverse(plane, plane, rows, 1, depth)
		for place := from; place < to; place++ {
			slice := samples[(place-from)*n:][:n]
			for row := range rows {
				slice[row*width+int(column)-of.columns[0]] = plane[row*depth+place]
			}
		}
	}
	if raw.whitening != nil {
		for slice := range slices.Chunk(samples, n) {
			kspace.Whiten(raw.whitening, slice, r.Coils)
		}
	}
	of.block = block{slab, from, to, samples}
	return nil
}

// read reads an acquisition (coils, samples).
func (raw *rawData) read(at int32, readout []complex64) error {
	result := C.fm_samples(C.hid_t(raw.dataset.ID()), C.hsize_t(at), C.size_t(2*len(readout)), (*C.float)(unsafe.Pointer(&readout[0])))
	return explain(result, "an acquisition of dataset data", "the samples that its header tells")
}
