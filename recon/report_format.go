package recon

import (
	"math"
	"strconv"
	"strings"
)

// missing stands for a value that is absent or has no meaning.
const missing = "–"

// showPSNR formats p in dB; nmse tells an image equal to its reference from one whose PSNR has no meaning, as JSON has no infinity.
func showPSNR(p, nmse Number) string {
	switch {
	case p.Finite():
		return strconv.FormatFloat(float64(p), 'f', 2, 64)
	case nmse == 0:
		return "∞"
	default:
		return missing
	}
}

// Text writes q as people read it: a dash for what has no meaning, ∞ for the PSNR of an image equal to its reference.
func (q ReportQuality) Text() (psnr, ssim, nmse string) {
	return showPSNR(q.PSNR, q.NMSE), showFixed(q.SSIM, 4), showFixed(q.NMSE, 5)
}

func showFixed(n Number, digits int) string {
	if !n.Finite() {
		return missing
	}
	return strconv.FormatFloat(float64(n), 'f', digits, 64)
}

// showShort formats n with three significant digits, as 3.1×10⁻⁵ where plain digits would be long.
func showShort(n Number) string {
	v := float64(n)
	if !n.Finite() {
		return missing
	}
	if a := math.Abs(v); a == 0 || a >= 1e-3 && a < 1e5 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', 1, 64), "e")
	k, err := strconv.Atoi(exponent)
	if err != nil { // FormatFloat always writes one
		return missing
	}
	return mantissa + "×10" + superscript.Replace(strconv.Itoa(k))
}

var superscript = strings.NewReplacer(
	"-", "⁻", "0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹")

// showSeconds formats a duration in seconds with two to three digits.
func showSeconds(n Number) string {
	switch v := float64(n); {
	case !n.Finite():
		return missing
	case v == 0:
		return "0 s"
	case v < 0.0995:
		return strconv.FormatFloat(1000*v, 'f', 1, 64) + " ms"
	case v < 0.9995:
		return strconv.FormatFloat(1000*v, 'f', 0, 64) + " ms"
	case v < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64) + " s"
	default:
		return strconv.FormatFloat(v, 'f', 0, 64) + " s"
	}
}

func showPercent(n Number) string { return showShort(100*n) + " %" }

// showIndices writes sorted slice indices as ranges: 3, 5–9.
func showIndices(indices []int) string {
	var b strings.Builder
	for i := 0; i < len(indices); {
		j := i
		for j+1 < len(indices) && indices[j+1] == indices[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(indices[i]))
		if j > i {
			b.WriteString("–" + strconv.Itoa(indices[j]))
		}
		i = j + 1
	}
	return b.String()
}
