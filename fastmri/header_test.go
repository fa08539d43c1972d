package fastmri

import (
	"math"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestParseHeaderTolerates(t *testing.T) {
	for _, c := range []struct {
		name, xml string
		want      protocol
	}{
		{"empty", `<ismrmrdHeader/>`, protocol{}},
		{"not numbers", `<ismrmrdHeader><sequenceParameters><TR>fast</TR><TE>-3</TE><TI>NaN</TI><flipAngle_deg>1e9</flipAngle_deg></sequenceParameters></ismrmrdHeader>`, protocol{}},
		{"no recon space", `<h xmlns="http://www.ismrm.org/ISMRMRD"><encoding><encodedSpace><matrixSize><x>640</x><y>372</y></matrixSize></encodedSpace></encoding></h>`,
			protocol{Encoded: Space{X: 640, Y: 372}, Center: 186}},
		{"text that is not plain", `<h><acquisitionSystemInformation><systemVendor> SIEMENS é	</systemVendor><systemModel>` + strings.Repeat("x", 99) + `</systemModel></acquisitionSystemInformation></h>`,
			protocol{Vendor: "SIEMENS", Model: strings.Repeat("x", 64)}},
		{"another declared character set", `<?xml version="1.0" encoding="ISO-8859-1"?><h><acquisitionSystemInformation><systemVendor>GE</systemVendor></acquisitionSystemInformation></h>`,
			protocol{Vendor: "GE"}},
		{"a subject's birth", `<h><subjectInformation><patientBirthdate>1980-01-02</patientBirthdate></subjectInformation></h>`, protocol{Subject: true}},
		{"a subject of no name", `<h><subjectInformation><patientName> </patientName><patientWeight_kg>70</patientWeight_kg></subjectInformation></h>`, protocol{}},
		{"a centre and calibration of its own", `<h><encoding><encodingLimits><kspace_encoding_step_1><center> 40 </center></kspace_encoding_step_1></encodingLimits>` +
			`<parallelImaging><calibrationMode>external</calibrationMode></parallelImaging></encoding></h>`, protocol{Center: 40, Separate: true}},
		{"a patient's position", `<h><measurementInformation><patientPosition> FFDR </patientPosition></measurementInformation></h>`, protocol{Patient: "FFDR"}},
		{"no patient's position", `<h><measurementInformation><patientPosition>standing</patientPosition></measurementInformation></h>`, protocol{}},
		{"second encoding", `<h><encoding><trajectory>cartesian</trajectory></encoding><encoding><trajectory>radial</trajectory></encoding></h>`,
			protocol{Trajectory: "cartesian"}},
	} {
		got, err := parseHeader(c.xml)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
	for _, text := range []string{"", "MRI", "<ismrmrdHeader>", "<a></b>"} {
		if _, err := parseHeader(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// The parser takes any text, and whatever it returns is bounded, finite and printable. What formatHeader writes, it reads back.
func FuzzParseHeader(f *testing.F) {
	f.Add(formatHeader(protocol{Encoded: Space{640, 368, 1, 460, 264.5, 3}, Recon: Space{320, 320, 1, 230, 230, 3}, Vendor: "A & <B>", Field: 3, TR: 9000, TE: 90}, 4, 12))
	f.Add(`<ismrmrdHeader><encoding><encodedSpace><matrixSize><x>99999999999</x></matrixSize></encodedSpace></encoding></ismrmrdHeader>`)
	f.Add(`<a>` + strings.Repeat("<encoding>", 500))
	f.Add(`<a><subjectInformation><patientName>A\B` + "\n" + `</patientName></subjectInformation></a>`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, v := range fields(parseSubject(text)) {
			if len(v) > maxValue || !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return unicode.IsControl(r) || r == '\\' }) {
				t.Errorf("value %q", v)
			}
		}
		p, err := parseHeader(text)
		if err != nil {
			return
		}
		for _, s := range []Space{p.Encoded, p.Recon} {
			for _, n := range []int{s.X, s.Y, s.Z} {
				if n < 0 || n > maxExtent {
					t.Errorf("matrix %+v", s)
				}
			}
			for _, v := range []float64{s.FOVx, s.FOVy, s.FOVz, p.Field, p.TR, p.TE, p.TI, p.Flip} {
				if !(v >= 0) || math.IsInf(v, 0) {
					t.Errorf("value %g", v)
				}
			}
		}
		for _, s := range []string{p.Vendor, p.Model, p.Trajectory} {
			if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("text %q", s)
			}
		}
		p.Trajectory, p.Encoded.Z, p.Recon.Z = "cartesian", max(p.Encoded.Z, 1), max(p.Recon.Z, 1)
		p.Subject, p.Separate, p.Patient, p.Center = false, false, "", p.Encoded.Y/2 // which are not written
		p.Echoes = [maxEchoes]float64{p.TE}
		again, err := parseHeader(formatHeader(p, 1, 1))
		if err != nil || again != p {
			t.Errorf("round trip: got %+v, %v, want %+v", again, err, p)
		}
	})
}
