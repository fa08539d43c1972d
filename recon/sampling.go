package recon

import (
	"slices"

	"github.com/closer-mri/closer/kspace"
)

// Sampling is the undersampling of one reconstruction.
type Sampling struct {
	Kind         string // "gaussian1d", "random", "equispaced", …; "acquired" when it is the file's own
	Mode         string // "exact" or "score-mri" for gaussian1d
	AccelNominal float64
	ACSFraction  float64
	Seed         uint64
	Columns      kspace.Mask // that methods were given
	HeldOut      kspace.Mask // acquired too, but kept from the methods, which had to predict them; nil for none
	// Each and HeldOutEach are Columns and HeldOut of each slice of the scan, where these differ and Columns and HeldOut are those of the first
	// slice; nil otherwise.
	Each, HeldOutEach []kspace.Mask
	// Points are the single samples that methods were given where both axes are phase encode, HeldOutPoints those held out; nil
	// otherwise. Columns and HeldOut then mark the columns that have any.
	Points, HeldOutPoints kspace.Points
}

// Fraction is the share of k-space that methods were given.
func (s *Sampling) Fraction() float64 {
	if s.Each != nil {
		sum := 0.0
		for i := range s.Each {
			sum += s.FractionOf(i) / float64(len(s.Each))
		}
		return sum
	}
	return s.FractionOf(0)
}

// FractionOf is the share of k-space that methods were given of slice i of the scan.
func (s *Sampling) FractionOf(i int) float64 {
	if s.Points != nil {
		return float64(s.Points.Count()) / float64(len(s.Points))
	}
	columns := s.Columns
	if s.Each != nil {
		columns = s.Each[i]
	}
	return float64(columns.Lines()) / float64(len(columns))
}

// common are the columns that every slice has.
func (s *Sampling) common() kspace.Mask {
	common := slices.Clone(s.Columns)
	for _, m := range s.Each {
		for x := range common {
			common[x] = common[x] && m[x]
		}
	}
	return common
}

// of returns the columns of slice i, and those held out of it.
func (s *Sampling) of(i int) (kept, held kspace.Mask) {
	if s.Each == nil {
		return s.Columns, s.HeldOut
	}
	return s.Each[i], s.HeldOutEach[i]
}

// Acceleration is the measured acceleration, 0 when nothing was given.
func (s *Sampling) Acceleration() float64 {
	if f := s.Fraction(); f > 0 {
		return 1 / f
	}
	return 0
}

// sampling is the undersampling of the scan, or else the one that is asked for, without what is held out; nil where nothing is undersampled.
func (p *Pipeline) sampling(rec *Reconstruction) (s *Sampling, err error) {
	h, columns := rec.Header, rec.columns()
	switch u := p.Undersampling; {
	case h.Points != nil:
		return p.ofPoints(h.Points, h.Nx)
	case h.Masks != nil:
		return p.ofEach(h.Masks, rec.Indices[0])
	case h.Mask != nil:
		s = &Sampling{Kind: "acquired", Columns: h.Mask}
	case u != nil:
		s = &Sampling{Kind: u.Kind, Mode: u.Mode, AccelNominal: u.Accel, ACSFraction: u.ACS, Seed: uint64(u.Seed)}
		if s.Columns, err = u.Mask(columns); err != nil {
			return nil, Errorf(Invalid, "mask: %w", err)
		}
	default:
		_, _, err := p.HoldOut.Split(kspace.Every(columns))
		return nil, invalid(err)
	}
	s.Columns, s.HeldOut, err = p.HoldOut.Split(s.Columns)
	return s, invalid(err)
}

// ofEach is sampling of a scan whose slices were sampled in different columns.
func (p *Pipeline) ofEach(masks []kspace.Mask, first int) (*Sampling, error) {
	s := &Sampling{Kind: "acquired"}
	for i, mask := range masks {
		kept, held, err := p.HoldOut.Split(mask)
		if err != nil {
			return nil, Errorf(Invalid, "slice %d: %w", i, err)
		}
		s.Each, s.HeldOutEach = append(s.Each, kept), append(s.HeldOutEach, held)
	}
	s.Columns, s.HeldOut = s.of(first)
	return s, nil
}

// ofPoints is sampling of a scan that was undersampled in both axes.
func (p *Pipeline) ofPoints(points kspace.Points, nx int) (*Sampling, error) {
	kept, held, err := p.HoldOut.SplitPoints(points, nx)
	if err != nil {
		return nil, invalid(err)
	}
	s := &Sampling{Kind: "acquired", Columns: kept.Columns(nx), Points: kept, HeldOutPoints: held}
	if held != nil {
		s.HeldOut = held.Columns(nx)
	}
	return s, nil
}

// invalid is err as one of the request; nil remains so.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	return Errorf(Invalid, "%w", err)
}
