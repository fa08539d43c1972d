package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/closer-mri/closer/fastmri"
	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/recon"
)

// sweep runs the units of a validation and remembers where the finished ones are.
type sweep struct {
	validateOptions
	recipes []recon.Recipe

	mu       sync.Mutex
	units    []string // paths of finished ones
	failures []recon.Failure
	begin    time.Time
	done     int // of all units: finished, failed, or found not to be wanted
	fresh    int // those of done that this run computed
	all      int
	images   []string // paths below the output directory, of the finished units
}

func newSweep(o validateOptions, recipes []recon.Recipe, volumes int) *sweep {
	return &sweep{validateOptions: o, recipes: recipes, begin: time.Now(), all: volumes * len(recipes)}
}

// sweepWorker reconstructs one volume after the other with networks of its own.
type sweepWorker struct {
	*sweep
	builder *builder
	methods []recon.Method
}

// unitPath names a unit by everything that decides its content, so that another file, recipe, network or device is
// another unit.
func (w *sweepWorker) unitPath(file os.FileInfo, r recon.Recipe) (string, error) {
	var made []recon.Made
	for _, m := range w.methods {
		made = append(made, m.Made())
	}
	form, err := json.Marshal(struct {
		Name     string
		Size     int64
		Modified time.Time
		Recipe   recon.Recipe
		MaskSeed string
		Made     []recon.Made
		Version  string
		Commit   string
	}{file.Name(), file.Size(), file.ModTime().UTC(), r, w.maskSeed, made, version, commit()})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(form)
	return filepath.Join(w.run.out, "units", hex.EncodeToString(sum[:16])+".json"), nil
}

// volume does what is left to do of one file. What goes wrong with it is noted and does not stop the others.
func (w *sweepWorker) volume(ctx context.Context, path string) {
	var scan recon.Scan
	defer func() {
		if scan != nil {
			scan.Close()
		}
	}()
	for i, r := range w.recipes {
		if ctx.Err() != nil {
			return
		}
		unit, note, fresh, err := w.unit(ctx, path, r, &scan)
		skip := errors.Is(err, errNotWanted)
		if err != nil && !skip && ctx.Err() == nil {
			w.fail(recon.Failure{File: filepath.Base(path), Accel: recon.Number(r.Accel), Reason: reason(err)})
		}
		acquired := unit != "" && note.Accel == 0 && r.Mask != recon.NoMask
		rest := 1
		if skip || acquired || scan == nil && err != nil { // the other recipes are equal to this one, or fail as it did
			rest = len(w.recipes) - i
		}
		w.advance(unit, note, fresh, rest)
		if rest > 1 {
			return
		}
	}
}

// errNotWanted says that a volume is of another acquisition.
var errNotWanted = errors.New("another acquisition")

// unit returns the path of the finished unit and what is in it; it is made unless it exists. scan is opened when it is needed.
func (w *sweepWorker) unit(ctx context.Context, path string, r recon.Recipe, scan *recon.Scan) (string, *recon.Unit, bool, error) {
	file, err := os.Stat(path)
	if err != nil {
		return "", nil, false, recon.Errorf(recon.NotFound, "the file cannot be read")
	}
	name, err := w.unitPath(file, r)
	if err != nil {
		return "", nil, false, err
	}
	if u, err := readUnit(name); err == nil {
		if !w.wants(u.Report.Input.Acquisition) {
			return "", nil, false, errNotWanted
		}
		if u.hasImages(w.run.out) {
			return name, &u.Unit, false, nil
		}
	}
	if *scan == nil {
		if *scan, err = open(ctx, path); err != nil {
			*scan = nil
			return "", nil, false, err
		}
	}
	if !w.wants((*scan).Header().Acquisition) {
		return "", nil, false, errNotWanted
	}
	u, err := w.reconstruct(ctx, path, r, *scan)
	if err != nil {
		return "", nil, true, err
	}
	write := func(out io.Writer) error { return json.NewEncoder(out).Encode(u) }
	if err := writeFile(name, write); err != nil {
		return "", nil, true, err
	}
	return name, &u.Unit, true, nil
}

func (s *sweep) wants(acquisition string) bool {
	return len(s.acquisitions) == 0 || slices.Contains(s.acquisitions, acquisition)
}

// reconstruct reconstructs a volume with every method, writes the images and returns what is to be stored.
func (w *sweepWorker) reconstruct(ctx context.Context, path string, r recon.Recipe, scan recon.Scan) (*storedUnit, error) {
	start := time.Now()
	h := scan.Header()
	indices, err := r.Indices(h.Slices)
	if err != nil {
		return nil, err
	}
	under := r.Undersampling()
	if under != nil && w.maskSeed == fileSeed {
		for _, c := range filepath.Base(path) { // tuple(map(ord, fname))
			under.Key = append(under.Key, uint32(c))
		}
	}
	accel := r.Accel
	if under == nil || h.Mask != nil || h.Points != nil {
		accel = 0
	}
	pipeline := recon.Pipeline{Scan: scan, Methods: w.methods, Undersampling: under, HoldOut: r.HoldOut(), Protocol: r.Protocol, Slices: indices}
	images := map[string]string{}
	pipeline.Done = func(rec *recon.Reconstruction, result *recon.Result) error {
		name := filepath.Join(string(r.Protocol), accelDir(accel), result.Method.Name, "reconstructions", submissionName(path))
		file := filepath.Join(w.run.out, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("make output directory: %w", err)
		}
		err := fastmri.WriteReconstruction(file, result.Magnitudes(), rec.Ny, rec.Nx)
		if err == nil {
			images[name], err = durable.SHA256(file)
		}
		return err
	}
	rec, err := pipeline.Run(ctx)
	if err != nil {
		return nil, err
	}
	rec.Timing.Total = time.Since(start)
	report := recon.NewReport(rec, software())
	worst, err := report.WorstSlice()
	if err != nil {
		return nil, err
	}
	return &storedUnit{recon.Unit{File: filepath.Base(path), Accel: recon.Number(accel), Report: report}, worst, images}, nil
}

func accelDir(accel float64) string {
	if accel == 0 {
		return "acquired"
	}
	return fmt.Sprintf("accel-%g", accel)
}

// reason is what may be said of err: sentences of ours, which hold no patient data.
func reason(err error) string {
	var known *recon.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return err.Error()
}

func (s *sweep) fail(f recon.Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, f)
	fmt.Fprintf(os.Stderr, "%s ×%g: %s\n", f.File, float64(f.Accel), f.Reason)
}

// advance counts n units, of which unit, if not "", is the path of a finished one, and says how far the sweep is.
func (s *sweep) advance(unit string, u *recon.Unit, fresh bool, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done += n
	if unit == "" {
		return
	}
	s.units = append(s.units, unit)
	if !fresh {
		return
	}
	s.fresh++
	left := time.Duration(float64(time.Since(s.begin)) / float64(s.fresh) * float64(s.all-s.done)).Round(time.Second)
	fmt.Fprintf(os.Stderr, "%d of %d  %s %s  about %v left\n", s.done, s.all, u.File, accelDir(float64(u.Accel)), left)
}

// write makes the reports from the stored units: an unbroken sweep reads what it wrote, as a resumed one does.
func (s *sweep) write() (*recon.Validation, error) {
	type id struct {
		file     string
		accel    recon.Number
		protocol recon.Protocol
	}
	path := map[id]string{}
	var units []recon.Unit
	for _, p := range s.units {
		u, err := readUnit(p)
		if err != nil {
			return nil, err
		}
		units = append(units, u.Unit)
		s.images = slices.AppendSeq(s.images, maps.Keys(u.Images))
		path[id{u.File, u.Accel, u.Report.Protocol}] = p
	}
	v := recon.NewValidation(s.maskSeed, units, s.failures)
	var pictures []*recon.Picture
	for _, i := range v.WorstUnits() {
		u, err := readUnit(path[id{v.Units[i].File, v.Units[i].Accel, v.Units[i].Report.Protocol}])
		if err != nil {
			return nil, err
		}
		pictures = append(pictures, u.Worst)
	}
	for name, write := range map[string]func(io.Writer) error{
		"report.json": v.WriteJSON, "report.csv": v.WriteCSV, "report.html": func(w io.Writer) error { return v.WriteHTML(w, pictures) },
	} {
		if err := writeFile(filepath.Join(s.run.out, name), write); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// foreignImages are the images that lie among those of the reports, in folders that are submissions, and were made by other sweeps.
func (s *sweep) foreignImages() ([]string, error) {
	folders := map[string]bool{}
	for _, name := range s.images {
		folders[filepath.Dir(name)] = true
	}
	var out []string
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		entries, err := os.ReadDir(filepath.Join(s.run.out, folder))
		if err != nil {
			return nil, fmt.Errorf("look for images of other sweeps: %w", err)
		}
		for _, e := range entries {
			if name := filepath.Join(folder, e.Name()); !slices.Contains(s.images, name) {
				out = append(out, filepath.Join(s.run.out, name))
			}
		}
	}
	return out, nil
}
