package recon

import (
	"math"
	"slices"

	"github.com/closer-mri/closer/kspace"
)

// prepared is one slice ready for every method: the normalised inverse problem, and the factor back to the units of the input.
type prepared struct {
	measurement kspace.Measurement
	heldOut     kspace.Measurement // of the columns that methods do not see; A is nil when there are none
	scale       float32
	reference   []float32
	kept        float64 // share of the coils' energy that methods are given
}

// measurer turns stored slices into inverse problems. Nothing it does to a measurement looks at the reference, at samples
// outside the mask or at those held out.
type measurer struct {
	header   Header
	centre   centre
	sampling Sampling // every column where nothing is undersampled
	protocol Protocol
}

func newMeasurer(rec *Reconstruction) *measurer {
	p := &measurer{header: rec.Header, centre: rec.mapsFrom(), protocol: rec.Protocol}
	if rec.Sampling != nil {
		p.sampling = *rec.Sampling
	} else {
		p.sampling.Columns = kspace.Every(rec.columns())
	}
	return p
}

// rows is the height of the images that methods see: the readout oversampling is removed first, since the readout is fully
// sampled and rows are independent of one another under a 1-D mask. Where both axes are phase encode there is none to remove.
func rows(h Header) int {
	if h.Points != nil {
		return h.Ny
	}
	return min(h.Ny, h.ReconNy)
}

// prepare builds the inverse problem of slice i, and an image as bright as the slice, in the units of the input: the zero-filled one, unless
// it is darker for having no centre of its own.
func (p *measurer) prepare(i int, s *Slice) (prepared, kspace.Image, error) {
	y := cropReadout(s.KSpace, rows(p.header))
	if p.protocol == ScoreMRI320 {
		y = p.imageGrid(y)
	}
	held := kspace.Data{Nc: y.Nc, Ny: y.Ny, Nx: y.Nx}
	if p.sampling.HeldOut != nil {
		held.Val = slices.Clone(y.Val)
	}
	p.undersample(i, y, held)
	y, held, maps, kept := p.receive(y, held, s.Calibration)
	a, b := p.operators(i, maps, held.Val != nil)
	m := kspace.Measurement{Slice: i, Y: y, A: a, Settling: p.settling()}
	x := m.Start(0)
	scale, err := normalisation(x.Magnitude(nil))
	if err != nil {
		return prepared{}, kspace.Image{}, Errorf(Invalid, "slice %d: %w", i, err)
	}
	kspace.Scale(y.Val, 1/scale)
	out := prepared{measurement: m, scale: scale, reference: slices.Clone(s.Reference), kept: kept}
	if p.sampling.HeldOut != nil {
		kspace.Scale(held.Val, 1/scale)
		out.heldOut = kspace.Measurement{Slice: i, Y: held, A: b}
	}
	return out, x, nil
}

// normalisation returns what a slice is divided by, given the magnitudes of an image as bright: their 99.5th percentile, 1 where that is 0.
func normalisation(magnitudes []float32) (float32, error) {
	if largest := percentile(magnitudes, 100); !(largest <= math.MaxFloat32) {
		return 0, Errorf(Invalid, "its samples are too large: the zero-filled image exceeds single precision (%.3g); divide the scan's samples by a constant",
			math.MaxFloat32)
	}
	scale := float32(percentile(magnitudes, 99.5))
	if scale == 0 {
		return 1, nil
	}
	if 1/scale > math.MaxFloat32 {
		return 0, Errorf(Invalid, "its samples are too small: the 99.5th percentile of the zero-filled image is %.3g, whose inverse exceeds single precision; "+
			"multiply the scan's samples by a constant", scale)
	}
	return scale, nil
}

// undersample removes from y and held, of slice i, what each is not to have.
func (p *measurer) undersample(i int, y, held kspace.Data) {
	if points := p.sampling.Points; points != nil {
		points.Apply(y)
		if held.Val != nil {
			p.sampling.HeldOutPoints.Apply(held)
		}
		return
	}
	mask, heldOut := p.sampling.of(i)
	mask.Apply(y)
	if held.Val != nil {
		heldOut.Apply(held)
	}
}

// operators returns the operators that measure what undersample leaves of slice i. Without anything held out the second is nil.
func (p *measurer) operators(i int, maps kspace.Data, heldOut bool) (a, b kspace.Operator) {
	if points := p.sampling.Points; points != nil {
		if a = kspace.NewScattered(maps, points); heldOut {
			b = kspace.NewScattered(maps, p.sampling.HeldOutPoints)
		}
		return a, b
	}
	sampled := func(m kspace.Mask) kspace.Operator {
		if maps.Nc == 1 {
			return kspace.NewCartesian(maps.Ny, m)
		}
		return kspace.NewSense(maps, m)
	}
	mask, held := p.sampling.of(i)
	if a = sampled(mask); heldOut {
		b = sampled(held)
	}
	return a, b
}

// cropReadout removes readout oversampling without loss: inverse transform along the readout, keep the central ny rows,
// transform back. The result has its own memory.
func cropReadout(k kspace.Data, ny int) kspace.Data {
	out := kspace.NewData(k.Nc, ny, k.Nx)
	long, short := kspace.NewFFT(k.Ny), kspace.NewFFT(ny)
	hybrid := kspace.NewImage(k.Ny, k.Nx)
	for c := range k.Nc {
		dst := out.Coil(c)
		if ny == k.Ny {
			copy(dst.Pix, k.Coil(c).Pix)
			continue
		}
		long.Inverse(hybrid.Pix, k.Coil(c).Pix, k.Nx, k.Nx, 1)
		kspace.CropImage(dst, hybrid)
		short.Forward(dst.Pix, dst.Pix, k.Nx, k.Nx, 1)
	}
	return out
}

// imageGrid replaces k-space by the Fourier transform of the image cropped to the mask's width, as score-MRI does.
func (p *measurer) imageGrid(k kspace.Data) kspace.Data {
	nx := len(p.sampling.Columns)
	out := kspace.NewData(k.Nc, k.Ny, nx)
	acquired, cropped := kspace.NewFFT2(k.Ny, k.Nx), kspace.NewFFT2(k.Ny, nx)
	for c := range k.Nc {
		x := k.Coil(c)
		acquired.Inverse(x.Pix, x.Pix)
		kspace.CropImage(out.Coil(c), x)
		cropped.Forward(out.Coil(c).Pix, out.Coil(c).Pix)
	}
	return out
}

// deliver returns the magnitude of x in the units of the input, cropped to the delivered matrix.
func (p *measurer) deliver(x kspace.Image, scale float32) []float32 {
	crop := kspace.NewImage(p.header.ReconNy, p.header.ReconNx)
	kspace.CropImage(crop, x)
	out := crop.Magnitude(nil)
	for i := range out {
		out[i] *= scale
	}
	return out
}
