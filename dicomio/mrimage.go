package dicomio

import (
	"slices"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"

	"github.com/closer-mri/closer/recon"
)

// mrImage is the MR image module (PS3.3 C.8.3.1) of slice index. Where nobody knows the pulse sequence, "research mode" is the honest
// term.
func (s series) mrImage(d *dataset, index int) {
	seq := s.sequence(index)
	if len(seq.Scanning) == 0 {
		seq.Scanning = []string{"RM"}
	}
	if len(seq.Variant) == 0 {
		seq.Variant = []string{"NONE"}
	}
	d.str(tag.ScanningSequence, seq.Scanning...)
	d.str(tag.SequenceVariant, seq.Variant...)
	d.str(tag.ScanOptions, seq.Options...)
	d.str(tag.MRAcquisitionType, values(seq.Acquisition)...)
	d.str(tag.RepetitionTime, values(known(seq.TR))...)
	d.str(tag.EchoTime, values(known(seq.TE))...)
	d.str(tag.EchoTrainLength, values(known(float64(seq.EchoTrainLength)))...)
	if seq.Echo != "" {
		d.str(tag.EchoNumbers, seq.Echo)
	}
	for t, v := range map[tag.Tag]string{tag.TemporalPositionIdentifier: seq.Time, tag.NumberOfTemporalPositions: seq.Times} {
		if v != "" {
			d.str(t, v)
		}
	}
	if slices.Contains(seq.Scanning, "IR") {
		d.str(tag.InversionTime, values(known(seq.TI))...)
	}
	for t, v := range map[tag.Tag]float64{tag.FlipAngle: seq.FlipAngle, tag.MagneticFieldStrength: s.rec.Header.Field} {
		if known(v) != "" {
			d.str(t, known(v))
		}
	}
	if seq.Diffusion != nil {
		seq.Diffusion.add(d, false)
	}
	direction := "ROW" // columns are phase encode, so it runs along a row
	if turningOf(&s.rec.Header).transposed {
		direction = "COL"
	}
	d.str(tag.InPlanePhaseEncodingDirection, direction)
	if sampling := s.rec.Sampling; sampling != nil && len(sampling.Columns) > 0 && s.name != "reference" {
		d.str(tag.PercentSampling, decimal(100*sampling.FractionOf(index)))
	}
}

// headerSequence is what the header of raw data knows of its sequence, which names none: fastMRI's acquisitions are turbo spin echoes, with
// a segmented k-space.
func headerSequence(h *recon.Header) sequence {
	s := sequence{Sequence: h.Sequence}
	acquisition := strings.ToUpper(h.Acquisition)
	switch {
	case h.Sequence.TI > 0 || strings.Contains(acquisition, "FLAIR"):
		s.Scanning, s.Variant = []string{"SE", "IR"}, []string{"SK"}
	case strings.HasPrefix(acquisition, "CORPD"), acquisition == "AXT2", h.Sequence.EchoTrainLength > 1:
		s.Scanning, s.Variant = []string{"SE"}, []string{"SK"}
	}
	if strings.HasPrefix(acquisition, "CORPDFS") {
		s.Options = []string{"FS"} // fat saturation
	}
	switch {
	case h.Volume:
		s.Acquisition = "3D"
	case h.Format == "ismrmrd", h.Format == "fastmri" && !isPhantom(h):
		s.Acquisition = "2D"
	}
	return s
}

// values is no value for an empty text, which makes an empty element.
func values(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}
