package recon

import (
	"fmt"
	"strings"

	"github.com/closer-mri/closer/kspace"
)

// columns is the width of the k-space that is sampled.
func (rec *Reconstruction) columns() int {
	if rec.Protocol == ScoreMRI320 {
		return min(rec.Header.Nx, rec.Header.ReconNx)
	}
	return rec.Header.Nx
}

// fewForMaps is the number of central columns below which coil maps become coarse enough to spoil the image.
const fewForMaps = 8

// centre is where k-space is sampled fully enough to estimate coil sensitivity maps from: its columns [lo, hi), and rows.
type centre struct {
	lo, hi int
	apart  bool // of Header.Calibration; else of what methods are given
	own    int  // columns of what methods are given
	square bool // both axes are phase encode: there are as many rows as columns, else all
}

func (c centre) width() int { return c.hi - c.lo }

// maps estimates the sensitivity maps of coils.
func (c centre) maps(of kspace.Data) kspace.Data {
	rows := kspace.MapsRows
	if c.square {
		rows = c.width()
	}
	return kspace.EstimateMaps(of, c.lo, c.hi, rows)
}

// without reports whether what methods are given has next to no sampled centre, so that its zero-filled image is nothing like the image.
func (c centre) without() bool { return c.apart && c.own < fewForMaps }

// mapsFrom returns the centre from which the maps are estimated: that of what methods are given in every slice or, where it is wider, of the
// calibration.
func (rec *Reconstruction) mapsFrom() centre {
	own := centre{hi: rec.columns()}
	if s := rec.Sampling; s != nil && s.Points != nil {
		own.lo, own.hi = s.Points.Centre(rec.Header.Nx)
		own.square = true
	} else if s != nil {
		own.lo, own.hi = s.common().ACS()
	}
	own.own = own.width()
	if c := rec.Header.Calibration; c.Width() > own.width() {
		own.lo, own.hi, own.apart = c.From, c.To, true
	}
	return own
}

// enoughForMaps refuses several coils without an acquired centre: with maps of nothing the coils cancel.
func (rec *Reconstruction) enoughForMaps() error {
	if rec.Header.Coils > 1 && rec.mapsFrom().width() == 0 {
		return Errorf(Invalid, "the centre of k-space was not acquired, from which the sensitivity maps of %d coils are estimated", rec.Header.Coils)
	}
	return nil
}

// Warning is what no reader of the images may overlook, in plain sentences: that the scan broke off, that the maps of several coils were
// estimated from few columns. It is "" when neither is so.
func (rec *Reconstruction) Warning() string {
	var all []string
	if rec.Header.Part {
		all = append(all, "The scan broke off before its end: slices may be missing, and the last may have less k-space than the others.")
	}
	if n := rec.mapsFrom().width(); rec.Header.Coils > 1 && n < min(fewForMaps, rec.columns()) {
		all = append(all, fmt.Sprintf("The coil maps are unreliable, and so are the images: the contiguous centre of k-space that they are estimated from "+
			"has %d columns; at least %d are needed.", n, fewForMaps))
	}
	return strings.Join(all, " ")
}

// calibrated is a note on the calibration beside the image, "" where there is none.
func calibrated(rec *Reconstruction) string {
	c := rec.Header.Calibration
	n := c.Width()
	switch {
	case n == 0 || rec.Header.Coils < 2:
		return ""
	case c.Mean && rec.mapsFrom().apart:
		return fmt.Sprintf("The coil maps were estimated from %d central columns of the mean over time.", n)
	case c.Mean:
		return ""
	case rec.mapsFrom().apart:
		return fmt.Sprintf("The coil maps were estimated from %d calibration lines that were acquired apart from the image.", n)
	default:
		return fmt.Sprintf("The coil maps were estimated from the image's own centre of k-space, which is no narrower than the %d calibration lines that were acquired apart.", n)
	}
}

// settlingWithout is how many gradient steps a slice takes, that has no sampled centre of its own, until it is like what networks know: low
// frequencies are most of what is to be seen, and the coils tell them apart slowly. Total variation takes as many.
const settlingWithout = 60

// settling is kspace.Measurement.Settling of the scan's slices.
func (p *measurer) settling() int {
	if p.centre.without() {
		return settlingWithout
	}
	return 0
}

// mostCoils is how many coils methods are given at most: time and memory grow with them, and in so many combinations of more coils there is all
// but a trace of the signal (doc/decisions/019-many-coils.md).
const mostCoils = 16

// receive returns masked k-space y and held of a slice as methods are given it, with no more than mostCoils coils, their sensitivity maps
// (nc, ny, nx), which are 1 of one coil, and the share of the coils' energy that is kept.
func (p *measurer) receive(y, held, calibration kspace.Data) (_, _, maps kspace.Data, kept float64) {
	if y.Nc == 1 {
		maps = kspace.NewData(1, y.Ny, y.Nx)
		for i := range maps.Val {
			maps.Val[i] = 1
		}
		return y, held, maps, 1
	}
	of := y
	if p.centre.apart {
		of = p.onGrid(calibration, y)
	}
	if y.Nc <= mostCoils {
		return y, held, p.centre.maps(of), 1
	}
	c := kspace.Compress(of, p.centre.lo, p.centre.hi, mostCoils)
	few := c.Apply(of)
	maps = p.centre.maps(few)
	c.Align(maps)
	if p.centre.apart {
		few = c.Apply(y)
	}
	if held.Val != nil {
		held = c.Apply(held)
	}
	return few, held, maps, c.Kept
}

// onGrid returns calibration lines at their columns of k-space like y, whose other columns are 0.
func (p *measurer) onGrid(calibration, y kspace.Data) kspace.Data {
	lines := cropReadout(calibration, y.Ny)
	of := kspace.NewData(y.Nc, y.Ny, y.Nx)
	for row := range y.Nc * y.Ny {
		copy(of.Val[row*y.Nx+p.centre.lo:], lines.Val[row*lines.Nx:(row+1)*lines.Nx])
	}
	return of
}

// compressed is a note on coils that methods were given combinations of, "" where they were given the coils.
func compressed(rec *Reconstruction) string {
	if rec.Header.Coils <= mostCoils {
		return ""
	}
	return fmt.Sprintf("The %d coils were compressed to the %d combinations of them with most signal, which have %.4g %% of it or more.",
		rec.Header.Coils, mostCoils, 100*rec.Kept)
}
