package kspace

import (
	"math"
	"slices"
)

// fewest is how many samples a median of noise is taken of at least.
const fewest = 64

// NoisePower estimates E|n|² of the noise in a sample of each coil of k-space y, both channels together: the least of EndsPower and, once
// the readout is transformed, of the medians of bands of rows, a twentieth of all, some of which show air. Air tells the noise where
// sharp edges reach to the ends of k-space, the ends where anatomy fills the field of view; where neither does, the estimate is too high,
// and where the scanner has filtered, too low. Where single points were acquired a transform mixes their noise with what is missing, and the
// ends alone tell. 0 is not known.
func NoisePower(y Data) []float64 {
	out := make([]float64, y.Nc)
	readout, hybrid := NewFFT(y.Ny), NewImage(y.Ny, y.Nx)
	band := max(1, y.Ny/20) * y.Nx
	for c := range out {
		coil := y.Coil(c).Pix
		out[c] = EndsPower(Data{1, y.Ny, y.Nx, coil})
		if scattered(coil, y.Nx) {
			continue
		}
		readout.Inverse(hybrid.Pix, coil, y.Nx, y.Nx, 1)
		for rows := range slices.Chunk(hybrid.Pix, band) {
			if p := medianPower(rows); p > 0 && (p < out[c] || out[c] == 0) {
				out[c] = p
			}
		}
	}
	return out
}

// scattered reports whether a column lacks samples in a row that other columns have.
func scattered(coil []complex64, nx int) bool {
	rows, columns := make([]bool, len(coil)/nx), make([]bool, nx)
	for i, v := range coil {
		if v != 0 {
			rows[i/nx], columns[i%nx] = true, true
		}
	}
	for i, v := range coil {
		if v == 0 && rows[i/nx] && columns[i%nx] {
			return true
		}
	}
	return false
}

// EndsPower is the same of all coils together from the outermost tenth of the rows, the high frequencies of the readout, which is always
// fully sampled. It is 0 where they hold next to nothing, as of k-space that was filled up with zeros.
func EndsPower(y Data) float64 {
	margin := y.Ny / 20 * y.Nx
	var ends []complex64
	for c := range y.Nc {
		k := y.Coil(c).Pix
		ends = append(append(ends, k[:margin]...), k[len(k)-margin:]...)
	}
	return medianPower(ends)
}

// medianPower is the median of |v|² over ln 2, which is the mean of complex normal values. Zeros were not acquired; of few others it is 0.
func medianPower(values []complex64) float64 {
	var power []float32
	for _, v := range values {
		if v != 0 {
			power = append(power, real(v)*real(v)+imag(v)*imag(v))
		}
	}
	if len(power) < fewest {
		return 0
	}
	slices.Sort(power)
	return float64(power[len(power)/2]) / math.Ln2
}
