package dicomio

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// Options are what a series says beyond its images. The zero value is usable.
type Options struct {
	Software string // name and version of the program, for SoftwareVersions; part of the UIDs, as another version may make other pixels
	// Now dates the study, the series and the files, in its own time zone; no UID depends on it. Give all series of a scan the
	// same one, for example when the scan was received, and the same again to get the same bytes. The zero time leaves the
	// dates empty or out, which is valid but makes checkers warn that StudyDate, which a DICOMDIR needs, is not there.
	Now time.Time
	// Origin is that of the Volume from which the reconstruction was made; nil when it was not made from DICOM. With it the
	// series belong to the source's patient, study and frame of reference and lie where its images do.
	Origin *Origin
	// Subject is that of raw data which name it; nil otherwise. With it the series belong to that patient and study.
	Subject *Subject
	// Scale is the value in the input of 1 in the reconstruction; 0 is 1, as they are in one unit.
	Scale float64
	// Enhanced writes a series as one enhanced MR image, a slice a frame, instead of one classic MR image a slice.
	Enhanced bool
}

// Series is one written series.
type Series struct {
	Name        string  `json:"name"` // method, "reference" or the name of a map
	Number      int     `json:"number"`
	Description string  `json:"description"`
	StudyUID    string  `json:"study_uid"`
	SeriesUID   string  `json:"series_uid"`
	FrameUID    string  `json:"frame_of_reference_uid"`
	Slope       float64 `json:"slope"` // value of one stored step, in the units of the reconstruction
	Files       []File  `json:"files"`
}

// File is one written instance.
type File struct {
	Path        string `json:"path"`
	InstanceUID string `json:"instance_uid"`
	Number      int    `json:"number"` // InstanceNumber, the slice's index in the scan plus 1
}

// Map is an image a pixel that is not a reconstruction itself but says something about one.
type Map struct {
	Name        string      // for example "uncertainty" or "error"
	Description string      // a sentence saying how it was made, for DerivationDescription
	Images      [][]float32 // (Ny, Nx) of the Reconstruction for each of its Indices, not negative, in the units of the input
	White       float64     // value that the default window shows as white; 0 means that of the reconstructions
	AI          bool        // computed from the output of a network
}

// seriesNumbers are fixed, so that viewers list the series of a scan in the same order everywhere.
var seriesNumbers = map[string]int{
	"reference": 100, "zero-filled": 101, "tv": 102, "unet": 103, "unet-dc": 104, "ccdf": 105, "score-pocs": 106,
	"uncertainty": 111, "error": 112,
}

// seriesNumber returns the number of a series by its name: 201 to 999 for names that have no fixed one.
func seriesNumber(name string) int {
	if n, ok := seriesNumbers[name]; ok {
		return n
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	return 201 + int(h.Sum32()%799)
}

// series is one series to be written.
type series struct {
	rec    *recon.Reconstruction
	opts   Options
	name   string
	title  string // what it is, in a few words, for SeriesDescription
	story  string // how it was made, for DerivationDescription
	recipe []string
	models []recon.Model
	images [][]float32
	white  float64

	warning string // what nobody should overlook of the images, for ImageComments
}

// WriteSeries writes the images of one method, as 0001.dcm, 0002.dcm, … by InstanceNumber, to dir, which it creates. A file is
// complete and durable as soon as it has its name. A result that does not fit rec, or holds a pixel that is not a finite
// magnitude, is an *recon.Error with code Internal.
func WriteSeries(ctx context.Context, dir string, rec *recon.Reconstruction, result *recon.Result, opts Options) (Series, error) {
	return series{
		rec: rec, opts: opts, name: result.Method.Name,
		title: methodTitle(rec, result), story: methodStory(rec, result), recipe: methodRecipe(rec, result),
		models: result.Method.Models, images: result.Magnitudes(), warning: rec.Warning(),
	}.write(ctx, dir)
}

// WriteReference writes the reference that came with the input, as WriteSeries does. Without a reference it is an
// *recon.Error with code NotFound.
func WriteReference(ctx context.Context, dir string, rec *recon.Reconstruction, opts Options) (Series, error) {
	if len(rec.References) == 0 {
		return Series{}, recon.Errorf(recon.NotFound, "the input holds no reference")
	}
	return series{
		rec: rec, opts: opts, name: "reference",
		title: "reference from file", story: referenceStory(rec), recipe: []string{rec.Header.Reference},
		images: rec.References,
	}.write(ctx, dir)
}

// WriteMap writes a map, as WriteSeries does.
func WriteMap(ctx context.Context, dir string, rec *recon.Reconstruction, m Map, opts Options) (Series, error) {
	title := m.Name + " map"
	if m.AI {
		title += ", from AI"
	}
	return series{
		rec: rec, opts: opts, name: m.Name, title: title, story: strings.TrimRight(m.Description, ". ") + samplingStory(rec), recipe: []string{m.Description},
		images: m.Images, white: m.White, warning: rec.Warning(),
	}.write(ctx, dir)
}

// write writes the series.
func (s series) write(ctx context.Context, dir string) (Series, error) {
	if err := s.check(); err != nil {
		return Series{}, err
	}
	subject := s.subject()
	if subject != nil && subject.deidentified {
		s.opts.Now = time.Time{} // the input may be as old as the examination
	}
	if o := s.opts.Origin; o != nil && o.clipped > 0 {
		s.story += " " + o.Notes()[0]
	}
	sc, err := newScale(s.name, s.images, s.rec.Intensity)
	if err != nil {
		return Series{}, err
	}
	if s.white > 0 {
		sc.White = s.white
	}
	pixels, turn := make([][]byte, len(s.images)), turningOf(&s.rec.Header)
	kspace.Parallel(kspace.Processors(), len(pixels), func(_, from, to int) {
		for i := from; i < to; i++ {
			pixels[i] = sc.store(turn.image(s.images[i], s.rec.Ny, s.rec.Nx))
		}
	})
	out := Series{
		Name: s.name, Number: seriesNumber(s.name), Description: s.description(), Slope: sc.Slope,
		StudyUID: deriveUID("study", s.rec.Header.SHA256), FrameUID: deriveUID("frame of reference", s.rec.Header.SHA256),
		SeriesUID: s.seriesUID(sc, pixels),
	}
	if subject != nil {
		out.StudyUID = cmp.Or(subject.carried.StudyUID, out.StudyUID)
		if s.opts.Origin != nil || s.rec.Header.Placement != nil { // a nominal geometry lies in no frame of the scanner's
			out.FrameUID = cmp.Or(subject.carried.FrameUID, out.FrameUID)
		}
	}
	if err := makeDir(dir); err != nil {
		return Series{}, err
	}
	if s.opts.Enhanced {
		f := File{Number: 1, InstanceUID: deriveUID("instance", out.SeriesUID), Path: filepath.Join(dir, "0001.dcm")}
		out.Files = []File{f}
		if err := s.writeFile(f, s.enhanced(out, sc), enhancedMRImageStorage, slices.Concat(pixels...)); err != nil {
			return Series{}, err
		}
		return out, tidy(dir, out.Files)
	}
	common := s.common(out, sc)
	out.Files = make([]File, len(s.rec.Indices))
	files, ctx := errgroup.WithContext(ctx)
	files.SetLimit(parallelFiles)
	for i, index := range s.rec.Indices {
		f := File{Number: index + 1, InstanceUID: deriveUID("instance", out.SeriesUID, fmt.Sprint(index))}
		f.Path = filepath.Join(dir, fmt.Sprintf("%04d.dcm", f.Number))
		out.Files[i] = f
		files.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return s.writeFile(f, append(common[:len(common):len(common)], s.slice(index)...), mrImageStorage, pixels[i])
		})
	}
	if err := files.Wait(); err != nil {
		return Series{}, err
	}
	return out, tidy(dir, out.Files)
}

// tidy removes what another series left in the folder under names such as ours, so that a folder is one series.
func tidy(dir string, ours []File) error {
	found, err := filepath.Glob(filepath.Join(dir, "[0-9][0-9][0-9][0-9].dcm"))
	if err != nil {
		return err
	}
	for _, path := range found {
		if slices.ContainsFunc(ours, func(f File) bool { return f.Path == path }) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove an image of an earlier series: %w", err)
		}
	}
	return syncDir(dir)
}

// parallelFiles is how many files of a series are written at a time: each waits for the disk.
const parallelFiles = 8

// writeFile writes one object.
func (s series) writeFile(f File, d dataset, class string, pixels []byte) error {
	encoded, err := d.encode(class, f.InstanceUID, pixels)
	if err != nil {
		return err
	}
	return writeFile(f.Path, encoded)
}

// check refuses a series whose parts do not belong together; that would be a defect of the caller.
func (s series) check() error {
	ny, nx := s.rec.Ny, s.rec.Nx
	switch {
	case s.name == "":
		return recon.Errorf(recon.Internal, "a DICOM series has no name")
	case len(s.rec.Header.SHA256) != hex.EncodedLen(sha256.Size):
		return recon.Errorf(recon.Internal, "the input's SHA-256 is not known, so %s has no DICOM identity", s.name)
	case len(s.images) != len(s.rec.Indices) || len(s.images) == 0:
		return recon.Errorf(recon.Internal, "%s has %d images for %d slices", s.name, len(s.images), len(s.rec.Indices))
	case s.opts.Origin != nil && slices.Max(s.rec.Indices) >= len(s.opts.Origin.images):
		return recon.Errorf(recon.Internal, "%s has more slices than its DICOM source", s.name)
	case ny < 1 || nx < 1 || ny > math.MaxUint16 || nx > math.MaxUint16:
		return recon.Errorf(recon.Internal, "an image of %d by %d pixels does not fit in DICOM", ny, nx)
	}
	for i, image := range s.images {
		if len(image) != ny*nx {
			return recon.Errorf(recon.Internal, "image %d of %s has %d pixels, not %d", i, s.name, len(image), ny*nx)
		}
	}
	return nil
}

// seriesUID identifies the series by where it came from and what it shows. The pixels are part of it because the same recipe
// may give other pixels on another device, and two objects with one UID must be the same.
func (s series) seriesUID(sc scale, pixels [][]byte) string {
	h := sha256.New()
	for _, raw := range pixels {
		h.Write(raw)
	}
	shape := fmt.Sprint(s.rec.Ny, s.rec.Nx, s.rec.Indices, sc, turningOf(&s.rec.Header))
	if s.opts.Enhanced {
		shape += " enhanced"
	}
	return deriveUID(append([]string{"series", s.rec.Header.SHA256, s.name, s.opts.Software, shape, hex.EncodeToString(h.Sum(nil))}, s.recipe...)...)
}

// description is the SeriesDescription: research first, because viewers cut it.
func (s series) description() string {
	parts := []string{"RESEARCH " + s.title}
	if s.opts.Origin != nil && s.opts.Origin.mosaic {
		parts = append(parts, "mosaic")
	}
	if s.rec.Header.Simulated {
		parts = append(parts, "simulated")
	}
	if subject := s.subject(); subject != nil && subject.carried.Title != "" { // a study has several series
		parts = append(parts, "of "+subject.carried.Title)
	}
	return text(strings.Join(parts, ", "), maxLO)
}
