package dicomio

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/uid"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// stack writes one image for each of zs, changed by change, under names that sort as ranks do.
func stack(t *testing.T, zs []float64, rank func(i int) int, change func(i int, c *crafted)) string {
	t.Helper()
	dir := t.TempDir()
	for i, z := range zs {
		c := smallMR()
		c.replace(tag.RescaleIntercept, []string{"5000"})
		c.replace(tag.ImagePositionPatient, decimals(0, 0, z))
		c.replace(tag.InstanceNumber, []string{fmt.Sprint(i + 1)})
		c.replace(tag.SpacingBetweenSlices, []string{"6"})
		c.str(tag.SOPInstanceUID, fmt.Sprintf("1.2.3.%d", i+1))
		c.str(tag.StudyInstanceUID, "1.2.99")
		c.str(tag.FrameOfReferenceUID, "1.2.98")
		c.str(tag.StudyDate, "20200102")
		c.str(tag.StudyTime, "030405")
		c.str(tag.StudyID, "7")
		c.str(tag.PatientID, "MRN-4711")
		c.str(tag.PatientPosition, "HFS")
		c.str(tag.BodyPartExamined, "BRAIN")
		c.str(tag.Modality, "MR")
		if change != nil {
			change(i, &c)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.dcm", rank(i))), c.bytes(t, uid.ExplicitVRLittleEndian), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func inOrder(i int) int { return i }

// dualEcho has two echoes at each of three positions; the numbers of images have another order.
func dualEcho(t *testing.T, rank func(i int) int) string {
	return stack(t, []float64{0, 6, 12, 0, 6, 12}, rank, func(i int, c *crafted) {
		c.replace(tag.InstanceNumber, []string{fmt.Sprint(6 - i)})
		c.str(tag.EchoTime, []string{"15", "90"}[i/3])
		c.str(tag.EchoNumbers, fmt.Sprint(i/3+1))
		c.str(tag.RepetitionTime, "2500")
	})
}

// TestEachImageHasItsOwnEchoTime, whatever the files are called.
func TestEachImageHasItsOwnEchoTime(t *testing.T) {
	tool(t, "dciodvfy", "dicom3tools")
	for name, rank := range map[string]func(int) int{"in order": inOrder, "reversed": func(i int) int { return 99 - i }} {
		v, s := carriedSeries(t, dualEcho(t, rank), false, false)
		if v.Sequence != (recon.Sequence{TR: 2500}) {
			t.Errorf("%s: the volume has %+v", name, v.Sequence)
		}
		for i, f := range s.Files {
			d := elements(t, f.Path)
			te, number := []string{"15", "90"}[i%2], fmt.Sprint(i%2+1)
			if d.text(tag.EchoTime) != te || d.text(tag.EchoNumbers) != number || d.text(tag.RepetitionTime) != "2500" || d.text(tag.SpacingBetweenSlices) != "6" {
				t.Errorf("%s: image %d: echo %s of %s ms", name, i, d.text(tag.EchoNumbers), d.text(tag.EchoTime))
			}
			source := d.items(tag.SourceImageSequence)[0].text(tag.ReferencedSOPInstanceUID)
			if want := fmt.Sprintf("1.2.3.%d", i/2+i%2*3+1); source != want {
				t.Errorf("%s: image %d is of %s, not %s", name, i, source, want)
			}
			for _, line := range complaints(t, "dciodvfy", f.Path) {
				if !lateralityUnknown.MatchString(line) {
					t.Error(line)
				}
			}
		}
		_, s = carriedSeries(t, dualEcho(t, rank), false, true)
		object := elements(t, s.Files[0].Path)
		if n := len(object.items(tag.DimensionIndexSequence)); n != 3 {
			t.Errorf("%s: %d dimensions", name, n)
		}
		for i, frame := range object.items(tag.PerFrameFunctionalGroupsSequence) {
			content := frame.items(tag.FrameContentSequence)[0]
			stack, _ := content.numbers(tag.InStackPositionNumber)
			index, _ := content.numbers(tag.DimensionIndexValues)
			te, _ := frame.items(tag.MREchoSequence)[0].numbers(tag.EffectiveEchoTime)
			n := float64(i/2 + 1)
			if !slices.Equal(stack, []float64{n}) || !slices.Equal(index, []float64{1, n, float64(i%2 + 1)}) || !slices.Equal(te, []float64{[]float64{15, 90}[i%2]}) {
				t.Errorf("%s: frame %d: position %v, index %v, echo time %v", name, i, stack, index, te)
			}
		}
		for _, line := range complaints(t, "dciodvfy", s.Files[0].Path) {
			t.Error(line)
		}
	}
}

// extended is what dciodvfy says of elements that scanners put into classic images and the standard only into enhanced ones.
var extended = regexp.MustCompile(`^Warning - .*(0018,0x90(75|87|89)|Standard Extended SOP Class)`)

// TestEachImageHasItsOwnDiffusionWeighting, from classic images and from frames.
func TestEachImageHasItsOwnDiffusionWeighting(t *testing.T) {
	tool(t, "dciodvfy", "dicom3tools")
	gradient := []float64{0.6, 0, 0.8}
	weighted := func(b ...float64) func(int, *crafted) {
		return func(i int, c *crafted) {
			c.set(tag.DiffusionBValue, b[i:i+1])
			if b[i] > 0 {
				c.str(tag.DiffusionDirectionality, "DIRECTIONAL")
				c.set(tag.DiffusionGradientOrientation, gradient)
			} else {
				c.str(tag.DiffusionDirectionality, "NONE")
			}
		}
	}
	_, s := carriedSeries(t, stack(t, []float64{0, 6, 0, 6}, inOrder, weighted(0, 0, 1000, 1000)), false, false)
	for i, f := range s.Files {
		d := elements(t, f.Path)
		b, _ := d.numbers(tag.DiffusionBValue)
		along, _ := d.numbers(tag.DiffusionGradientOrientation)
		want, wantAlong, direction := []float64{0}, []float64(nil), "NONE"
		if i%2 == 1 {
			want, wantAlong, direction = []float64{1000}, gradient, "DIRECTIONAL"
		}
		if !slices.Equal(b, want) || !slices.Equal(along, wantAlong) || d.text(tag.DiffusionDirectionality) != direction {
			t.Errorf("image %d has b %v, %s %v", i, b, d.text(tag.DiffusionDirectionality), along)
		}
		for _, line := range complaints(t, "dciodvfy", f.Path) {
			if !lateralityUnknown.MatchString(line) && !extended.MatchString(line) {
				t.Error(line)
			}
		}
	}
	_, s = carriedSeries(t, stack(t, []float64{0, 6}, inOrder, weighted(1000, 1000)), false, true)
	for i, frame := range elements(t, s.Files[0].Path).items(tag.PerFrameFunctionalGroupsSequence) {
		weighting := frame.items(tag.MRDiffusionSequence)[0]
		b, _ := weighting.numbers(tag.DiffusionBValue)
		along, _ := weighting.items(tag.DiffusionGradientDirectionSequence)[0].numbers(tag.DiffusionGradientOrientation)
		if !slices.Equal(b, []float64{1000}) || !slices.Equal(along, gradient) {
			t.Errorf("frame %d has b %v along %v", i, b, along)
		}
	}
	for _, line := range complaints(t, "dciodvfy", s.Files[0].Path) {
		t.Error(line)
	}
}

// TestEachImageHasItsOwnSampling, where slices were sampled differently; the reference has none.
func TestEachImageHasItsOwnSampling(t *testing.T) {
	rec := sample("AXT2", 32, 40, func(r *recon.Reconstruction) {
		r.Indices = []int{0, 2, 3}
		for _, accel := range []int{4, 2, 8, 1} {
			mask := make(kspace.Mask, 368)
			for x := range mask {
				mask[x] = x%accel == 0
			}
			r.Sampling.Each = append(r.Sampling.Each, mask)
		}
	})
	for _, s := range writeAll(t, t.TempDir(), rec, testOptions) {
		for i, f := range s.Files {
			want := []string{"25", "12.5", "100"}[i]
			if s.Name == "reference" {
				want = ""
			}
			if got := elements(t, f.Path).text(tag.PercentSampling); got != want {
				t.Errorf("%s: image %d has %s %% of its samples, want %s", s.Name, i, got, want)
			}
		}
	}
}

// TestEachImageHasItsOwnTime, as far as its source has one that is a number.
func TestEachImageHasItsOwnTime(t *testing.T) {
	dir := stack(t, []float64{0, 6, 0, 6}, inOrder, func(i int, c *crafted) {
		c.str(tag.TemporalPositionIdentifier, []string{"1", "1", "2", "late"}[i])
		c.str(tag.NumberOfTemporalPositions, "2")
	})
	_, s := carriedSeries(t, dir, false, false)
	for i, f := range s.Files {
		d := elements(t, f.Path)
		if got := d.text(tag.TemporalPositionIdentifier); got != []string{"1", "2", "1", ""}[i] || d.text(tag.NumberOfTemporalPositions) != "2" {
			t.Errorf("image %d is of time %q of %q", i, got, d.text(tag.NumberOfTemporalPositions))
		}
	}
}

// Echoes of raw data are told apart by their times alone.
func TestEnhancedRefusesEchoesOfUnknownTime(t *testing.T) {
	for _, c := range []struct {
		echoes []float64
		ok     bool
	}{{nil, true}, {[]float64{15, 90}, true}, {[]float64{15, 15}, false}, {[]float64{0, 90}, false}} {
		h := recon.Header{Echoes: c.echoes}
		if err := (Options{Enhanced: true}).CheckEnhanced(&h); (err == nil) != c.ok || err != nil && recon.CodeOf(err) != recon.Invalid {
			t.Errorf("%v: %v", c.echoes, err)
		}
		if err := (Options{}).CheckEnhanced(&h); err != nil {
			t.Errorf("classic images of %v: %v", c.echoes, err)
		}
	}
}

// elements reads the wanted elements of a file.
func elements(t *testing.T, path string) attributes {
	t.Helper()
	defer func(were []tag.Tag) { wanted = were }(wanted)
	wanted = append(slices.Clone(wanted), tag.SourceImageSequence, tag.ReferencedSOPInstanceUID, tag.DimensionIndexSequence,
		tag.FrameContentSequence, tag.InStackPositionNumber, tag.DimensionIndexValues,
		tag.RealWorldValueMappingSequence, tag.RealWorldValueSlope, tag.PercentSampling)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, a, err := examine(file)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestEnhancedRefusesWhatItCannotTellApart, such as the times of a series.
func TestEnhancedRefusesWhatItCannotTellApart(t *testing.T) {
	for name, c := range map[string]struct {
		dir string
		ok  bool
	}{
		"echoes": {dualEcho(t, inOrder), true}, "times": {stack(t, []float64{0, 6, 0, 6}, inOrder, nil), false}, "slices": {stack(t, []float64{0, 6}, inOrder, nil), true},
	} {
		v, err := Read(context.Background(), c.dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := (Options{Origin: v.Origin, Enhanced: true}).CheckEnhanced(&recon.Header{}); (err == nil) != c.ok || err != nil && recon.CodeOf(err) != recon.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGapIsThatOfAllNeighbours, or it is left out.
func TestGapIsThatOfAllNeighbours(t *testing.T) {
	for want, zs := range map[string][]float64{"6": {0, 6, 12, 6}, "5": {0, 5.02, 10}, "": {0, 6, 12, 42}} {
		_, s := carriedSeries(t, stack(t, zs, inOrder, nil), false, false)
		for _, f := range s.Files {
			if got := elements(t, f.Path).text(tag.SpacingBetweenSlices); got != want {
				t.Errorf("%v: %q, want %q", zs, got, want)
			}
		}
	}
}

// TestPulseSequenceIsTheSources and invents none.
func TestPulseSequenceIsTheSources(t *testing.T) {
	for name, c := range map[string]struct {
		set  map[tag.Tag][]string
		want string
	}{
		"MPRAGE": {map[tag.Tag][]string{
			tag.ScanningSequence: {"GR", "IR"}, tag.SequenceVariant: {"SP", "MP"}, tag.ScanOptions: {"SAT_GEMS", "FS"}, tag.MRAcquisitionType: {"3D"}, tag.InversionTime: {"900"},
		}, `[GR IR] [SP MP] [FS] [3D] [900]`},
		"enhanced": {map[tag.Tag][]string{
			tag.EchoPulseSequence: {"GRADIENT"}, tag.EchoPlanarPulseSequence: {"YES"}, tag.InversionRecovery: {"NO"}, tag.Spoiling: {"RF"}, tag.EchoTrainLength: {"56"},
		}, `[GR EP] [SP] [] [] []`},
		"unknown": {map[tag.Tag][]string{tag.EchoTrainLength: {"8"}, tag.InversionTime: {"900"}}, `[RM] [NONE] [] [] []`},
		"nonsense": {map[tag.Tag][]string{tag.ScanningSequence: {"DOE^JANE"}, tag.SequenceVariant: {"a b"}, tag.MRAcquisitionType: {"4D"}},
			`[RM] [NONE] [] [] []`},
	} {
		_, s := carriedSeries(t, stack(t, []float64{0, 6}, inOrder, func(_ int, o *crafted) {
			for t, v := range c.set {
				o.replace(t, v)
			}
		}), false, false)
		d := elements(t, s.Files[0].Path)
		got := fmt.Sprint(d.texts(tag.ScanningSequence), d.texts(tag.SequenceVariant), d.texts(tag.ScanOptions), d.texts(tag.MRAcquisitionType), d.texts(tag.InversionTime))
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	_, s := carriedSeries(t, filepath.Join(shared(t), "siemens_xa10_enh_6_1.dcm"), false, false)
	if d := elements(t, s.Files[0].Path); !slices.Equal(d.texts(tag.ScanningSequence), []string{"GR", "EP"}) {
		t.Errorf("an echo planar image became %v %v", d.texts(tag.ScanningSequence), d.texts(tag.SequenceVariant))
	}
}

// TestDifferentImagesAreNotMixed: of two with one UID none may vanish, and one pixel spacing must hold for all.
func TestDifferentImagesAreNotMixed(t *testing.T) {
	sameUID := func(i int, c *crafted) { c.replace(tag.SOPInstanceUID, []string{"1.2.3.9"}) }
	for want, dir := range map[string]string{
		"one SOP Instance UID": stack(t, []float64{0, 6}, inOrder, sameUID),
		"PixelSpacing":         stack(t, []float64{0, 6}, inOrder, func(i int, c *crafted) { c.replace(tag.PixelSpacing, []string{fmt.Sprint(i + 1), "1"}) }),
	} {
		if _, err := Read(context.Background(), dir); recon.CodeOf(err) != recon.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	twice := stack(t, []float64{6, 6}, inOrder, func(i int, c *crafted) { sameUID(i, c); c.replace(tag.InstanceNumber, []string{"1"}) })
	if v, err := Read(context.Background(), twice); err != nil || len(v.Slices) != 1 {
		t.Errorf("one file twice: %d slices, %v", len(v.Slices), err)
	}
}

// TestValuesBelowZero are noise and set to 0, which the images say, or make an image that is no magnitude.
func TestValuesBelowZero(t *testing.T) {
	shifted := func(intercept string) string {
		return stack(t, []float64{0}, inOrder, func(_ int, c *crafted) { c.replace(tag.RescaleIntercept, []string{intercept}) })
	}
	v, s := carriedSeries(t, shifted("4095"), false, false) // the least stored value becomes −1
	if v.Slices[0][3] != 0 || v.Slices[0][2] != 8189 || len(v.Origin.Notes()) != 1 {
		t.Errorf("%v, notes %v", v.Slices, v.Origin.Notes())
	}
	if !strings.Contains(readText(t, s.Files[0].Path), "1 pixels of the source") {
		t.Error("the derivation does not say it")
	}
	if _, err := Read(context.Background(), shifted("0")); recon.CodeOf(err) != recon.Invalid || !strings.Contains(err.Error(), "below zero") {
		t.Errorf("half of it below zero: %v", err)
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(file)
}
