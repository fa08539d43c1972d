package recon

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"math"
	"slices"
)

// window maps intensities 0…top linearly to black…white; brighter ones are white. One window serves all pictures of a report,
// so that brightness compares between methods.
type window struct{ top float64 }

func (w window) level(v float64) uint8 {
	if !(v > 0) { // negative and NaN are black
		return 0
	}
	return uint8(min(255, 255*v/w.top+0.5))
}

// gray draws the image im (ny, nx).
func (w window) gray(im []float32, ny, nx int) image.Image {
	out := image.NewGray(image.Rect(0, 0, nx, ny))
	for i, v := range im {
		out.Pix[i] = w.level(float64(v))
	}
	return out
}

// errors draws |x − r| in errorColors. NaN, which is no error that could be drawn, takes the brightest color.
func (w window) errors(r, x []float32, ny, nx int) image.Image {
	out := image.NewPaletted(image.Rect(0, 0, nx, ny), errorColors)
	for i, v := range r {
		d := math.Abs(float64(x[i]) - float64(v))
		if math.IsNaN(d) {
			d = w.top
		}
		out.Pix[i] = w.level(d)
	}
	return out
}

// errorGains are the factors by which error maps may be amplified.
var errorGains = []int{100, 50, 20, 10, 5, 2, 1}

// errorGain returns the largest gain at which at most one pixel in a hundred of the given absolute errors is brighter than top.
func errorGain(errs []float64, top float64) int {
	if len(errs) == 0 {
		return 1
	}
	last := len(errs) - 1
	fits := func(k int) bool {
		left := last - last*99/100
		for _, e := range errs {
			if e*float64(k) > top {
				if left--; left < 0 {
					return false
				}
			}
		}
		return true
	}
	if i := slices.IndexFunc(errorGains, fits); i >= 0 {
		return errorGains[i]
	}
	return 1
}

// errorColors is matplotlib's perceptually uniform "inferno" (CC0), interpolated between ten of its colors: black is no error, and
// brightness rises throughout, so that the map reads in gray and for the color blind.
var errorColors = func() color.Palette {
	anchors := [][3]float64{
		{0x00, 0x00, 0x04}, {0x1b, 0x0c, 0x41}, {0x4a, 0x0c, 0x6b}, {0x78, 0x1c, 0x6d}, {0xa5, 0x2c, 0x60},
		{0xcf, 0x44, 0x46}, {0xed, 0x69, 0x25}, {0xfb, 0x9b, 0x06}, {0xf7, 0xd1, 0x3d}, {0xfc, 0xff, 0xa4},
	}
	p := make(color.Palette, 256)
	for i := range p {
		at := float64(i) / 255 * float64(len(anchors)-1)
		k := min(int(at), len(anchors)-2)
		f := at - float64(k)
		mix := func(c int) uint8 { return uint8(math.Round((1-f)*anchors[k][c] + f*anchors[k+1][c])) }
		p[i] = color.RGBA{mix(0), mix(1), mix(2), 0xff}
	}
	return p
}()

// colorBar draws errorColors from left (no error) to right.
func colorBar() image.Image {
	out := image.NewPaletted(image.Rect(0, 0, len(errorColors), 1), errorColors)
	for i := range out.Pix {
		out.Pix[i] = uint8(i)
	}
	return out
}

// dataURI returns im as a PNG inside a URL. It is safe in a template: base64 of our own bytes.
func dataURI(im image.Image) (template.URL, error) {
	var buf bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestSpeed} // a fifth of the time of the best, for a tenth more bytes
	if err := enc.Encode(&buf, im); err != nil {
		return "", fmt.Errorf("draw picture: %w", err)
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(buf.Bytes())), nil
}
