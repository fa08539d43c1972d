package recon

import (
	"math"
	"testing"
)

func TestShow(t *testing.T) {
	nan, inf := Number(math.NaN()), Number(math.Inf(1))
	for _, c := range []struct{ got, want string }{
		{showPSNR(31.456, 0.01), "31.46"}, {showPSNR(inf, 0), "∞"}, {showPSNR(nan, 0), "∞"}, {showPSNR(nan, nan), "–"},
		{showFixed(0.91234, 3), "0.912"}, {showFixed(nan, 3), "–"},
		{showShort(0), "0"}, {showShort(0.0123456), "0.0123"}, {showShort(3.14e-5), "3.1×10⁻⁵"}, {showShort(1234567), "1.2×10⁶"}, {showShort(inf), "–"},
		{showSeconds(0), "0 s"}, {showSeconds(0.00123), "1.2 ms"}, {showSeconds(0.41), "410 ms"}, {showSeconds(1.6), "1.6 s"}, {showSeconds(1234), "1234 s"},
		{showSeconds(0.9996), "1.0 s"}, {showSeconds(99.96), "100 s"}, {showPercent(0.08), "8 %"},
		{showIndices([]int{3}), "3"}, {showIndices([]int{3, 5, 6, 7, 9}), "3, 5–7, 9"}, {showIndices(nil), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestQualityAsText(t *testing.T) {
	nan, inf := Number(math.NaN()), Number(math.Inf(1))
	for _, c := range []struct {
		q    ReportQuality
		want [3]string
	}{
		{ReportQuality{31.456, 0.91234, 0.012346}, [3]string{"31.46", "0.9123", "0.01235"}},
		{ReportQuality{inf, 1, 0}, [3]string{"∞", "1.0000", "0.00000"}},
		{ReportQuality{nan, 1, 0}, [3]string{"∞", "1.0000", "0.00000"}}, // read from JSON
		{ReportQuality{nan, nan, nan}, [3]string{"–", "–", "–"}},
	} {
		psnr, ssim, nmse := c.q.Text()
		if got := [3]string{psnr, ssim, nmse}; got != c.want {
			t.Errorf("%v: %q, want %q", c.q, got, c.want)
		}
	}
}
