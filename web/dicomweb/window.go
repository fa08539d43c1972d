package dicomweb

import (
	"math"
	"strconv"
	"strings"

	"github.com/closer-mri/closer/recon"
)

// window is what of an image's values is shown, from black to white. The zero value is none.
type window struct {
	center, width float64
	function      string // VOI LUT Function (PS3.3 C.11.2.1.3), one of these
}

const (
	linear      = "LINEAR"
	linearExact = "LINEAR_EXACT"
	sigmoid     = "SIGMOID"
)

// parseWindow reads center,width,function (PS3.18 8.3.5.1.4); without a function it is linear.
func parseWindow(text string) (window, error) {
	parts := strings.Split(text, ",")
	if len(parts) == 2 {
		parts = append(parts, linear)
	}
	if len(parts) != 3 {
		return window{}, errWindow
	}
	center, err1 := strconv.ParseFloat(parts[0], 64)
	width, err2 := strconv.ParseFloat(parts[1], 64)
	w := window{center, width, strings.ReplaceAll(strings.ToUpper(parts[2]), "-", "_")}
	if err1 != nil || err2 != nil || !w.valid() {
		return window{}, errWindow
	}
	return w, nil
}

var errWindow = recon.Errorf(recon.Invalid, "window is its center, its width and linear, linear-exact or sigmoid, as in window=500,1000,linear; "+
	"the width is above 0, and of linear at least 1")

func (w window) valid() bool {
	finite := math.Abs(w.center) <= math.MaxFloat64 && w.width <= math.MaxFloat64 // neither is true of NaN
	switch w.function {
	case linear:
		return finite && w.width >= 1
	case linearExact, sigmoid:
		return finite && w.width > 0
	}
	return false
}

// shade is the shade of a value (PS3.3 C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2).
func (w window) shade(x float64) uint8 {
	var y float64
	switch w.function {
	case linearExact:
		y = (x-w.center)/w.width + 0.5
	case sigmoid:
		y = 1 / (1 + math.Exp(-4*(x-w.center)/w.width))
	default:
		y = (x-(w.center-0.5))/max(w.width-1, 1e-9) + 0.5
	}
	return uint8(255*max(0, min(1, y)) + 0.5)
}

// fullRange is the window from the darkest to the brightest pixel.
func fullRange(pixels []float32) window {
	low, high := pixels[0], pixels[0]
	for _, p := range pixels {
		low, high = min(low, p), max(high, p)
	}
	return window{float64(low+high)/2 + 0.5, float64(high-low) + 1, linear}
}
