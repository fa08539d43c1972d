package dicomio

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"

	"github.com/closer-mri/closer/recon"
)

// frameType is the ImageType of the object and of each frame: a stack of slices, nothing done to their contrast.
var frameType = []string{"DERIVED", "PRIMARY", "VOLUME", "NONE"}

// CheckEnhanced refuses a scan whose frames the one object of Options.Enhanced could not tell apart: several at one position that do not
// differ in their echo time, which must be known.
func (o Options) CheckEnhanced(h *recon.Header) error {
	if !o.Enhanced {
		return nil
	}
	for i, te := range h.Echoes {
		if te <= 0 || slices.Contains(h.Echoes[:i], te) {
			return recon.Errorf(recon.Invalid, "the raw data have several echoes whose times their header does not tell apart, which one enhanced object cannot either; leave out --enhanced")
		}
	}
	return o.Origin.checkEnhanced()
}

// enhanced returns the one object of a series as an enhanced MR image (PS3.3 A.36.2). Its modules for ORIGINAL images are absent:
// the image is DERIVED, and nobody knows most of what they ask for.
func (s series) enhanced(out Series, sc scale) dataset {
	d := s.shared(out)
	s.enhancedEquipment(&d)
	d.str(tag.InstanceNumber, "1")
	d.str(tag.NumberOfFrames, fmt.Sprint(len(s.images)))
	d.str(tag.ImageType, frameType...)
	d.str(tag.ImageComments, text(s.comments()+" "+s.story, maxLT))
	d.str(tag.ApplicableSafetyStandardAgency, "IEC") // one must be named; its standard for scanners, 60601-2-33, is the international one
	d.str(tag.PresentationLUTShape, "IDENTITY")
	s.describe(&d)
	d.set(tag.AcquisitionContextSequence, []dataset{})
	if date, _ := s.dateTime(); date == nil { // type 1 here
		d.str(tag.ContentDate, dummyDate)
		d.str(tag.ContentTime, dummyTime)
	}
	s.dimensions(&d, out)

	d.set(tag.SharedFunctionalGroupsSequence, []dataset{s.groups(sc)})
	if evidence := s.evidence(); evidence != nil {
		d.set(tag.SourceImageEvidenceSequence, evidence)
	}
	var frames []dataset
	var places []int
	for _, index := range s.rec.Indices {
		places = append(places, s.place(index))
	}
	slices.Sort(places)
	places = slices.Compact(places)
	echoes := s.echoes()
	for _, index := range s.rec.Indices {
		frames = append(frames, s.frame(1+slices.Index(places, s.place(index)), index, echoes))
	}
	d.set(tag.PerFrameFunctionalGroupsSequence, frames)
	return d
}

// groups are the functional groups that all frames share.
func (s series) groups(sc scale) dataset {
	g, gap := s.geometry()
	var measures, orientation, anatomy, transform, voi, kind dataset
	measures.str(tag.PixelSpacing, decimal(g.Spacing[0]), decimal(g.Spacing[1]))
	measures.str(tag.SliceThickness, decimal(g.Thickness))
	if gap > 0 {
		measures.str(tag.SpacingBetweenSlices, decimal(gap))
	}
	orientation.str(tag.ImageOrientationPatient, decimals(g.Row[0], g.Row[1], g.Row[2], g.Col[0], g.Col[1], g.Col[2])...)
	region, side := s.anatomy()
	anatomy.set(tag.AnatomicRegionSequence, []dataset{region})
	anatomy.str(tag.FrameLaterality, side)
	transform.str(tag.RescaleIntercept, "0") // stored values are shown as they are; RealWorldValueMapping has their unit
	transform.str(tag.RescaleSlope, "1")
	transform.str(tag.RescaleType, "US")
	center, width := sc.window()
	voi.str(tag.WindowCenter, decimal(center))
	voi.str(tag.WindowWidth, decimal(width))
	kind.str(tag.FrameType, frameType...)
	s.describe(&kind)

	var all dataset
	for t, group := range map[tag.Tag]dataset{
		tag.PixelMeasuresSequence: measures, tag.PlaneOrientationSequence: orientation, tag.FrameAnatomySequence: anatomy,
		tag.PixelValueTransformationSequence: transform, tag.FrameVOILUTSequence: voi, tag.MRImageFrameTypeSequence: kind,
	} {
		all.set(t, []dataset{group})
	}
	s.realWorldValue(&all, sc)
	return all
}

// describe adds what the whole image and each of its frames say of what they are (C.8.13.3.1.1 and C.8.16.2).
func (s series) describe(d *dataset) {
	d.str(tag.PixelPresentation, "MONOCHROME")
	d.str(tag.VolumetricProperties, "VOLUME")
	d.str(tag.VolumeBasedCalculationTechnique, "NONE")
	d.str(tag.ComplexImageComponent, "MAGNITUDE")
	d.str(tag.AcquisitionContrast, s.contrast())
}

// contrast is what the names of fastMRI's acquisitions say of it.
func (s series) contrast() string {
	acquisition := strings.ToUpper(s.rec.Header.Acquisition)
	switch {
	case strings.Contains(acquisition, "FLAIR"):
		return "FLUID_ATTENUATED"
	case strings.HasPrefix(acquisition, "AXT1"):
		return "T1"
	case strings.HasPrefix(acquisition, "AXT2"):
		return "T2"
	case strings.HasPrefix(acquisition, "CORPD"):
		return "PROTON_DENSITY"
	}
	return "UNKNOWN"
}

// anatomy is the region and its side, which each frame must name. Where the part of the body or the side of a paired one is not
// known, the region is the entire body: less than one may wish, and true.
func (s series) anatomy() (region dataset, side string) {
	part, side := s.body()
	regions := map[string]dataset{
		"BRAIN": coded("12738006", "SCT", "Brain"), "HEAD": coded("69536005", "SCT", "Head"), "KNEE": coded("72696002", "SCT", "Knee"),
	}
	region, known := regions[part]
	switch paired := part == "KNEE"; {
	case !known, paired && side == "":
		return coded("38266002", "SCT", "Entire body"), "U"
	case side == "":
		side = "U"
	}
	return region, side
}

// enhancedEquipment is the enhanced general equipment module (C.7.5.2), as far as equipment leaves it open. A program has no serial
// number: its version stands for it.
func (s series) enhancedEquipment(d *dataset) {
	if s.opts.Software == "" {
		d.str(tag.SoftwareVersions, "unknown")
	}
	d.str(tag.DeviceSerialNumber, text(cmp.Or(s.opts.Software, "unknown"), maxLO))
}

// echoes are the echo times of the frames in growing order; none where there is one frame at each position and time.
func (s series) echoes() []float64 {
	var all []float64
	several := len(s.rec.Header.Echoes) > 1
	for i, index := range s.rec.Indices {
		several = several || s.opts.Origin != nil && i > 0 && s.place(index) == s.place(s.rec.Indices[i-1])
		all = append(all, s.sequence(index).TE)
	}
	if !several {
		return nil
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// dimensions says that frames are ordered by their place in one stack, and those at one place by repetition and echo time (C.7.6.17).
func (s series) dimensions(d *dataset, out Series) {
	organization := deriveUID("dimensions", out.SeriesUID)
	var o dataset
	o.str(tag.DimensionOrganizationUID, organization)
	d.set(tag.DimensionOrganizationSequence, []dataset{o})
	var indices []dataset
	add := func(t, group tag.Tag) {
		var index dataset
		index.str(tag.DimensionOrganizationUID, organization)
		index.set(tag.DimensionIndexPointer, []int{int(t.Group), int(t.Element)})
		index.set(tag.FunctionalGroupPointer, []int{int(group.Group), int(group.Element)})
		indices = append(indices, index)
	}
	add(tag.StackID, tag.FrameContentSequence)
	add(tag.InStackPositionNumber, tag.FrameContentSequence)
	if s.rec.Header.Repetitions > 1 {
		add(tag.TemporalPositionIndex, tag.FrameContentSequence)
	}
	if s.echoes() != nil {
		add(tag.EffectiveEchoTime, tag.MREchoSequence)
	}
	d.set(tag.DimensionIndexSequence, indices)
}

// frame is the functional groups that only one frame has; it shows slice index of the scan, at the n-th position.
func (s series) frame(n, index int, echoes []float64) dataset {
	var content, position, f dataset
	content.str(tag.StackID, "1")
	content.set(tag.InStackPositionNumber, []int{n})
	values := []int{1, n}
	if s.rec.Header.Repetitions > 1 {
		_, _, time := s.rec.Header.Turn(index)
		content.set(tag.TemporalPositionIndex, []int{1 + time})
		values = append(values, 1+time)
	}
	seq := s.sequence(index)
	te := seq.TE
	if echoes != nil {
		values = append(values, 1+slices.Index(echoes, te))
	}
	if te > 0 {
		var echo dataset
		echo.set(tag.EffectiveEchoTime, []float64{te})
		f.set(tag.MREchoSequence, []dataset{echo})
	}
	if seq.Diffusion != nil {
		var weighting dataset
		seq.Diffusion.add(&weighting, true)
		f.set(tag.MRDiffusionSequence, []dataset{weighting})
	}
	content.set(tag.DimensionIndexValues, values)
	f.set(tag.FrameContentSequence, []dataset{content})
	p, _ := s.position(index)
	position.str(tag.ImagePositionPatient, decimals(p[:]...)...)
	f.set(tag.PlanePositionSequence, []dataset{position})
	if o := s.opts.Origin; o != nil && o.subject.carried.StudyUID != "" && o.images[index].named() { // so that evidence lists it
		if source := o.reference(index); source != nil {
			var derivation dataset
			derivation.str(tag.DerivationDescription, text(s.story, maxST))
			derivation.set(tag.DerivationCodeSequence, []dataset{coded("113961", "DCM", "Reconstruction Algorithm")}) // the nearest that there is
			derivation.set(tag.SourceImageSequence, source)
			f.set(tag.DerivationImageSequence, []dataset{derivation})
		}
	}
	return f
}

// evidence lists the source images of all frames, by series, as C.8.13.2.1.2 wants it; none where a source has no UIDs.
func (s series) evidence() []dataset {
	o := s.opts.Origin
	if o == nil || o.subject.carried.StudyUID == "" {
		return nil
	}
	var uids []string // of the series, in order
	objects, seen := map[string][]dataset{}, map[string]bool{}
	for _, index := range s.rec.Indices {
		image := o.images[index]
		if !image.named() || seen[image.instance] {
			continue
		}
		seen[image.instance] = true
		if objects[image.series] == nil {
			uids = append(uids, image.series)
		}
		var object dataset
		object.str(tag.ReferencedSOPClassUID, image.class)
		object.str(tag.ReferencedSOPInstanceUID, image.instance)
		objects[image.series] = append(objects[image.series], object)
	}
	if uids == nil {
		return nil
	}
	var all []dataset
	for _, uid := range uids {
		var one dataset
		one.str(tag.SeriesInstanceUID, uid)
		one.set(tag.ReferencedSOPSequence, objects[uid])
		all = append(all, one)
	}
	var study dataset
	study.str(tag.StudyInstanceUID, o.subject.carried.StudyUID)
	study.set(tag.ReferencedSeriesSequence, all)
	return []dataset{study}
}
