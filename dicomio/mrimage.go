package dicomio

import (
	"fmt"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"

	"github.com/closer-mri/closer/recon"
)

// mrImage is the MR image module (PS3.3 C.8.3.1), from what the header knows of the sequence.
func mrImage(d *dataset, rec *recon.Reconstruction, name string) {
	h := &rec.Header
	seq := h.Sequence
	scanning, variant := pulseSequence(h)
	d.str(tag.ScanningSequence, scanning...)
	d.str(tag.SequenceVariant, variant)
	acquisition := strings.ToUpper(h.Acquisition)
	if strings.HasPrefix(acquisition, "CORPDFS") {
		d.str(tag.ScanOptions, "FS") // fat saturation
	} else {
		d.str(tag.ScanOptions)
	}
	if h.Format == "fastmri" && !isPhantom(h) {
		d.str(tag.MRAcquisitionType, "2D")
	} else {
		d.str(tag.MRAcquisitionType)
	}
	d.str(tag.RepetitionTime, values(known(seq.TR))...)
	d.str(tag.EchoTime, values(known(seq.TE))...)
	if seq.EchoTrainLength > 0 {
		d.str(tag.EchoTrainLength, fmt.Sprint(seq.EchoTrainLength))
	} else {
		d.str(tag.EchoTrainLength)
	}
	if scanning[len(scanning)-1] == "IR" {
		d.str(tag.InversionTime, values(known(seq.TI))...)
	}
	for t, v := range map[tag.Tag]float64{tag.FlipAngle: seq.FlipAngle, tag.MagneticFieldStrength: h.Field} {
		if known(v) != "" {
			d.str(t, known(v))
		}
	}
	// Columns are phase encode, so it runs along a row.
	d.str(tag.InPlanePhaseEncodingDirection, "ROW")
	if s := rec.Sampling; s != nil && len(s.Columns) > 0 && name != "reference" {
		d.str(tag.PercentSampling, decimal(100*s.Fraction()))
	}
}

// pulseSequence returns ScanningSequence and SequenceVariant. Where nobody knows, "research mode" is the honest term.
func pulseSequence(h *recon.Header) (scanning []string, variant string) {
	acquisition := strings.ToUpper(h.Acquisition)
	switch {
	case h.Sequence.TI > 0 || strings.Contains(acquisition, "FLAIR"):
		return []string{"SE", "IR"}, "SK"
	case strings.HasPrefix(acquisition, "CORPD"), acquisition == "AXT2", h.Sequence.EchoTrainLength > 1:
		return []string{"SE"}, "SK" // turbo spin echo: a segmented k-space
	}
	return []string{"RM"}, "NONE"
}

// values is no value for an empty text, which makes an empty element.
func values(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}
