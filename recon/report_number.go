package recon

import (
	"math"
	"strconv"
)

// Number is a measured value in a report. JSON knows finite numbers only: NaN (no meaning, for example the NMSE of a blank
// reference) and infinity (the PSNR of an image equal to its reference, whose NMSE is then 0) are written null, and null is read as
// NaN. Nine significant digits are written, more than any measurement here has, so that the last bits of a sum show nowhere.
type Number float64

// Finite reports whether n is a number that JSON can carry.
func (n Number) Finite() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Finite() {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', 9, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	*n = Number(v)
	return err
}
