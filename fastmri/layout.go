package fastmri

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// The bounds of a file. Real volumes have at most some 50 slices, 64 coils, 1024 rows and 512 columns.
const (
	maxExtent = 16384   // of any dimension but coils
	maxCoils  = 512     // scanners have at most 128
	maxSlice  = 1 << 26 // complex samples of one slice, coils included: 512 MiB
	maxVolume = 1 << 28 // pixels of all slices, one coil: 1 GiB for each method
	maxMasks  = 1 << 23 // columns of all slices, where these were sampled in different ones
)

// layout is what the child tells of a file before any slice, as JSON. The parent trusts none of it: check is run on both sides.
type layout struct {
	Slices, Coils, Ny, Nx int
	Mask                  []byte // 0 or 1 for each column; nil when fully sampled, or where Points are
	Points                []byte // 0 or 1 for each sample, (Ny, Nx), of a file undersampled in both axes; nil otherwise
	Reference             string
	RefNy, RefNx          int
	Protocol              protocol
	Subject               *recon.Subject // of raw data that name theirs; nil otherwise
	Attributes            Attributes
	Simulated             bool
	Raw                   bool // ISMRMRD acquisitions
	Part                  bool // of a scan that broke off
	Unused                int  // of them, calibration lines that were acquired apart from the image and are not read
	Calibration           recon.Calibration
	Masks                 [][]byte // the different masks of the slices, where Mask is that of the first; nil where there is one
	MaskOf                []int    // which of them each slice has
	Repetitions           int      // of all slices, or times at which they were acquired; 0 is 1
	Phases                int      // of the heart in each repetition; Repetitions counts them all; 0 is 1
	Sets                  int      // in each phase, such as the directions of flow encoding; Repetitions counts them all; 0 is 1
	Missing               int      // samples of each readout, of a partial echo
	Stopped               int      // readouts of a last repetition that is incomplete, which are left out
	StoppedSlices         []int    // those that are incomplete and left out, by the scanner's numbers
	Contrasts             []int    // by the scanner's numbers, whose slices follow one another in each repetition; nil is one
	Noise                 int      // samples of each coil that tell the noise
	Whitened              bool     // by them
	NoiseCoils            int      // of a noise scan that has other coils than the image
	Numbers               []int    // of the slices of a repetition, as the scanner counted them; nil when they are those from the first on
	Placement             *recon.Placement
	Partitions, Acquired  int // of raw data, and how many of them were acquired; 1 of 2-D ones
	Slabs, Overlap        int // of 3-D ones, and how many slices of each were left out, being nearer to another one
}

// Attributes are the root attributes of a fastMRI file, zero where missing.
type Attributes struct {
	Acquisition     string
	Max, Norm       float64 // of the reference volume
	Acceleration    float64 // nominal, of an undersampled file
	NumLowFrequency int     // fully sampled columns in the centre of an undersampled file
}

// check refuses shapes that no scan has, before anything of their size is allocated.
func (l *layout) check() error {
	for _, n := range []struct {
		what       string
		value, max int
	}{{"slices", l.Slices, maxExtent}, {"coils", l.Coils, maxCoils}, {"rows", l.Ny, maxExtent}, {"columns", l.Nx, maxExtent}} {
		if n.value < 1 || n.value > n.max {
			return refusef("%s has %d %s; expected 1 to %d", l.source(), n.value, n.what, n.max)
		}
	}
	// Each factor is at most 2¹⁴, so the product of four fits 63 bits.
	perCoil := int64(l.Ny) * int64(l.Nx)
	if n := int64(l.Coils) * perCoil; n > maxSlice {
		return refusef("%s has %d samples a slice (%d coils of %d × %d); expected at most %d", l.source(), n, l.Coils, l.Ny, l.Nx, maxSlice)
	}
	if n := int64(l.Slices) * perCoil; n > maxVolume {
		return refusef("%s has %d samples a coil (%d slices of %d × %d); expected at most %d", l.source(), n, l.Slices, l.Ny, l.Nx, maxVolume)
	}
	if l.Reference != "" {
		if l.RefNy < 1 || l.RefNy > maxExtent || l.RefNx < 1 || l.RefNx > maxExtent || int64(l.RefNy)*int64(l.RefNx) > maxSlice {
			return refusef("dataset %s has images of %d × %d; expected at most %d pixels", l.Reference, l.RefNy, l.RefNx, maxSlice)
		}
		if n := int64(l.Slices) * int64(l.RefNy) * int64(l.RefNx); n > maxVolume {
			return refusef("dataset %s has %d pixels (%d slices of %d × %d); expected at most %d", l.Reference, n, l.Slices, l.RefNy, l.RefNx, maxVolume)
		}
	}
	if l.Mask != nil && len(l.Mask) != l.Nx {
		return refusef("dataset mask has %d values; expected one for each of the %d columns of kspace", len(l.Mask), l.Nx)
	}
	if l.Points != nil && (l.Mask != nil || len(l.Points) != l.Ny*l.Nx) {
		return refusef("dataset mask has %d values; expected one for each of the %d × %d samples of kspace", len(l.Points), l.Ny, l.Nx)
	}
	if l.Points != nil && l.Reference != "" && (l.RefNy != l.Ny || l.RefNx != l.Nx) {
		return refusef("dataset %s has images of %d × %d; expected %d × %d as kspace, both of whose axes are phase encode", l.Reference, l.RefNy, l.RefNx, l.Ny, l.Nx)
	}
	if l.Phases < 0 || l.Phases > maxExtent || l.Sets < 0 || l.Sets > maxExtent || l.Repetitions%(max(1, l.Phases)*max(1, l.Sets)) != 0 || l.Missing < 0 || l.Missing > maxExtent {
		return refusef("%d times in %d phases of %d sets, %d samples missing, are not readable", l.Repetitions, l.Phases, l.Sets, l.Missing)
	}
	if c := l.Calibration; c != (recon.Calibration{}) && !(0 <= c.From && c.From < c.To && c.To <= l.Nx) {
		return refusef("columns %d to %d of calibration are not readable", c.From, c.To)
	}
	other := slices.ContainsFunc(l.Masks, func(m []byte) bool { return len(m) != l.Nx }) || l.Masks != nil && (l.Mask == nil || len(l.MaskOf) != l.Slices)
	if other || slices.ContainsFunc(l.MaskOf, func(n int) bool { return n < 0 || n >= len(l.Masks) }) {
		return refusef("the masks of %d slices are not readable", l.Slices)
	}
	strange := slices.ContainsFunc(l.Contrasts, func(n int) bool { return n < 0 || n >= maxEchoes })
	if l.Repetitions < 0 || l.Repetitions > l.Slices || len(l.Contrasts) > maxEchoes || strange || l.Slices%l.stacks() != 0 {
		return refusef("%d slices in %d repetitions of %d contrasts are not readable", l.Slices, l.Repetitions, len(l.Contrasts))
	}
	if l.Slabs < 0 || l.Slabs > maxExtent || l.Overlap < 0 || l.Overlap > maxExtent {
		return refusef("%d slabs that overlap by %d slices are not readable", l.Slabs, l.Overlap)
	}
	if l.Acquired < 0 || l.Acquired > l.Partitions {
		return refusef("%d of %d partitions are not readable", l.Acquired, l.Partitions)
	}
	if l.Placement != nil && !placed(l.Placement, l.Slices/l.stacks()) {
		return errPlacement
	}
	return nil
}

// errPlacement is of a reader that was taken over: it tells no such placement.
const errPlacement = refusal("the positions of the slices are not readable")

// stacks is how often the slices of the field of view were acquired.
func (l *layout) stacks() int { return max(1, l.Repetitions) * max(1, len(l.Contrasts)) }

// source names what holds the samples.
func (l *layout) source() string {
	if l.Raw {
		return "dataset data"
	}
	return "dataset kspace"
}

// header describes the scan. sha is of the whole file.
func (l *layout) header(sha string) recon.Header {
	p := l.Protocol
	h := recon.Header{
		Format: map[bool]string{false: "fastmri", true: "ismrmrd"}[l.Raw], Acquisition: plain(l.Attributes.Acquisition),
		Slices: l.Slices, Repetitions: l.Repetitions, Volume: l.Partitions > 1, Coils: l.Coils, Ny: l.Ny, Nx: l.Nx,
		Reference: l.Reference, SHA256: sha, Calibration: l.Calibration,
		Field: p.Field, Vendor: plain(p.Vendor), Model: plain(p.Model),
		Sequence:  recon.Sequence{TR: p.TR, TE: p.TE, TI: p.TI, FlipAngle: p.Flip, EchoTrainLength: p.EchoTrain},
		Part:      l.Part,
		Simulated: l.Simulated || strings.Contains(strings.ToLower(p.Vendor), "simulat"),
	}
	if l.Placement != nil { // else the plane is made up, and how the patient lies would say nothing
		h.Placement, h.Patient = l.Placement, p.Patient
	}
	switch {
	case l.Partitions > 1 && l.Points != nil:
		h.Notes = append(h.Notes, "The partitions of the 3-D acquisition were undersampled: the slices lie across its readout.")
	case l.Acquired < l.Partitions:
		h.Notes = append(h.Notes, fmt.Sprintf("%d of %d partitions were acquired: the slices are thicker than they lie apart.", l.Acquired, l.Partitions))
	}
	if l.Slabs > 1 {
		note := fmt.Sprintf("The slices are of %d slabs, one after the other", l.Slabs)
		if l.Overlap > 0 {
			note += fmt.Sprintf("; %d slices of each, where it is nearer to another one, were left out", l.Overlap)
		}
		h.Notes = append(h.Notes, note+".")
	}
	if l.Missing > 0 {
		h.Notes = append(h.Notes, fmt.Sprintf("%d samples at one end of each readout were not acquired (partial echo): images are less sharp along it than their pixels.", l.Missing))
	}
	if l.Stopped > 0 {
		h.Notes = append(h.Notes, fmt.Sprintf("The last repetition is incomplete: its %d readouts were left out.", l.Stopped))
	}
	if len(l.StoppedSlices) > 0 {
		h.Notes = append(h.Notes, fmt.Sprintf("Less than half was acquired of slices %s (from 0), which were left out.", ranges(l.StoppedSlices)))
	}
	if l.Unused > 0 {
		h.Notes = append(h.Notes, fmt.Sprintf("%d calibration lines that were acquired apart from the image were not used.", l.Unused))
	}
	switch {
	case l.Whitened:
		h.Notes = append(h.Notes, fmt.Sprintf("The coils were whitened by the noise scan, %d samples of each.", l.Noise))
	case l.Noise > 0:
		h.Notes = append(h.Notes, fmt.Sprintf("The noise scan was not used: its %d samples of each coil do not tell how the coils share noise.", l.Noise))
	case l.NoiseCoils > 0 && l.Coils > 1:
		h.Notes = append(h.Notes, fmt.Sprintf("The noise scan was not used: it has %d coils and the image %d.", l.NoiseCoils, l.Coils))
	}
	switch n := len(l.Contrasts); {
	case n == 1:
		h.Sequence.TE = cmp.Or(p.Echoes[l.Contrasts[0]], p.TE)
	case n > 1:
		h.Sequence.TE = 0
		for _, number := range l.Contrasts {
			h.Echoes = append(h.Echoes, p.Echoes[number])
		}
	}
	if l.stacks() > 1 {
		of := ""
		if repetitions := l.Repetitions / max(1, l.Phases) / max(1, l.Sets); repetitions > 1 {
			of = fmt.Sprintf("%d repetitions of ", repetitions)
		}
		if l.Phases > 1 {
			of += fmt.Sprintf("%d heart phases of ", l.Phases)
		}
		if l.Sets > 1 {
			of += fmt.Sprintf("%d sets of ", l.Sets)
		}
		if len(h.Echoes) > 0 {
			of += fmt.Sprintf("%d echoes of ", len(h.Echoes))
		}
		h.Notes = append(h.Notes, fmt.Sprintf("The %d slices are %s%d slices, one after the other.", l.Slices, of, h.Stack()))
	}
	if len(l.Numbers) > 0 {
		note := "The scanner numbers the slices " + ranges(l.Numbers) + " (from 0)"
		switch {
		case !slices.IsSorted(l.Numbers):
			note += "; here they are in the order of their positions"
		case l.Placement == nil:
			note += ": distances across a gap are larger than the images say"
		}
		h.Notes = append(h.Notes, note+".")
	}
	h.ReconNy, h.ReconNx = l.delivered()
	h.PixelSpacing, h.Thickness = l.spacing()
	h.Mask, h.Points = marked(l.Mask), kspace.Points(marked(l.Points))
	masks := make([]kspace.Mask, len(l.Masks))
	for i, m := range l.Masks {
		masks[i] = marked(m)
	}
	for _, n := range l.MaskOf {
		h.Masks = append(h.Masks, masks[n])
	}
	return h
}

// marked is a mask of 0 and 1; nil remains so.
func marked(mask []byte) kspace.Mask {
	if mask == nil {
		return nil
	}
	m := make(kspace.Mask, len(mask))
	for i, on := range mask {
		m[i] = on != 0
	}
	return m
}

// ranges writes growing numbers such as 0–3, 5, 7–9, of many only the first.
func ranges(numbers []int) string {
	var all []string
	for len(numbers) > 0 {
		if len(all) == 20 {
			all = append(all, "…")
			break
		}
		n := 1
		for n < len(numbers) && numbers[n] == numbers[n-1]+1 {
			n++
		}
		if text := strconv.Itoa(numbers[0]); n == 1 {
			all = append(all, text)
		} else {
			all = append(all, text+"–"+strconv.Itoa(numbers[n-1]))
		}
		numbers = numbers[n:]
	}
	return strings.Join(all, ", ")
}

// delivered returns the shape of the image: of raw data the measured pixels that the recon field of view holds, all where nothing
// tells it; else that of the reference; else the header's recon matrix, cut to what was measured, and square of the smaller width
// when k-space is narrower than it, as the fastMRI evaluation crops such files; else, without a header, the square of the smaller
// extent of k-space, readout being oversampled.
func (l *layout) delivered() (ny, nx int) {
	switch r, e := l.Protocol.Recon, l.Protocol.Encoded; {
	case l.Raw && e.FOVx > 0 && e.FOVy > 0 && r.FOVx > 0 && r.FOVy > 0:
		return held(r.FOVx, e.FOVx, l.Ny), held(r.FOVy, e.FOVy, l.Nx)
	case l.Raw && r.X > 0 && r.Y > 0:
		return min(r.X, l.Ny), min(r.Y, l.Nx)
	case l.Raw:
		return l.Ny, l.Nx
	case l.Points != nil: // no axis is oversampled readout
		return l.Ny, l.Nx
	case l.Reference != "":
		return l.RefNy, l.RefNx
	case r.X > 0 && r.Y > l.Nx:
		return min(l.Ny, l.Nx), l.Nx
	case r.X > 0 && r.Y > 0:
		return min(r.X, l.Ny), r.Y
	default:
		n := min(l.Ny, l.Nx)
		return n, n
	}
}

// held returns how many of n pixels, which fill the encoded field of view, the delivered one holds.
func held(delivered, encoded float64, n int) int {
	return max(1, int(math.Round(float64(n)*min(1, delivered/encoded))))
}

// spacing returns the pixel spacing (between rows, between columns) and the slice thickness in mm, 0 where unknown. Pixels of raw
// data are those of the encoded space, whatever the scanner would interpolate them to; else they are from the recon space, or the
// encoded one, whose pixels are the same size.
func (l *layout) spacing() (pixel [2]float64, thickness float64) {
	spaces := []Space{l.Protocol.Recon, l.Protocol.Encoded}
	if l.Raw {
		slices.Reverse(spaces)
	}
	for i, s := range spaces {
		measured := !l.Raw || i == 0
		if measured && pixel == [2]float64{} && s.X > 0 && s.Y > 0 && s.FOVx > 0 && s.FOVy > 0 {
			pixel = [2]float64{s.FOVx / float64(s.X), s.FOVy / float64(s.Y)}
		}
		if thickness == 0 && s.FOVz > 0 {
			thickness = s.FOVz / float64(max(s.Z, 1))
		}
	}
	return pixel, thickness
}
