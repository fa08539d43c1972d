package kspace

import (
	"math"
	"math/cmplx"
	"slices"
)

// What EstimateMaps looks at.
const (
	mapsKernel = 4    // samples of a neighbourhood along each axis
	mapsNoise  = 1e-5 // of the energy, below which a combination of neighbours is taken for noise
	mapsDark   = 0.05 // of the brightest pixel at low resolution, below which there is next to no signal
)

// centralColumns is how many columns tell sensitivities at most: these are smooth, and more columns take as much longer.
const centralColumns = 32

// central are the columns [lo, hi) of nx without those beyond the centre.
func central(lo, hi, nx int) (int, int) {
	return max(lo, nx/2-centralColumns/2), min(hi, nx/2+centralColumns/2)
}

// MapsRows is how many central rows tell sensitivities of what was sampled fully along the readout.
const MapsRows = 48

// EstimateMaps estimates coil sensitivity maps (nc, ny, nx) from the central columns [lo, hi) of k-space and so many central rows, which
// are to be fully sampled. It is ESPIRiT (Uecker et al., Magn Reson Med 71:990, 2014): what neighbouring samples of all coils have in
// common, anywhere in the centre, is a projection that leaves k-space as it is, and the maps at a pixel are the eigenvector of that
// projection there. Noise is weighed down, as by Tikhonov, instead of cut off. Where there is next to no signal the maps are the adaptive
// combination of Walsh, Gmitro and Marcellin (Magn Reson Med 43:682, 2000): at each pixel the dominant eigenvector of the coil covariance
// over a neighbourhood of the low-resolution images. ESPIRiT's would go on smoothly there, nearly parallel to those of the object that
// aliases there, and to mask them would hide what is dim. Maps satisfy Σ|S|² = 1; their phase is relative to the coil with most signal,
// which leaves the image's own phase in the image. Memory grows with nc².
func EstimateMaps(y Data, lo, hi, rows int) Data {
	lo, hi = central(lo, hi, y.Nx)
	low, maps := lowResolution(y, lo, hi), NewData(y.Nc, y.Ny, y.Nx)
	filter, best, bright := calibrationOf(y, lo, hi, rows).filter(), strongest(low), RSS(nil, low)
	dark, size := mapsDark*slices.Max(bright), y.Ny*y.Nx
	covariances := newColumnSums(low, max(2, min(y.Ny, y.Nx)/64))
	parts, line := Processors(), filter.line()
	eigens := make([]eigen, parts)
	for p := range parts {
		eigens[p] = newEigen(y.Nc)
	}
	for row := range y.Ny {
		filter.atRow(line, row, y.Ny)
		Parallel(parts, y.Nx, func(_, from, to int) { covariances.moveTo(row, from, to) })
		Parallel(parts, y.Nx, func(part, from, to int) {
			e := eigens[part]
			for x := from; x < to; x++ {
				at := row*y.Nx + x
				for i := range e.vector {
					e.vector[i] = complex128(low.Val[i*size+at])
				}
				unit(e.vector)
				if bright[at] > dark {
					line.atColumn(e.lower, x, y.Nx)
				} else {
					covariances.box(e.lower, x)
				}
				e.dominant()
				turn := cmplx.Conj(phase(e.vector[best]))
				for i, v := range e.vector {
					maps.Val[i*size+at] = complex64(v * turn)
				}
			}
		})
	}
	return maps
}

// unit scales a vector to length 1; of nothing it is that of equal weights.
func unit(v []complex128) {
	var norm float64
	for _, e := range v {
		norm += real(e)*real(e) + imag(e)*imag(e)
	}
	for i, e := range v {
		if norm > 0 {
			v[i] = e / complex(math.Sqrt(norm), 0)
		} else {
			v[i] = complex(1/math.Sqrt(float64(len(v))), 0)
		}
	}
}

// calibration is the centre of k-space, with the size of the neighbourhoods in it.
type calibration struct {
	k      Data
	ny, nx int
}

// calibrationOf cuts out the columns [lo, hi) and so many rows.
func calibrationOf(y Data, lo, hi, rows int) calibration {
	top, bottom := max(0, y.Ny/2-rows/2), min(y.Ny, y.Ny/2+(rows+1)/2)
	k := NewData(y.Nc, bottom-top, hi-lo)
	for c := range y.Nc {
		for row := top; row < bottom; row++ {
			copy(k.Coil(c).Pix[(row-top)*k.Nx:(row-top+1)*k.Nx], y.Coil(c).Pix[row*y.Nx:][lo:hi])
		}
	}
	return calibration{k, min(mapsKernel, k.Ny), min(mapsKernel, k.Nx)}
}

// lowResolution returns the coil images of the central columns lo…hi and as many rows, Hann-windowed against ringing.
func lowResolution(y Data, lo, hi int) Data {
	low := NewData(y.Nc, y.Ny, y.Nx)
	half := max(float64(hi-lo)/2, 1)
	window := func(i, n int) float64 {
		d := math.Abs(float64(i-n/2)) / (half + 1)
		if d >= 1 {
			return 0
		}
		return 0.5 + 0.5*math.Cos(math.Pi*d)
	}
	fft := NewFFT2(y.Ny, y.Nx)
	for c := range y.Nc {
		k, src := low.Coil(c).Pix, y.Coil(c).Pix
		for row := range y.Ny {
			for x := lo; x < hi; x++ {
				i := row*y.Nx + x
				k[i] = complex(float32(window(row, y.Ny)*window(x, y.Nx)), 0) * src[i]
			}
		}
		fft.Inverse(k, k)
	}
	return low
}
