package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/fastmri"
	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/recon"
)

// output is the directory of one run.
type output struct {
	dir    string
	dicom  dicomio.Options
	hidden bool         // results do not tell whom they show
	notes  []string     // what the reader of the report should know
	grown  func() error // makes what is there so far visible to others; nil when nobody looks before the end
	begin  time.Time
	fetch  time.Duration // what it took to get the input
	report *recon.Report // newest; nil before the first result
}

// newOutput makes the directory. dated is the date of the study in DICOM, which fastMRI files do not hold: the time the input was
// written stands for it, so that a second run gives the same files.
func newOutput(dir string, dated time.Time) (*output, error) {
	if err := makeOutput(dir); err != nil {
		return nil, err
	}
	return &output{dir: dir, begin: time.Now(), dicom: dicomio.Options{Software: "closer " + version, Now: dated}}, nil
}

// makeOutput makes a directory for results and sees that it can be written to, before anything is spent on them.
func makeOutput(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make output directory: %w", err)
	}
	f, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return fmt.Errorf("write to the output directory: %w", err)
	}
	f.Close()
	return os.Remove(f.Name())
}

func (o *output) path(parts ...string) string {
	return filepath.Join(append([]string{o.dir}, parts...)...)
}

// fill reconstructs input with the methods of p, writes every result as soon as it exists, and the reports at the end. It sets
// what recipe and input decide in p.
func (o *output) fill(ctx context.Context, input string, recipe recon.Recipe, p recon.Pipeline) (*recon.Report, error) {
	opening := time.Now()
	scan, err := open(ctx, input)
	opened := time.Since(opening)
	if err != nil {
		return nil, err
	}
	defer scan.Close()
	if p.Slices, err = recipe.Indices(scan.Header().Slices); err != nil {
		return nil, err
	}
	if err := renew(o.dir, scan.Header().SHA256); err != nil {
		return nil, err
	}
	if err := o.carry(scan); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.path("reconstruction"), 0o755); err != nil {
		return nil, fmt.Errorf("make output directory: %w", err)
	}
	p.Scan, p.Undersampling, p.HoldOut, p.Protocol = scan, recipe.Undersampling(), recipe.HoldOut(), recipe.Protocol
	p.Done = func(rec *recon.Reconstruction, result *recon.Result) error {
		if len(rec.Results) == 1 {
			rec.Timing.Fetch = o.fetch
			rec.Timing.Ingest += opened
		}
		return o.grow(ctx, rec, result, p.Methods[len(rec.Results):])
	}
	rec, err := p.Run(ctx)
	if err != nil {
		return nil, err
	}
	report, err := o.writeReports(rec)
	if err == nil && o.grown != nil {
		err = o.grown()
	}
	return report, err
}

// carry sets what DICOM says of a scan beyond its header.
func (o *output) carry(scan recon.Scan) error {
	switch source := scan.(type) {
	case *simulatedScan:
		o.dicom.Scale = source.scale
		o.notes = append(slices.Clip(o.notes), source.origin.Notes()...)
		if o.dicom.Origin = source.origin; o.hidden && source.origin != nil {
			o.dicom.Origin = source.origin.Deidentified()
		}
	case *fastmri.Scan:
		if o.dicom.Subject = dicomio.NewSubject(source.Subject()); o.hidden {
			o.dicom.Subject = o.dicom.Subject.Deidentified()
		}
	}
	h := scan.Header()
	return o.dicom.CheckEnhanced(&h)
}

// grow writes one method's result, the reference with the first, and shows others what there is while methods are left.
func (o *output) grow(ctx context.Context, rec *recon.Reconstruction, result *recon.Result, left []recon.Method) error {
	shown := o.grown != nil && len(left) > 0
	exported := spend(&rec.Timing.Export)
	if o.grown == nil { // what an interrupted run left is known by its report, to renew and to readers
		if err := writeFile(o.path("report.json"), o.describe(rec, preliminary(left)).WriteJSON); err != nil {
			return err
		}
	}
	var writing errgroup.Group
	writing.Go(func() error { return o.series(ctx, rec, result) })
	writing.Go(func() error { return o.images(rec, result) })
	if len(rec.Results) == 1 && rec.References != nil {
		writing.Go(func() error {
			if _, err := dicomio.WriteReference(ctx, o.path("dicom", "reference"), rec, o.dicom); err != nil {
				return fmt.Errorf("write DICOM reference: %w", err)
			}
			return nil
		})
	}
	if shown {
		writing.Go(func() error {
			_, err := o.writeReports(rec, preliminary(left))
			return err
		})
	}
	err := writing.Wait()
	if exported(); err != nil || !shown {
		return err
	}
	defer spend(&rec.Timing.Publish)()
	return o.grown()
}

// spend adds the time until the function that it returns is called.
func spend(sum *time.Duration) func() {
	start := time.Now()
	return func() { *sum += time.Since(start) }
}

// series writes one method's images as DICOM.
func (o *output) series(ctx context.Context, rec *recon.Reconstruction, result *recon.Result) error {
	name := result.Method.Name
	if _, err := dicomio.WriteSeries(ctx, o.path("dicom", name), rec, result, o.dicom); err != nil {
		return fmt.Errorf("write DICOM series %s: %w", name, err)
	}
	return o.uncertainty(ctx, rec, result)
}

// images writes one method's images as HDF5.
func (o *output) images(rec *recon.Reconstruction, result *recon.Result) error {
	name := result.Method.Name
	images, own, last := result.Magnitudes(), o.path("reconstruction", name+".h5"), o.path("reconstruction.h5")
	err := fastmri.WriteReconstruction(own, images, rec.Ny, rec.Nx)
	if err == nil && o.grown != nil && relink(own, last) == nil { // nobody writes to what others are shown copies of
		return nil
	}
	if err == nil {
		err = fastmri.WriteReconstruction(last, images, rec.Ny, rec.Nx)
	}
	if err != nil {
		return fmt.Errorf("write the images of %s as HDF5: %w", name, err)
	}
	return nil
}

// relink makes path another name of a file, and no longer of the one that it was.
func relink(file, path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Link(file, path)
}

// uncertainty writes the spread of a method's samples as a series of its own, where there is one.
func (o *output) uncertainty(ctx context.Context, rec *recon.Reconstruction, result *recon.Result) error {
	var spread [][]float32
	for _, s := range result.Slices {
		if s.Spread == nil {
			return nil
		}
		spread = append(spread, s.Spread)
	}
	_, err := dicomio.WriteMap(ctx, o.path("dicom", result.Method.Name+"-uncertainty"), rec, dicomio.Map{
		Name: "uncertainty", Images: spread, White: rec.Intensity / 10, AI: true,
		Description: fmt.Sprintf("Pixel-wise standard deviation of %d independent samples of %s. It shows how far the samples differ, which is not the whole error.",
			result.Method.Samples, result.Method.Name),
	}, o.dicom)
	if err != nil {
		return fmt.Errorf("write DICOM uncertainty: %w", err)
	}
	return nil
}

// preliminary is the note of a report that is written before the end, with methods left.
func preliminary(left []recon.Method) string {
	var names []string
	for _, m := range left {
		names = append(names, m.Name)
	}
	still := ""
	if names != nil {
		still = fmt.Sprintf(", with %s still to come", strings.Join(names, ", then "))
	}
	return "Preliminary: written before the end of the job" + still + "."
}

// writeReports writes the reports of what there is. The last ones cannot tell how long they take themselves.
func (o *output) writeReports(rec *recon.Reconstruction, notes ...string) (*recon.Report, error) {
	report := o.describe(rec, notes...)
	for name, write := range map[string]func(io.Writer) error{
		"report.json": report.WriteJSON, "report.csv": report.WriteCSV, "report.html": report.WriteHTML,
	} {
		if err := writeFile(o.path(name), write); err != nil {
			return nil, err
		}
	}
	return report, nil
}

// describe is the report of what there is, with notes that the next one will not have.
func (o *output) describe(rec *recon.Reconstruction, notes ...string) *recon.Report {
	rec.Timing.Total = time.Since(o.begin)
	if o.report == nil {
		o.report = recon.NewReport(rec, software())
		o.report.Notes = append(o.report.Notes, o.notes...)
	} else {
		o.report.Update(rec)
	}
	report := *o.report
	report.Notes = append(slices.Clip(report.Notes), notes...)
	return &report
}

// writeFile writes through a temporary file, so that a reader sees all of it or none.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := durable.Create(path, ".tmp-*", 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer f.Discard()
	if err = write(f); err == nil {
		err = f.Commit()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// printTable prints what the report says of each method, and its notes.
func printTable(w io.Writer, r *recon.Report) {
	heldOut := r.Mask != nil && r.Mask.HeldOut != nil
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "method\tPSNR dB\tSSIM\tNMSE\tNFE\ts/slice\tDC residual\t")
	if heldOut {
		fmt.Fprint(t, "held-out error\t")
	}
	fmt.Fprintln(t)
	for _, m := range r.Methods {
		psnr, ssim, nmse := "–", "–", "–"
		if v := m.Volume; v != nil {
			psnr, ssim, nmse = v.Text()
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%.2f\t%.1e\t", m.Name, psnr, ssim, nmse, m.NFE, m.SecondsPerSlice, m.DCResidual.RMS)
		if m.HeldOutError != nil {
			fmt.Fprintf(t, "%.4f\t", *m.HeldOutError)
		}
		fmt.Fprintln(t)
	}
	t.Flush()
	if r.Mask != nil {
		count, of, unit := r.Sampled()
		fmt.Fprintf(w, "measured acceleration %.2f, %d of %d %s, protocol %s, reference %s\n", r.Mask.AccelMeasured, count, of, unit, r.Protocol, r.Reference)
	}
	if r.Input.Simulated {
		fmt.Fprintln(w, "k-space was simulated from images: these figures say nothing about clinical quality")
	}
	for _, note := range r.Notes {
		fmt.Fprintln(w, note)
	}
}
