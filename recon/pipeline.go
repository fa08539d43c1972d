package recon

import (
	"context"
	"fmt"
	"time"

	"github.com/closer-mri/closer/kspace"
)

// Pipeline reconstructs a scan: undersample (unless the scan is), then every method over every slice. Methods run one after the
// other, so that the first result of a scan exists early.
type Pipeline struct {
	Scan          Scan
	Methods       []Method
	Undersampling *kspace.Undersampling // nil, or ignored when the scan has a mask of its own: nothing is removed
	HoldOut       kspace.HoldOut        // acquired columns that methods do not see and have to predict
	Protocol      Protocol              // "" is ScannerGrid
	Slices        []int                 // indices of the scan's slices; nil is all of them
	Progress      func(Progress)        // nil is allowed
	// Done, when not nil, is given each method's result as soon as it is complete.
	Done func(*Reconstruction, *Result) error
	// Checkpoint, when not nil, has the slices that an earlier run finished, and is given each one that this run does.
	Checkpoint Checkpoint
}

// Progress says how far a run is. Steps are those of the method within the slice.
type Progress struct {
	Method      string
	Slice, Of   int // slices of this method that are finished, and all of them
	Step, Steps int
	Resumed     int // of the finished slices, those of an earlier run
}

// cacheBytes bounds the measurements kept between methods; above it they are prepared again for each method.
const cacheBytes = 1 << 30

// Run reconstructs everything and returns it with the timing of ingest and reconstruction filled in.
func (p *Pipeline) Run(ctx context.Context) (*Reconstruction, error) {
	start := time.Now()
	rec, m, err := p.begin()
	if err != nil {
		return nil, err
	}
	source := &source{scan: p.Scan, measurer: m, indices: rec.Indices, kept: map[int]prepared{}}
	if err := source.survey(ctx, rec); err != nil {
		return nil, err
	}
	rec.Timing.Ingest = time.Since(start)
	for _, method := range p.Methods {
		result, err := p.run(ctx, method, source, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", method.Name, err)
		}
		rec.Results = append(rec.Results, *result)
		if p.Done != nil {
			if err := p.Done(rec, result); err != nil {
				return nil, err
			}
		}
	}
	rec.Timing.Recon = time.Since(start) - rec.Timing.Ingest
	return rec, nil
}

// begin checks the request against the header and draws the mask.
func (p *Pipeline) begin() (*Reconstruction, *measurer, error) {
	h := p.Scan.Header()
	rec := &Reconstruction{Header: h, Ny: h.ReconNy, Nx: h.ReconNx, Indices: p.Slices, Protocol: p.Protocol}
	if rec.Protocol == "" {
		rec.Protocol = ScannerGrid
	}
	if rec.Indices == nil {
		for i := range h.Slices {
			rec.Indices = append(rec.Indices, i)
		}
	}
	if len(rec.Indices) == 0 {
		return nil, nil, Errorf(Invalid, "no slices were asked for")
	}
	for _, i := range rec.Indices {
		if i < 0 || i >= h.Slices {
			return nil, nil, Errorf(Invalid, "slice %d was asked for; the scan has slices 0 to %d", i, h.Slices-1)
		}
	}
	columns := h.Nx
	if rec.Protocol == ScoreMRI320 {
		if h.Mask != nil {
			return nil, nil, Errorf(Invalid, "protocol %s needs fully sampled k-space; this scan is undersampled", ScoreMRI320)
		}
		columns = min(h.Nx, h.ReconNx)
	}
	mask := h.Mask
	switch {
	case mask != nil:
		rec.Sampling = &Sampling{Kind: "acquired", Columns: mask}
	case p.Undersampling != nil:
		var err error
		if mask, err = p.Undersampling.Mask(columns); err != nil {
			return nil, nil, Errorf(Invalid, "mask: %w", err)
		}
		u := p.Undersampling
		rec.Sampling = &Sampling{Kind: u.Kind, Mode: u.Mode, AccelNominal: u.Accel, ACSFraction: u.ACS, Seed: uint64(u.Seed), Columns: mask}
	default:
		mask = make(kspace.Mask, columns)
		for i := range mask {
			mask[i] = true
		}
	}
	kept, held, err := p.HoldOut.Split(mask)
	if err != nil {
		return nil, nil, Errorf(Invalid, "%w", err)
	}
	if held != nil {
		rec.Sampling.Columns, rec.Sampling.HeldOut = kept, held
	}
	return rec, newMeasurer(h, kept, held, rec.Protocol), nil
}

// run applies one method to every slice that is not finished yet.
func (p *Pipeline) run(ctx context.Context, method Method, source *source, m *measurer) (*Result, error) {
	result := &Result{Method: method}
	now := Progress{Method: method.Name, Of: len(source.indices)}
	report := func(step, steps int) {
		now.Step, now.Steps = step, steps
		if p.Progress != nil {
			p.Progress(now)
		}
	}
	for i, index := range source.indices {
		now.Slice = i
		slice, found, err := p.load(ctx, method, index, m)
		if err != nil {
			return nil, err
		}
		if found {
			now.Resumed++
		} else {
			report(0, 1)
			if slice, err = p.slice(ctx, method, source, i, report); err != nil {
				return nil, err
			}
			if p.Checkpoint != nil {
				if err := p.Checkpoint.Save(ctx, method, index, slice); err != nil {
					return nil, err
				}
			}
		}
		result.Slices = append(result.Slices, slice)
		result.Network += slice.Network
	}
	now.Slice = len(source.indices)
	report(0, 0)
	return result, nil
}

// load returns the slice as an earlier run left it.
func (p *Pipeline) load(ctx context.Context, method Method, index int, m *measurer) (SliceResult, bool, error) {
	if p.Checkpoint == nil {
		return SliceResult{}, false, nil
	}
	s, found, err := p.Checkpoint.Load(ctx, method, index)
	return s, found && len(s.Magnitude) == m.header.ReconNy*m.header.ReconNx, err
}

// slice applies one method to the i-th of the wanted slices.
func (p *Pipeline) slice(ctx context.Context, method Method, source *source, i int, report func(step, steps int)) (SliceResult, error) {
	s, err := source.slice(ctx, i)
	if err != nil {
		return SliceResult{}, err
	}
	start, network := time.Now(), networkTime(method)
	x, spread, nfe, err := apply(ctx, method.Reconstructor, s.measurement, report)
	if err != nil {
		return SliceResult{}, fmt.Errorf("slice %d: %w", source.indices[i], err)
	}
	elapsed := time.Since(start)
	rms, worst := s.measurement.Relative(x)
	result := SliceResult{
		Magnitude: source.deliver(x, s.scale), Residual: Residual{rms, worst}, NFE: nfe,
		Elapsed: elapsed, Network: networkTime(method) - network,
	}
	if s.heldOut.A != nil {
		result.HeldOut, _ = s.heldOut.Relative(x)
	}
	if spread != nil {
		for j, v := range spread {
			x.Pix[j] = complex(v, 0)
		}
		result.Spread = source.deliver(x, s.scale)
	}
	return result, nil
}

// apply runs r, and asks for the spread of its samples when it has one.
func apply(ctx context.Context, r Reconstructor, m kspace.Measurement, progress func(step, steps int)) (x kspace.Image, spread []float32, nfe int, err error) {
	if s, ok := r.(SamplingReconstructor); ok {
		return s.ReconstructSamples(ctx, m, progress)
	}
	x, nfe, err = r.Reconstruct(ctx, m, progress)
	return x, nil, nfe, err
}

func networkTime(m Method) time.Duration {
	if m.NetworkTime == nil {
		return 0
	}
	return m.NetworkTime()
}

// source prepares slices and keeps as many as cacheBytes allows.
type source struct {
	scan Scan
	*measurer
	indices []int
	buffer  Slice
	kept    map[int]prepared
	bytes   int
}

// survey reads every slice once: its reference, and the 99.5th percentile of the zero-filled volume.
func (s *source) survey(ctx context.Context, rec *Reconstruction) error {
	var volume []float32
	for i := range s.indices {
		p, err := s.slice(ctx, i)
		if err != nil {
			return err
		}
		if p.reference != nil {
			rec.References = append(rec.References, p.reference)
		}
		x, _, err := ZeroFilled{}.Reconstruct(ctx, p.measurement, nil)
		if err != nil {
			return err
		}
		volume = append(volume, s.deliver(x, p.scale)...)
	}
	rec.Intensity = percentile(volume, 99.5)
	return nil
}

// slice returns the i-th of the wanted slices.
func (s *source) slice(ctx context.Context, i int) (prepared, error) {
	if p, ok := s.kept[i]; ok {
		return p, nil
	}
	if err := s.scan.ReadSlice(ctx, s.indices[i], &s.buffer); err != nil {
		return prepared{}, fmt.Errorf("read slice %d: %w", s.indices[i], err)
	}
	p := s.prepare(s.indices[i], &s.buffer)
	if size := 8 * (3*len(p.measurement.Y.Val) + 2*len(p.heldOut.Y.Val)); s.bytes+size <= cacheBytes { // k-space, maps, work space
		s.kept[i] = p
		s.bytes += size
	}
	return p, nil
}
