package dicomio

import (
	"math"

	"github.com/closer-mri/closer/recon"
)

const (
	// stepsOfIntensity is the stored value of the scan's Intensity, unless the slope was doubled: a quarter of the range,
	// because the brightest pixel of a volume is seldom more than four times its 99.5th percentile.
	stepsOfIntensity = 16384
	maxStored        = math.MaxUint16
	// windowOfIntensity is where the default window turns white, in units of Intensity.
	windowOfIntensity = 1.1
)

// scale is how one series turns values into stored ones.
type scale struct {
	Slope float64 // value of one step, in the units of the reconstruction
	White float64 // value shown as white by default, in the same units
}

// newScale returns the scale of a series. Images that hold a value that is negative or not finite are an error: there is no
// stored value for it, and nothing is clipped.
func newScale(name string, images [][]float32, intensity float64) (scale, error) {
	var top float32
	for i, image := range images {
		for _, v := range image {
			if !(v >= 0 && v <= math.MaxFloat32) {
				return scale{}, recon.Errorf(recon.Internal, "image %d of %s has a pixel that is not a finite magnitude", i, name)
			}
			if v > top {
				top = v
			}
		}
	}
	brightest := float64(top)
	if !(intensity > 0) || math.IsInf(intensity, 1) {
		intensity = brightest
	}
	if intensity == 0 {
		return scale{Slope: 1, White: 1}, nil
	}
	slope := intensity / stepsOfIntensity
	for math.Round(brightest/slope) > maxStored {
		slope *= 2
	}
	return scale{Slope: slope, White: windowOfIntensity * intensity}, nil
}

// store returns the pixels as stored values, little endian.
func (s scale) store(image []float32) []byte {
	raw := make([]byte, 2*len(image))
	for i, v := range image {
		stored := uint16(float64(v)/s.Slope + 0.5)
		raw[2*i], raw[2*i+1] = byte(stored), byte(stored>>8)
	}
	return raw
}

// window returns the centre and width, in stored values, of the window that shows 0 as black and White as white. The linear
// function of PS3.3 C.11.2.1.2 runs from center − ½ − (width−1)/2 to center − ½ + (width−1)/2.
func (s scale) window() (center, width float64) {
	white := max(1, math.Round(s.White/s.Slope))
	return (white + 1) / 2, white + 1
}
