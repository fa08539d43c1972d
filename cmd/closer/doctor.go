package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/internal/phantom"
	"github.com/closer-mri/closer/internal/sandbox"
	"github.com/closer-mri/closer/recon"
)

// check is one line of doctor's findings.
type check struct {
	Name   string `json:"name"`
	State  string `json:"state"` // "ok", "warning" or "failed"
	Detail string `json:"detail"`
	Found  any    `json:"found,omitempty"` // the same for programs
}

func doctorCommand() *cobra.Command {
	var asJSON bool
	var device string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check libraries, device, networks, sandbox and disk; reconstruct a phantom; say what is wrong",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checks := examine(cmd.Context(), device)
			if err := printChecks(os.Stdout, checks, asJSON); err != nil {
				return err
			}
			for _, c := range checks {
				if c.State == "failed" {
					return fmt.Errorf("%s: %s", c.Name, c.Detail)
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&device, "device", ort.Auto, ort.Devices)
	return c
}

// examine runs every check; later ones do not depend on earlier ones, so that all that is wrong is said at once.
func examine(ctx context.Context, device string) []check {
	judge := func(name string, detail string, err error) check {
		if err != nil {
			return check{Name: name, State: "failed", Detail: err.Error()}
		}
		return check{Name: name, State: "ok", Detail: detail}
	}
	checks := []check{judge("closer", "version "+version, nil)}

	checks = append(checks, runtimeChecks()...)

	walls, err := sandbox.Enforced(ctx)
	sandboxed := judge("sandbox", walls.String(), err)
	if err == nil && !walls.Complete() {
		sandboxed.State = "warning"
	}
	checks = append(checks, sandboxed, diskCheck())

	detail, err := reconstructPhantom(ctx, device)
	return append(checks, judge("phantom", detail, err))
}

// diskCheck warns below 5 GB, the least that holds a few scans with their results.
func diskCheck() check {
	const least = 5 << 30
	free, _, err := durable.Free(os.TempDir())
	if err != nil {
		return check{Name: "disk", State: "failed", Detail: err.Error()}
	}
	c := check{Name: "disk", State: "ok", Detail: fmt.Sprintf("%.1f GB free for temporary files", float64(free)/1e9)}
	if free < least {
		c.State = "warning"
	}
	return c
}

// reconstructPhantom runs every default method on one small slice and expects CCDF to come closer than zero filling.
func reconstructPhantom(ctx context.Context, device string) (string, error) {
	source, err := phantom.Head{Slices: 1, Matrix: 128}.Defaults()
	if err != nil {
		return "", err
	}
	scan, err := newSimulatedScan(source, phantom.Acquisition{Matrix: 128, Noise: 0.005, PhaseSeed: 1}, recon.Header{Format: "phantom"})
	if err != nil {
		return "", err
	}
	recipe := recon.DefaultRecipe()
	recipe.Accel, recipe.ACS, recipe.Sampler, recipe.Steps = 2, 0.1, "noise-free", 3
	e := defaultEngine
	e.Device = device
	b := newBuilder(recipe, e)
	defer b.close()
	methods, err := b.methods()
	if err != nil {
		return "", err
	}
	p := recon.Pipeline{Scan: scan, Methods: methods, Undersampling: recipe.Undersampling()}
	rec, err := p.Run(ctx)
	if err != nil {
		return "", err
	}
	report := recon.NewReport(rec, recon.Software{Version: version})
	first, last := report.Methods[0], report.Methods[len(report.Methods)-1]
	if first.Volume == nil || last.Volume == nil || last.Volume.PSNR <= first.Volume.PSNR {
		return "", errors.New("CCDF did not come closer to the phantom than zero filling: the networks or the runtime give wrong numbers")
	}
	return fmt.Sprintf("×2 on %s: %s %.1f dB, %s %.1f dB", last.Device, first.Name, first.Volume.PSNR, last.Name, last.Volume.PSNR), nil
}

func printChecks(w io.Writer, checks []check, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(checks)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range checks {
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.State, c.Name, c.Detail)
	}
	return t.Flush()
}
