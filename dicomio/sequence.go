package dicomio

import (
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/suyashkumar/dicom/pkg/tag"

	"github.com/closer-mri/closer/recon"
)

// sequence is what made one image of the source: the MR image module (PS3.3 C.8.3.1) of results has it again. Empty is unknown.
type sequence struct {
	recon.Sequence
	Scanning, Variant, Options []string // ScanningSequence, SequenceVariant, ScanOptions
	Acquisition, Echo          string   // MRAcquisitionType, EchoNumbers
	Time, Times                string   // TemporalPositionIdentifier, NumberOfTemporalPositions
	Diffusion                  *diffusion
}

// terms are those that the standard has for an element; terms of vendors are left out.
var terms = map[tag.Tag][]string{
	tag.ScanningSequence:        {"SE", "IR", "GR", "EP", "RM"},
	tag.SequenceVariant:         {"SK", "MTC", "SS", "TRSS", "SP", "MP", "OSP", "NONE"},
	tag.ScanOptions:             {"PER", "RG", "CG", "PPG", "FC", "PFF", "PFP", "SP", "FS"},
	tag.MRAcquisitionType:       {"2D", "3D"},
	tag.DiffusionDirectionality: {"DIRECTIONAL", "ISOTROPIC", "NONE"},
}

var ordinal = regexp.MustCompile(`^\d{1,12}$`)

// readSequence reads groups, the last that has a value: a classic object has it at the top, an enhanced one in the functional groups
// of C.8.13.5. An echo train is one of gradient or of spin echoes.
func readSequence(groups []attributes) (sequence, error) {
	var s sequence
	var train float64
	for _, field := range []struct {
		dst   *float64
		group tag.Tag
		top   tag.Tag
		tags  []tag.Tag
	}{
		{&s.TR, tag.MRTimingAndRelatedParametersSequence, tag.RepetitionTime, []tag.Tag{tag.RepetitionTime}},
		{&s.FlipAngle, tag.MRTimingAndRelatedParametersSequence, tag.FlipAngle, []tag.Tag{tag.FlipAngle}},
		{&train, tag.MRTimingAndRelatedParametersSequence, tag.EchoTrainLength, []tag.Tag{tag.GradientEchoTrainLength, tag.RFEchoTrainLength, tag.EchoTrainLength}},
		{&s.TE, tag.MREchoSequence, tag.EchoTime, []tag.Tag{tag.EffectiveEchoTime}},
		{&s.TI, tag.MRModifierSequence, tag.InversionTime, []tag.Tag{tag.InversionTimes}},
	} {
		for _, group := range groups {
			if err := readPositive(field.dst, group, field.top); err != nil {
				return sequence{}, err
			}
			for _, item := range group.items(field.group) {
				if err := readPositive(field.dst, item, field.tags...); err != nil {
					return sequence{}, err
				}
			}
		}
	}
	s.EchoTrainLength = int(min(train, math.MaxUint16))
	var err error
	if s.Diffusion, err = readDiffusion(groups); err != nil {
		return sequence{}, err
	}
	top := groups[0]
	s.Scanning, s.Variant, s.Options = standard(top, tag.ScanningSequence), standard(top, tag.SequenceVariant), standard(top, tag.ScanOptions)
	if kind := standard(top, tag.MRAcquisitionType); len(kind) > 0 {
		s.Acquisition = kind[0]
	}
	for t, dst := range map[tag.Tag]*string{tag.EchoNumbers: &s.Echo, tag.TemporalPositionIdentifier: &s.Time, tag.NumberOfTemporalPositions: &s.Times} {
		if n := top.text(t); ordinal.MatchString(n) {
			*dst = n
		}
	}
	if len(s.Scanning) == 0 {
		s.derive(groups)
	}
	return s, nil
}

// readPositive sets dst to the last positive value of the elements.
func readPositive(dst *float64, a attributes, tags ...tag.Tag) error {
	for _, t := range tags {
		v, err := a.number(t, 0)
		if err != nil {
			return err
		}
		if v > 0 {
			*dst = v
		}
	}
	return nil
}

// standard are the values of an element that are terms of the standard.
func standard(a attributes, t tag.Tag) []string {
	return slices.DeleteFunc(a.texts(t), func(v string) bool { return !slices.Contains(terms[t], v) })
}

// derive says in the terms of the classic object what the MR pulse sequence module (C.8.13.4) of an enhanced one says.
func (s *sequence) derive(groups []attributes) {
	top := groups[0]
	scanning := map[string][]string{"SPIN": {"SE"}, "GRADIENT": {"GR"}, "BOTH": {"SE", "GR"}}[top.text(tag.EchoPulseSequence)]
	if scanning == nil {
		return
	}
	s.Scanning, s.Variant = slices.Clone(scanning), nil
	add := func(to *[]string, term string, t tag.Tag, values ...string) {
		if slices.Contains(values, top.text(t)) {
			*to = append(*to, term)
		}
	}
	add(&s.Scanning, "IR", tag.InversionRecovery, "YES")
	add(&s.Scanning, "EP", tag.EchoPlanarPulseSequence, "YES")
	add(&s.Variant, "SK", tag.SegmentedKSpaceTraversal, "PARTIAL")
	add(&s.Variant, "SS", tag.SteadyStatePulseSequence, "FREE_PRECESSION", "TRANSVERSE", "LONGITUDINAL")
	add(&s.Variant, "TRSS", tag.SteadyStatePulseSequence, "TIME_REVERSED")
	add(&s.Variant, "SP", tag.Spoiling, "RF", "GRADIENT", "RF_AND_GRADIENT")
	add(&s.Variant, "OSP", tag.OversamplingPhase, "2D", "3D", "2D_3D")
}

// common is what all images have, 0 where they differ.
func common(images []sourceImage) recon.Sequence {
	c := images[0].sequence.Sequence
	for _, image := range images[1:] {
		for _, field := range []struct {
			all *float64
			one float64
		}{
			{&c.TR, image.sequence.TR}, {&c.TE, image.sequence.TE}, {&c.TI, image.sequence.TI}, {&c.FlipAngle, image.sequence.FlipAngle},
		} {
			if *field.all != field.one {
				*field.all = 0
			}
		}
		if c.EchoTrainLength != image.sequence.EchoTrainLength {
			c.EchoTrainLength = 0
		}
	}
	return c
}

// sequence is that of slice index of the scan.
func (s series) sequence(index int) sequence {
	if o := s.opts.Origin; o != nil {
		return o.images[index].sequence
	}
	h := &s.rec.Header
	seq := headerSequence(h)
	if h.Repetitions > 1 {
		_, _, time := h.Turn(index)
		seq.Time, seq.Times = strconv.Itoa(1+time), strconv.Itoa(h.Repetitions)
	}
	if len(h.Echoes) > 1 {
		_, echo, _ := h.Turn(index)
		seq.Echo, seq.TE = strconv.Itoa(1+echo), h.Echoes[echo]
	}
	return seq
}
