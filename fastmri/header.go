package fastmri

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/closer-mri/closer/recon"
)

// maxHeader bounds the XML text; real ones are 10–30 kB.
const maxHeader = 4 << 20

// Space is a matrix and its field of view: X along readout (rows of the image), Y along phase encode (columns), Z across.
type Space struct {
	X, Y, Z          int     // samples; 0 when unknown
	FOVx, FOVy, FOVz float64 // mm; 0 when unknown
}

// maxEchoes bounds the contrasts of raw data; T2 mapping has some 32.
const maxEchoes = 64

// protocol is what is taken from an ISMRMRD header. Patient and study are no part of it (parseSubject); everything else is left where it is.
type protocol struct {
	Encoded, Recon   Space
	Trajectory       string // as the file names it; "" when it does not
	Field            float64
	Vendor, Model    string
	TR, TE, TI, Flip float64
	Echoes           [maxEchoes]float64 // TE of each contrast, the first of which is TE
	EchoTrain        int
	Center, CenterZ  int    // phase-encode and partition-encode step at the centre of k-space, that of a 2-D scan 0
	Separate         bool   // calibration lines are a scan of their own
	Patient          string // position in the scanner, as DICOM names it; "" when unknown
	Subject          bool   // the header names the subject, or says when they were born
}

// parseHeader reads an ISMRMRD header. Whatever is missing, or is not a number where one belongs, stays zero; only text that
// is not XML is an error.
func parseHeader(text string) (protocol, error) {
	type matrix struct {
		X string `xml:"x"`
		Y string `xml:"y"`
		Z string `xml:"z"`
	}
	type space struct {
		Matrix matrix `xml:"matrixSize"`
		FOV    matrix `xml:"fieldOfView_mm"`
	}
	var h struct {
		Subject struct {
			Name  string `xml:"patientName"`
			ID    string `xml:"patientID"`
			Birth string `xml:"patientBirthdate"`
		} `xml:"subjectInformation"`
		System struct {
			Vendor string `xml:"systemVendor"`
			Model  string `xml:"systemModel"`
			Field  string `xml:"systemFieldStrength_T"`
		} `xml:"acquisitionSystemInformation"`
		Encoding []struct {
			Trajectory string `xml:"trajectory"`
			Encoded    space  `xml:"encodedSpace"`
			Recon      space  `xml:"reconSpace"`
			EchoTrain  string `xml:"echoTrainLength"`
			Center     string `xml:"encodingLimits>kspace_encoding_step_1>center"`
			CenterZ    string `xml:"encodingLimits>kspace_encoding_step_2>center"`
			Mode       string `xml:"parallelImaging>calibrationMode"`
		} `xml:"encoding"`
		Position string `xml:"measurementInformation>patientPosition"`
		Sequence struct {
			TR   []string `xml:"TR"`
			TE   []string `xml:"TE"`
			TI   []string `xml:"TI"`
			Flip []string `xml:"flipAngle_deg"`
		} `xml:"sequenceParameters"`
	}
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // only ASCII is used of it
	if err := d.Decode(&h); err != nil {
		return protocol{}, refusal("the ISMRMRD header is not readable XML")
	}
	p := protocol{
		Patient: position(h.Position),
		Vendor:  plain(h.System.Vendor), Model: plain(h.System.Model), Field: number(h.System.Field, 30),
		TR: first(h.Sequence.TR, 1e6), TE: first(h.Sequence.TE, 1e6), TI: first(h.Sequence.TI, 1e6), Flip: first(h.Sequence.Flip, 360),
		Subject: strings.TrimSpace(h.Subject.Name+h.Subject.ID+h.Subject.Birth) != "",
	}
	for i, te := range h.Sequence.TE[:min(len(h.Sequence.TE), maxEchoes)] {
		p.Echoes[i] = number(te, 1e6)
	}
	if len(h.Encoding) > 0 {
		e := h.Encoding[0]
		convert := func(s space) Space {
			return Space{count(s.Matrix.X), count(s.Matrix.Y), count(s.Matrix.Z),
				number(s.FOV.X, 1e5), number(s.FOV.Y, 1e5), number(s.FOV.Z, 1e5)}
		}
		p.Encoded, p.Recon = convert(e.Encoded), convert(e.Recon)
		p.Trajectory, p.EchoTrain = plain(e.Trajectory), count(e.EchoTrain)
		p.Center = centre(e.Center, p.Encoded.Y)
		if p.Encoded.Z > 1 {
			p.CenterZ = centre(e.CenterZ, p.Encoded.Z)
		}
		mode := strings.TrimSpace(e.Mode)
		p.Separate = mode == "separate" || mode == "external"
	}
	return p, nil
}

// centre reads the step at the centre of k-space, where the header tells it, of n.
func centre(s string, n int) int {
	if step, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16); err == nil {
		return int(step)
	}
	return n / 2
}

// cartesian refuses every other trajectory.
func (p protocol) cartesian() error {
	if t := p.Trajectory; t != "" && t != "cartesian" {
		return refusef("the header says that the trajectory is %q; only cartesian can be reconstructed", t)
	}
	return nil
}

// position is one of DICOM's terms for how the patient lies; anything else is unknown.
func position(s string) string {
	s = strings.TrimSpace(s)
	if slices.Contains(recon.PatientPositions, s) {
		return s
	}
	return ""
}

// plain keeps the printable ASCII of a short name, at most 64 characters.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	return strings.TrimSpace(s[:min(len(s), 64)])
}

// number reads a positive number up to limit; anything else is 0.
func number(s string, limit float64) float64 {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(v > 0) || v > limit || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// count reads a positive whole number up to maxExtent; anything else is 0.
func count(s string) int {
	v, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || v < 0 || v > maxExtent {
		return 0
	}
	return v
}

func first(s []string, limit float64) float64 {
	if len(s) == 0 {
		return 0
	}
	return number(s[0], limit)
}

// formatHeader writes the ISMRMRD header of a simulated file; parseHeader reads the same values back.
func formatHeader(p protocol, coils, slices int) string {
	var b strings.Builder
	element := func(name, value string) {
		fmt.Fprintf(&b, "<%s>", name)
		xml.EscapeText(&b, []byte(value))
		fmt.Fprintf(&b, "</%s>", name)
	}
	positive := func(name string, v float64) {
		if v > 0 {
			element(name, strconv.FormatFloat(v, 'g', -1, 64))
		}
	}
	space := func(name string, s Space) {
		fmt.Fprintf(&b, "<%s><matrixSize><x>%d</x><y>%d</y><z>%d</z></matrixSize>", name, s.X, s.Y, max(s.Z, 1))
		fmt.Fprintf(&b, "<fieldOfView_mm><x>%g</x><y>%g</y><z>%g</z></fieldOfView_mm></%s>", s.FOVx, s.FOVy, s.FOVz, name)
	}
	b.WriteString("<?xml version=\"1.0\"?>\n<ismrmrdHeader xmlns=\"http://www.ismrm.org/ISMRMRD\"><acquisitionSystemInformation>")
	element("systemVendor", p.Vendor)
	if p.Model != "" {
		element("systemModel", p.Model)
	}
	positive("systemFieldStrength_T", p.Field)
	fmt.Fprintf(&b, "<receiverChannels>%d</receiverChannels></acquisitionSystemInformation>", coils)
	fmt.Fprintf(&b, "<experimentalConditions><H1resonanceFrequency_Hz>%.0f</H1resonanceFrequency_Hz></experimentalConditions>", p.Field*42.577478518e6)
	b.WriteString("<encoding><trajectory>cartesian</trajectory>")
	space("encodedSpace", p.Encoded)
	space("reconSpace", p.Recon)
	fmt.Fprintf(&b, "<encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>%d</maximum><center>%d</center></kspace_encoding_step_1>",
		p.Encoded.Y-1, p.Encoded.Y/2)
	fmt.Fprintf(&b, "<slice><minimum>0</minimum><maximum>%d</maximum><center>0</center></slice></encodingLimits>", slices-1)
	if p.EchoTrain > 0 {
		fmt.Fprintf(&b, "<echoTrainLength>%d</echoTrainLength>", p.EchoTrain)
	}
	b.WriteString("</encoding><sequenceParameters>")
	positive("TR", p.TR)
	positive("TE", p.TE)
	positive("TI", p.TI)
	positive("flipAngle_deg", p.Flip)
	b.WriteString("</sequenceParameters></ismrmrdHeader>")
	return b.String()
}
