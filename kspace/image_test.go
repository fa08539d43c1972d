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

// Images are cropped from pixel (src − dst)//2 on, as fastMRI's center_crop does; padding and cropping again is the identity.
func TestCropImage(t *testing.T) {
	for _, n := range [][4]int{{8, 6, 4, 4}, {8, 6, 5, 3}, {8, 7, 3, 6}, {7, 9, 4, 5}, {640, 368, 319, 203}, {640, 203, 203, 203}} {
		src, dst := kspace.NewImage(n[0], n[1]), kspace.NewImage(n[2], n[3])
		randomize(rand.New(rand.NewPCG(3, 3)), src.Pix)
		kspace.CropImage(dst, src)
		top, left := (n[0]-n[2])/2, (n[1]-n[3])/2
		for i, v := range dst.Pix {
			if v != src.Pix[(i/n[3]+top)*n[1]+i%n[3]+left] {
				t.Fatalf("%v: pixel %d is not fastMRI's", n, i)
			}
		}
		back := kspace.NewImage(n[2], n[3])
		kspace.CropImage(src, dst)
		kspace.CropImage(back, src)
		if maxDiff(back.Pix, dst.Pix) != 0 {
			t.Errorf("%v: padding and cropping again is not the identity", n)
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
