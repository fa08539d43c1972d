package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/score"
	"github.com/closer-mri/closer/unet"
)

// descent is how ccdf comes down to the image: a sampler and its geometric noise levels.
type descent struct {
	sampler              string
	sigmaStart, sigmaEnd float64
	steps                int
}

// Defaults of ccdf, chosen on the validation patient; doc/decisions/001-default-sampler.md has the figures.
var (
	clean = descent{"noise-free", 0.3, 0.01, 10}
	noisy = descent{"ve", 0.02, 0.005, 20}
)

// pocsSigmaMax is where score-POCS starts from noise: far above the images' own deviation, within what the network knows.
const pocsSigmaMax = 50

var (
	_ recon.BatchReconstructor    = (*score.CCDF)(nil)
	_ recon.SamplingReconstructor = (*score.Posterior)(nil)
	_ recon.BatchReconstructor    = (*unet.UNet)(nil)
	_ score.Initial               = (*unet.UNet)(nil)
)

// builders makes each method; adding a method is one line here.
var builders = map[string]func(b *builder) (recon.Method, error){
	"zero-filled": func(*builder) (recon.Method, error) { return recon.Method{Reconstructor: recon.ZeroFilled{}}, nil },
	"tv":          func(*builder) (recon.Method, error) { return recon.Method{Reconstructor: recon.TV{}}, nil },
	"unet":        func(b *builder) (recon.Method, error) { return b.unet(false) },
	"unet-dc":     func(b *builder) (recon.Method, error) { return b.unet(true) },
	"ccdf":        (*builder).ccdf,
	"score-pocs":  (*builder).scorePOCS,
}

func methodNames() []string { return slices.Sorted(maps.Keys(builders)) }

// builder makes the methods of one recipe. Each network is opened once, when the first method needs it.
type builder struct {
	recipe    recon.Recipe
	engine    engine
	scoreFile []byte // ONNX
	unetFile  []byte // ONNX
	networks  *networks
	notes     []string // what the user should know about what could not be done as asked
}

func newBuilder(r recon.Recipe, e engine) *builder {
	return &builder{recipe: r, engine: e, scoreFile: score.Weights, unetFile: unet.Weights, networks: &networks{}}
}

// methods builds every method of the recipe.
func (b *builder) methods() ([]recon.Method, error) {
	var out []recon.Method
	for _, name := range b.recipe.Methods {
		m, err := b.method(name)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// possible builds the methods that this machine can run, notes each that it cannot, and fails when it can run none.
func (b *builder) possible() (out []recon.Method, err error) {
	for _, name := range b.recipe.Methods {
		m, e := b.method(name)
		switch {
		case e == nil:
			out = append(out, m)
		case recon.CodeOf(e) == recon.Unavailable:
			err = e
			b.notes = append(b.notes, "Not reconstructed: "+e.Error())
		default:
			return nil, e
		}
	}
	if len(out) > 0 {
		err = nil
	}
	return out, err
}

func (b *builder) method(name string) (recon.Method, error) {
	build, ok := builders[name]
	if !ok {
		return recon.Method{}, unknownMethod(name)
	}
	m, err := build(b)
	if err != nil {
		return recon.Method{}, fmt.Errorf("method %s: %w", name, err)
	}
	m.Name = name
	if m.Device == "" {
		m.Device = ort.CPU
	}
	return m, nil
}

func unknownMethod(name string) error {
	return recon.Errorf(recon.Invalid, "unknown method %q (have %s)", name, strings.Join(methodNames(), ", "))
}

// checkRecipe says what is wrong with a recipe without opening a network.
func checkRecipe(r recon.Recipe) error {
	if err := r.Validate(); err != nil {
		return err
	}
	for _, name := range r.Methods {
		if builders[name] == nil {
			return unknownMethod(name)
		}
	}
	if _, _, err := ccdfSettings(r); err != nil { // also where ccdf is not asked for: nonsense is not passed over
		return err
	}
	if slices.Contains(r.Methods, "score-pocs") {
		_, err := pocsLevels(r)
		return err
	}
	return nil
}

func (b *builder) close() { b.networks.close() }

// network returns a network for one method.
func (b *builder) network(name string, file []byte) (*clocked, error) {
	n, err := b.networks.get(name, file, b.engine)
	if err != nil {
		return nil, err
	}
	if err := n.Fallback(); err != nil {
		if note := "The networks run on the CPU: " + err.Error(); !slices.Contains(b.notes, note) {
			b.notes = append(b.notes, note)
		}
	}
	return &clocked{network: n}, nil
}

func (b *builder) unet(consistent bool) (recon.Method, error) {
	s, err := b.network("unet", b.unetFile)
	if err != nil {
		return recon.Method{}, err
	}
	return withNetworks(recon.Method{Reconstructor: &unet.UNet{Runner: s, Consistent: consistent}, Batch: s.batch()}, s), nil
}

func (b *builder) ccdf() (recon.Method, error) {
	r := b.recipe
	kind, levels, err := ccdfSettings(r)
	if err != nil {
		return recon.Method{}, err
	}
	var u *clocked // nil where nothing asks for it
	if r.Initial != recon.InitialTV {
		if u, err = b.network("unet", b.unetFile); err != nil {
			return recon.Method{}, err
		}
	}
	s, err := b.network("score", b.scoreFile)
	if err != nil {
		return recon.Method{}, err
	}
	ccdf := score.CCDF{Denoiser: &score.Network{Runner: s}, Kind: kind, Sigmas: levels, Lambda: 1, Seed: r.Seed}
	m := recon.Method{
		Initial: cmp.Or(r.Initial, recon.InitialUNet), Sampler: sampler(r), T0: r.T0, NumScales: scales(r, r.T0 != 0), SigmaStart: levels[0],
		SigmaEnd: levels[len(levels)-2], Steps: len(levels) - 1, Seed: r.Seed, Denoised: kind.Denoises, Theory: theory(levels, kind),
		Reconstructor: &ccdf, Batch: s.batch(),
	}
	var inlined *clocked // in the sampler's graph
	switch m.Initial {
	case recon.InitialTV:
		ccdf.Start = recon.TV{}
	case recon.InitialUNetTV:
		ccdf.Start = recon.Mean{&unet.UNet{Runner: u, Consistent: true}, recon.TV{}}
	default:
		ccdf.Initial, inlined = &unet.UNet{Runner: u}, u
	}
	if ccdf.Backend, err = s.backend(inlined); err != nil {
		return recon.Method{}, err
	}
	networks := []*clocked{s}
	if u != nil {
		networks, m.Batch = []*clocked{u, s}, min(u.batch(), m.Batch)
	}
	if r.Samples > 1 {
		m.Samples, m.Reconstructor = r.Samples, &score.Posterior{CCDF: ccdf, Samples: r.Samples, Batch: m.Batch}
	}
	return withNetworks(m, networks...), nil
}

// ccdfSettings are the sampler and the noise levels of ccdf, Invalid when the recipe names none.
func ccdfSettings(r recon.Recipe) (score.Kind, []float64, error) {
	kind, err := score.Lookup(sampler(r))
	if err != nil {
		return kind, nil, recon.Errorf(recon.Invalid, "%w", err)
	}
	if r.Samples > 1 && kind.Clean {
		return kind, nil, recon.Errorf(recon.Invalid, "sampler %s draws no noise, so %d samples would be equal; use ve", r.Sampler, r.Samples)
	}
	levels, err := ccdfLevels(r, kind)
	if err != nil {
		return kind, nil, recon.Errorf(recon.Invalid, "%w", err)
	}
	return kind, levels, nil
}

// sampler is the recipe's; where it names none, noise-free, or VE where samples or the paper's t0 ask for noise.
func sampler(r recon.Recipe) string {
	switch {
	case r.Sampler != "":
		return r.Sampler
	case r.Samples > 1 || r.T0 != 0:
		return noisy.sampler
	default:
		return clean.sampler
	}
}

// ccdfLevels are the paper's short end of a long schedule when t0 is given, else a geometric descent.
func ccdfLevels(r recon.Recipe, k score.Kind) ([]float64, error) {
	if r.T0 != 0 {
		schedule := score.DefaultSchedule
		schedule.N = scales(r, true)
		return schedule.Sigmas(r.T0)
	}
	d := noisy
	if k.Clean {
		d = clean
	}
	start, steps := cmp.Or(r.SigmaStart, d.sigmaStart), cmp.Or(r.Steps, d.steps)
	return score.Geometric(start, min(start, d.sigmaEnd), steps)
}

func (b *builder) scorePOCS() (recon.Method, error) {
	s, err := b.network("score", b.scoreFile)
	if err != nil {
		return recon.Method{}, err
	}
	const sampler = "predictor-corrector"
	kind, err := score.Lookup(sampler)
	if err != nil {
		return recon.Method{}, err
	}
	levels, err := pocsLevels(b.recipe)
	if err != nil {
		return recon.Method{}, err
	}
	n := len(levels) - 1
	backend, err := s.backend(nil)
	if err != nil {
		return recon.Method{}, err
	}
	return withNetworks(recon.Method{
		Sampler: sampler, T0: 1, NumScales: n, SigmaStart: levels[0], SigmaEnd: levels[n-1], Steps: n, Seed: b.recipe.Seed,
		Reconstructor: &score.CCDF{Denoiser: &score.Network{Runner: s}, Backend: backend, Kind: kind, Sigmas: levels, Lambda: 1, Seed: b.recipe.Seed},
		Batch:         s.batch(),
	}, s), nil
}

// pocsLevels are the whole schedule, Invalid when it has no step.
func pocsLevels(r recon.Recipe) ([]float64, error) {
	levels, err := score.Schedule{SigmaMin: score.DefaultSchedule.SigmaMin, SigmaMax: pocsSigmaMax, N: scales(r, true)}.Sigmas(1)
	if err != nil {
		return nil, recon.Errorf(recon.Invalid, "score-pocs: %w", err)
	}
	return levels, nil
}

// theory is what theorem 1 of the CCDF paper says before the run, nil for a sampler that it does not cover.
func theory(levels []float64, kind score.Kind) *recon.Theory {
	if kind.Contracts == 0 {
		return nil
	}
	lambda := score.Contraction(levels, kind.Contracts)
	return &recon.Theory{Lambda: recon.Number(lambda), InitialErrorFactor: recon.Number(math.Pow(lambda, 2*float64(len(levels)-1)))}
}

// scales is the number of levels of the whole schedule, 0 when the method has none.
func scales(r recon.Recipe, used bool) int {
	switch {
	case !used:
		return 0
	case r.NumScales != 0:
		return r.NumScales
	default:
		return score.DefaultSchedule.N
	}
}

// withNetworks completes a method with the identity, device and clock of its networks.
func withNetworks(m recon.Method, networks ...*clocked) recon.Method {
	for _, n := range networks {
		m.Models = append(m.Models, recon.Model{Name: n.name, SHA256: n.sha256})
		m.Device = n.Device()
		if n.precision != single {
			m.Precision = n.precision
		}
	}
	m.NetworkTime = func() (sum time.Duration) {
		for _, n := range networks {
			sum += n.Spent()
		}
		return sum
	}
	return m
}
