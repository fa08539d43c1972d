package phantom

import "fmt"

// Contrast is the weighting of the acquisition.
type Contrast string

// The contrasts of a head. Fat is not suppressed.
const (
	T1    Contrast = "t1"
	T2    Contrast = "t2"
	FLAIR Contrast = "flair"
)

// Acquisition returns the contrast's name in the attribute `acquisition` of fastMRI brain files.
func (c Contrast) Acquisition() string {
	return map[Contrast]string{T1: "AXT1", T2: "AXT2", FLAIR: "AXFLAIR"}[c]
}

// Tissue is one material of the phantom.
type Tissue uint8

// The tissues; Air is the zero value.
const (
	Air Tissue = iota
	Skin
	Fat
	Muscle
	Bone
	Marrow
	Dura
	CSF
	Grey
	White
	DeepGrey // thalamus, caudate nucleus, putamen
	Pallidum // globus pallidus: iron makes it dark in T2
	Plexus   // choroid plexus
	Blood    // large veins: flow makes them dark in T2
	Plaque   // focal white-matter lesion at full contrast
	Gel      // body of the resolution inserts
	Bar      // bars of the resolution inserts
	nTissues
)

// intensity is the signal of each tissue, 1.0 the brightest.
type intensity [nTissues]float32

// The orders that matter to a reader: T1 fat > white > grey > lesion > CSF; T2 CSF > lesion > grey > white; FLAIR lesion > grey >
// white > CSF. Inserts look alike in all contrasts.
var intensities = map[Contrast]intensity{
	T1: {Skin: .42, Fat: 1, Muscle: .36, Bone: .03, Marrow: .62, Dura: .30, CSF: .12, Grey: .42, White: .64,
		DeepGrey: .50, Pallidum: .56, Plexus: .34, Blood: .30, Plaque: .34, Gel: .20, Bar: .80},
	T2: {Skin: .30, Fat: .62, Muscle: .20, Bone: .03, Marrow: .36, Dura: .16, CSF: 1, Grey: .52, White: .36,
		DeepGrey: .43, Pallidum: .30, Plexus: .70, Blood: .08, Plaque: .82, Gel: .20, Bar: .80},
	FLAIR: {Skin: .34, Fat: .60, Muscle: .26, Bone: .03, Marrow: .34, Dura: .28, CSF: .09, Grey: .58, White: .44,
		DeepGrey: .54, Pallidum: .45, Plexus: .50, Blood: .12, Plaque: 1, Gel: .20, Bar: .80},
}

// Intensity returns the signal of a tissue before bias field and texture, 1.0 the brightest tissue of the contrast.
func (c Contrast) Intensity(t Tissue) (float64, error) {
	table, ok := intensities[c]
	if !ok || t >= nTissues {
		return 0, fmt.Errorf("phantom: no contrast %q or tissue %d", c, t)
	}
	return float64(table[t]), nil
}
