package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/recon"
)

// engine is where and how networks run. It does not decide the pixels, except that a device and a precision round differently.
type engine struct {
	ort.Options
	precision   string // single or half
	stepsPerRun int    // > 0 runs samplers as graphs of so many steps, 0 on the host; below, the device decides
	batch       string // slices or samples at once, or auto
	jobs        int    // of a worker at once; 0 lets the device decide
}

// Precisions of the networks.
const (
	single = "fp32"
	half   = "fp16"
)

// What auto means on a device whose memory is not the host's: enough steps in a graph to hide the way there and back, few enough to
// be cancelled soon, enough slices to fill the device, and enough jobs for those that have few.
const (
	stepsPerRun = 5
	batchSize   = 16
	jobsAtOnce  = 4
)

var defaultEngine = engine{Options: ort.Options{Device: ort.Auto}, precision: single, stepsPerRun: -1, batch: ort.Auto}

// bind binds the flags.
func (e *engine) bind(f *pflag.FlagSet) {
	*e = defaultEngine
	f.StringVar(&e.Device, "device", e.Device, ort.Devices)
	f.IntVar(&e.Threads, "threads", e.Threads, "CPU threads of the networks (default all)")
	f.StringVar(&e.precision, "precision", e.precision, "of the networks on a GPU, fp32 or fp16; all else is in fp32")
	f.IntVar(&e.stepsPerRun, "steps-per-run", e.stepsPerRun, "sampler steps in one graph on the device; 0 steps from the host (default by device)")
	f.StringVar(&e.batch, "batch", e.batch, "slices, or samples of one, that networks take at once: a number, or auto, by device")
}

// bindWorker binds the flags of an engine that runs the jobs of a queue.
func (e *engine) bindWorker(f *pflag.FlagSet) {
	e.bind(f)
	f.IntVar(&e.jobs, "jobs", e.jobs, fmt.Sprintf("jobs that a worker runs at once, each with up to 2 GiB of measurements in memory (default by device: 1 on a CPU, %d on a GPU)", jobsAtOnce))
}

// check says what is wrong with the flags.
func (e engine) check() error {
	if err := ort.CheckDevice(e.Device); err != nil {
		return recon.Errorf(recon.Invalid, "%w", err)
	}
	if e.precision != single && e.precision != half {
		return recon.Errorf(recon.Invalid, "precision %q is neither %s nor %s", e.precision, single, half)
	}
	if e.jobs < 0 || e.Threads < 0 {
		return recon.Errorf(recon.Invalid, "--jobs or --threads is negative")
	}
	if e.stepsPerRun < defaultEngine.stepsPerRun {
		return recon.Errorf(recon.Invalid, "--steps-per-run %d is neither a number of steps, nor 0, nor -1 for what suits the device", e.stepsPerRun)
	}
	if n, err := strconv.Atoi(e.batch); e.batch != ort.Auto && (err != nil || n < 1) {
		return recon.Errorf(recon.Invalid, "batch %q is neither auto nor a number from 1", e.batch)
	}
	return nil
}

// args are the flags of a worker that give e.
func (e engine) args() []string {
	return strings.Fields("--device " + e.Device + " --threads " + strconv.Itoa(e.Threads) + " --precision " + e.precision +
		" --steps-per-run " + strconv.Itoa(e.stepsPerRun) + " --batch " + e.batch + " --jobs " + strconv.Itoa(e.jobs))
}

// on resolves what the device decides: the steps in a graph, 0 for the host, and the size of a batch. A CPU is not faster with
// either (decision 4).
func (e engine) on(device string) (steps, batch int) {
	steps = e.stepsPerRun
	if steps < 0 {
		steps = 0
		if device != ort.CPU {
			steps = stepsPerRun
		}
	}
	batch, err := strconv.Atoi(e.batch)
	if err != nil {
		batch = 1
		if device != ort.CPU {
			batch = batchSize
		}
	}
	return steps, batch
}

// jobsOn is how many jobs a worker runs at once.
func (e engine) jobsOn(device string) int {
	switch {
	case e.jobs > 0:
		return e.jobs
	case device == ort.CPU:
		return 1
	default:
		return jobsAtOnce
	}
}
