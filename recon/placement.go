package recon

import "github.com/closer-mri/closer/internal/vector"

// Placement is where the slices of a scan lie, in DICOM's patient coordinates: mm, x to the left, y to the back, z to the head.
type Placement struct {
	Row, Col vector.V   // unit vectors at a right angle: directions of growing column index, of growing row index
	Centers  []vector.V // of each slice of one echo and repetition, its pixel (ny/2, nx/2)
}

// PatientPositions are DICOM's terms for how a patient lies in the scanner (PS3.3 C.7.3.1.1.2): head or feet first, supine or prone, or on
// the right or left side.
var PatientPositions = []string{"HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL"}

// Locations are the distances of the slices along the normal Row × Col, in mm.
func (p *Placement) Locations() []float64 {
	normal := vector.Cross(p.Row, p.Col)
	all := make([]float64, len(p.Centers))
	for i, c := range p.Centers {
		all[i] = vector.Dot(normal, c)
	}
	return all
}
