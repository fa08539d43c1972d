package recon

import (
	"context"
	"io"

	"github.com/closer-mri/closer/kspace"
)

// Header describes a scan before any slice of it is read. It holds nothing that identifies a patient.
type Header struct {
	Format       string        // "fastmri", "dicom"
	Acquisition  string        // as the file names it, for example CORPD_FBK or AXFLAIR; "" when it does not
	Slices       int           // number of slices
	Repetitions  int           // how many times the slices were acquired, as slices that follow those of the time before; 0 and 1 are once
	Echoes       []float64     // echo times in ms, 0 unknown, whose slices follow one another in each repetition; nil where there is one
	Volume       bool          // the slices are of a 3-D acquisition
	Coils        int           // receive coils, 1 for single coil
	Ny, Nx       int           // k-space matrix: readout (with its oversampling), phase encode
	ReconNy      int           // rows of the delivered image, after the readout oversampling is cropped
	ReconNx      int           // columns of the delivered image
	PixelSpacing [2]float64    // mm between rows, between columns of the delivered image; 0 when unknown
	Thickness    float64       // slice thickness in mm; 0 when unknown
	Mask         kspace.Mask   // the file's own undersampling mask, length Nx; nil when fully sampled
	Points       kspace.Points // the file's own undersampling where both axes are phase encode, (Ny, Nx); nil otherwise
	Masks        []kspace.Mask // of each slice, where they differ and Mask is that of the first; nil otherwise
	Calibration  Calibration   // what tells the coils' sensitivities beside the image
	Reference    string        // dataset that holds the reference, "" when there is none
	Part         bool          // of a scan that broke off: what was to follow is not here
	Simulated    bool          // k-space was computed from an image, not measured
	SHA256       string        // of the file as it was read, lower-case hex
	Field        float64       // static field in tesla; 0 when unknown
	Sequence     Sequence      // contrast parameters; zero values when unknown
	Vendor       string        // manufacturer of the scanner; "" when unknown
	Model        string        // model name of the scanner; "" when unknown
	Placement    *Placement    // where the slices lie in the patient; nil when unknown, and of DICOM, whose results have it of their source
	Patient      string        // one of PatientPositions; "" when unknown
	Notes        []string      // plain sentences for the report, on what of the file was not used
}

// Stack is how many slices there are at each time and echo.
func (h *Header) Stack() int { return h.Slices / max(1, h.Repetitions) / max(1, len(h.Echoes)) }

// Turn says which slice of the stack, echo and time slice index of the scan is, each from 0 on.
func (h *Header) Turn(index int) (slice, echo, time int) {
	stack, echoes := h.Stack(), max(1, len(h.Echoes))
	return index % stack, index / stack % echoes, index / stack / echoes
}

// Calibration are central columns [From, To) in which every slice was sampled fully, but not with the others of its image: by lines acquired
// apart or, where each time has other columns, as a mean over time. Without any, From is To.
type Calibration struct {
	From, To int
	Mean     bool // over time
}

// Width is the number of columns.
func (c Calibration) Width() int { return c.To - c.From }

// Sequence holds the contrast parameters of an acquisition, in milliseconds and degrees; 0 is unknown.
type Sequence struct {
	TR, TE, TI, FlipAngle float64
	EchoTrainLength       int
}

// Slice is one slice as it is stored.
type Slice struct {
	KSpace      kspace.Data // (Coils, Ny, Nx), unacquired columns 0
	Calibration kspace.Data // (Coils, Ny, columns of Header.Calibration), in any units and contrast
	Reference   []float32   // magnitude (ReconNy, ReconNx); nil when there is none
}

// Scan is one opened input: its header once, its slices on demand.
type Scan interface {
	Header() Header
	// ReadSlice reads slice i (0-based) into dst, reusing its memory. An unreadable slice is an *Error with code Invalid.
	ReadSlice(ctx context.Context, i int, dst *Slice) error
	io.Closer
}
