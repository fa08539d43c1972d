package recon

import (
	"context"
	"fmt"
	"iter"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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

// Progress says how far a run is. Steps are those of the method within the slices that are under way.
type Progress struct {
	Method      string
	Slice, Of   int // slices of this method that are finished, and all of them
	Batch       int // slices under way; 0 is one
	Step, Steps int
	Resumed     int // of the finished slices, those of an earlier run
}

// Done is the number of slices that are finished, those under way by their steps.
func (p Progress) Done() float64 {
	done := float64(p.Slice)
	if p.Steps > 0 {
		done += float64(max(1, p.Batch)*p.Step) / float64(p.Steps)
	}
	return done
}

// cacheBytes bounds the measurements kept between methods; above it they are prepared again for each method.
const cacheBytes = 1 << 30

// Run reconstructs everything and returns it with the timing of ingest, reconstruction and checkpoints filled in, as far as it is
// when Done is called.
func (p *Pipeline) Run(ctx context.Context) (*Reconstruction, error) {
	start := time.Now()
	rec, m, err := p.begin()
	if err != nil {
		return nil, err
	}
	source := &source{scan: p.Scan, measurer: m, indices: rec.Indices, kept: make([]*prepared, len(rec.Indices))}
	if err := source.survey(ctx, rec); err != nil {
		return nil, err
	}
	rec.Timing.Ingest = time.Since(start)
	for _, method := range p.Methods {
		result, err := p.run(ctx, method, source, m, &rec.Timing)
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
	return rec, nil
}

// begin checks the request against the header and says what is sampled.
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
	if rec.Protocol == ScoreMRI320 {
		if h.Mask != nil || h.Points != nil {
			return nil, nil, Errorf(Invalid, "protocol %s needs fully sampled k-space; this scan is undersampled", ScoreMRI320)
		}
		rec.Header.Calibration = Calibration{} // of another grid
	}
	var err error
	if rec.Sampling, err = p.sampling(rec); err != nil {
		return nil, nil, err
	}
	if err := rec.enoughForMaps(); err != nil {
		return nil, nil, err
	}
	return rec, newMeasurer(rec), nil
}

// run applies one method to every slice that is not finished yet.
func (p *Pipeline) run(ctx context.Context, method Method, source *source, m *measurer, timing *Timing) (*Result, error) {
	result := &Result{Method: method, Slices: make([]SliceResult, len(source.indices))}
	spend := stopwatch()
	now := Progress{Method: method.Name, Of: len(source.indices)}
	report := func(step, steps int) {
		now.Step, now.Steps = step, steps
		if p.Progress != nil {
			p.Progress(now)
		}
	}
	var todo []int
	for i, index := range source.indices {
		slice, found, err := p.load(ctx, method, index, m)
		if err != nil {
			return nil, err
		}
		if result.Slices[i] = slice; !found {
			todo = append(todo, i)
		}
	}
	timing.Publish += spend()
	now.Slice = len(source.indices) - len(todo)
	now.Resumed = now.Slice
	for batch := range source.batches(todo, method) {
		now.Batch = len(batch)
		report(0, 1)
		slices, err := p.slices(ctx, method, source, batch, report)
		if err != nil {
			return nil, err
		}
		timing.Recon += spend()
		for k, i := range batch {
			result.Slices[i] = slices[k]
			timing.Network += slices[k].Network
			if p.Checkpoint != nil {
				if err := p.Checkpoint.Save(ctx, method, source.indices[i], slices[k]); err != nil {
					return nil, err
				}
				timing.Publish += spend()
			}
		}
		now.Slice += len(batch)
	}
	for _, slice := range result.Slices {
		result.Network += slice.Network
	}
	report(0, 0)
	return result, nil
}

// stopwatch returns a function that says how long ago it was called last, or made.
func stopwatch() func() time.Duration {
	last := time.Now()
	return func() time.Duration {
		before := last
		last = time.Now()
		return last.Sub(before)
	}
}

// load returns the slice as an earlier run left it.
func (p *Pipeline) load(ctx context.Context, method Method, index int, m *measurer) (SliceResult, bool, error) {
	if p.Checkpoint == nil {
		return SliceResult{}, false, nil
	}
	s, found, err := p.Checkpoint.Load(ctx, method, index)
	return s, found && len(s.Magnitude) == m.header.ReconNy*m.header.ReconNx, err
}

// slices applies one method to some of the wanted slices at once.
func (p *Pipeline) slices(ctx context.Context, method Method, source *source, batch []int, report func(step, steps int)) ([]SliceResult, error) {
	var measured []prepared
	for _, i := range batch {
		s, err := source.slice(ctx, i)
		if err != nil {
			return nil, err
		}
		measured = append(measured, s)
	}
	start, network := time.Now(), networkTime(method)
	images, spread, nfe, err := apply(ctx, method.Reconstructor, measured, report)
	if err != nil {
		return nil, fmt.Errorf("slice %d: %w", source.indices[batch[0]], err)
	}
	n := len(batch)
	elapsed, inNetwork := time.Since(start)/time.Duration(n), (networkTime(method)-network)/time.Duration(n)
	var out []SliceResult
	for k, x := range images {
		s := measured[k]
		rms, worst := s.measurement.Relative(x)
		result := SliceResult{Magnitude: source.deliver(x, s.scale), Residual: Residual{rms, worst}, NFE: nfe / n, Elapsed: elapsed, Network: inNetwork}
		if s.heldOut.A != nil {
			result.HeldOut, _ = s.heldOut.Relative(x)
		}
		out = append(out, result)
	}
	if spread != nil {
		x := images[0]
		for j, v := range spread {
			x.Pix[j] = complex(v, 0)
		}
		out[0].Spread = source.deliver(x, measured[0].scale)
	}
	return out, nil
}

// apply runs r on a batch, which is one slice unless r takes more, and asks for the spread of its samples when it has one.
func apply(ctx context.Context, r Reconstructor, batch []prepared, progress func(step, steps int)) (x []kspace.Image, spread []float32, nfe int, err error) {
	if len(batch) > 1 {
		var measured []kspace.Measurement
		for _, p := range batch {
			measured = append(measured, p.measurement)
		}
		x, nfe, err = r.(BatchReconstructor).ReconstructBatch(ctx, measured, progress)
		return x, nil, nfe, err
	}
	var one kspace.Image
	if s, ok := r.(SamplingReconstructor); ok {
		one, spread, nfe, err = s.ReconstructSamples(ctx, batch[0].measurement, progress)
	} else {
		one, nfe, err = r.Reconstruct(ctx, batch[0].measurement, progress)
	}
	return []kspace.Image{one}, spread, nfe, err
}

func networkTime(m Method) time.Duration {
	if m.NetworkTime == nil {
		return 0
	}
	return m.NetworkTime()
}

// batchBytes bounds the memory of the measurements of a batch: k-space, maps, work space.
const batchBytes = 1 << 30

// batches divides the slices that are left into as few and as equal batches as the method's size and memory allow.
func (s *source) batches(todo []int, method Method) iter.Seq[[]int] {
	size := 1
	if _, ok := method.Reconstructor.(BatchReconstructor); ok {
		h := s.scan.Header()
		size = max(1, min(method.Batch, batchBytes/max(1, 3*8*min(h.Coils, mostCoils)*h.Ny*h.Nx)))
	}
	n := (len(todo) + size - 1) / size
	return func(yield func([]int) bool) {
		for i := range n {
			if !yield(todo[i*len(todo)/n : (i+1)*len(todo)/n]) {
				return
			}
		}
	}
}

// source prepares slices and keeps as many as cacheBytes allows.
type source struct {
	scan Scan
	*measurer
	indices []int
	buffer  Slice
	reading sync.Mutex
	kept    []*prepared // nil for those that are prepared again
}

// survey prepares every slice once, on all processors: its reference, and how bright the volume is.
func (s *source) survey(ctx context.Context, rec *Reconstruction) error {
	n, parts := len(s.indices), kspace.Processors()
	references := make([][]float32, n)
	bright := newUpperTail(n*rec.Ny*rec.Nx, 99.5)
	rec.Kept = 1
	var adding sync.Mutex
	readers, ctx := errgroup.WithContext(ctx)
	for part := range parts {
		readers.Go(func() error {
			var buffer Slice
			for i := part; i < n; i += parts {
				p, x, err := s.read(ctx, i, &buffer)
				if err != nil {
					return err
				}
				references[i] = p.reference
				if i == n/2 && !rec.Header.Simulated { // images have been filtered
					rec.Noise = noise(p.measurement)
				}
				image := s.deliver(x, 1)
				adding.Lock()
				bright.add(image)
				rec.Kept = min(rec.Kept, p.kept)
				adding.Unlock()
			}
			return nil
		})
	}
	if err := readers.Wait(); err != nil {
		return err
	}
	if references[0] != nil {
		rec.References = references
	}
	rec.Intensity = bright.percentile()
	return nil
}

// noise is the deviation of the coils' noise in each channel, root mean square.
func noise(m kspace.Measurement) float64 {
	var power float64
	for _, p := range kspace.NoisePower(m.Y) {
		power += p / float64(2*m.Y.Nc)
	}
	return math.Sqrt(power)
}

// slice returns the i-th of the wanted slices.
func (s *source) slice(ctx context.Context, i int) (prepared, error) {
	if p := s.kept[i]; p != nil {
		return *p, nil
	}
	p, _, err := s.read(ctx, i, &s.buffer)
	return p, err
}

// read reads and prepares the i-th of the wanted slices, and returns its zero-filled image too.
func (s *source) read(ctx context.Context, i int, buffer *Slice) (prepared, kspace.Image, error) {
	s.reading.Lock()
	err := s.scan.ReadSlice(ctx, s.indices[i], buffer)
	s.reading.Unlock()
	if err != nil {
		return prepared{}, kspace.Image{}, fmt.Errorf("read slice %d: %w", s.indices[i], err)
	}
	p, x, err := s.prepare(s.indices[i], buffer)
	if err != nil {
		return prepared{}, kspace.Image{}, err
	}
	if size := 8 * (3*len(p.measurement.Y.Val) + 2*len(p.heldOut.Y.Val)); size*(i+1) <= cacheBytes { // k-space, maps, work space
		s.kept[i] = &p
	}
	return p, x, nil
}
