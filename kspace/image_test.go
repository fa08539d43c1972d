package kspace_test

import (
	"math/rand/v2"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// Cropping keeps the centre pixel n/2 at n/2 for every parity, and padding followed by cropping is the identity.
func TestCenterCrop(t *testing.T) {
	for _, n := range [][2]int{{7, 4}, {8, 5}, {6, 3}, {9, 9}, {8, 6}} {
		src, dst := kspace.NewImage(n[0], n[0]), kspace.NewImage(n[1], n[1])
		src.Pix[n[0]/2*n[0]+n[0]/2] = 1
		kspace.CenterCrop(dst, src)
		if dst.Pix[n[1]/2*n[1]+n[1]/2] != 1 {
			t.Errorf("%d → %d: centre moved", n[0], n[1])
		}
		randomize(rand.New(rand.NewPCG(1, 1)), dst.Pix)
		back := kspace.NewImage(n[1], n[1])
		kspace.CenterCrop(src, dst)
		kspace.CenterCrop(back, src)
		if maxDiff(back.Pix, dst.Pix) != 0 {
			t.Errorf("%d → %d → %d is not the identity", n[1], n[0], n[1])
		}
	}
}

func TestPlanesRoundTrip(t *testing.T) {
	x, back := kspace.NewImage(5, 6), kspace.NewImage(5, 6)
	randomize(rand.New(rand.NewPCG(2, 2)), x.Pix)
	planes := make([]float32, 2*16*16)
	x.Planes(planes, 16, 16)
	if planes[16+1] != real(x.Pix[7]) || planes[256+16+1] != imag(x.Pix[7]) || planes[6] != 0 {
		t.Error("wrong layout")
	}
	back.SetPlanes(planes, 16, 16)
	if maxDiff(back.Pix, x.Pix) != 0 {
		t.Error("round trip changed pixels")
	}
}
