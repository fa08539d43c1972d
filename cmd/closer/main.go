// Command closer reconstructs undersampled MRI with a U-Net and a short diffusion. This package is wiring: flags, environment,
// progress bars and sentences for people. What it runs is in the packages above it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/closer-mri/closer/internal/sandbox"
	"github.com/closer-mri/closer/recon"
)

func main() {
	sandbox.Main() // does not return in the child that parses untrusted files
	dumpNothing()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, sentence(err))
		os.Exit(1)
	}
}

// dumpNothing keeps what is in memory, patients too, out of core files, of the processes that this one starts as well. A limit of 0 would
// let the kernel pipe it to a program still (core(5)).
func dumpNothing() {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: 1, Max: 1}) // or else there is a lower one already
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "closer",
		Short:         "Reconstruct undersampled MRI: U-Net, then a short diffusion with data consistency",
		Long:          "closer reconstructs undersampled MRI: a U-Net, then a short diffusion with data consistency.\nFor research; not for diagnostic use.",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(reconCommand(), phantomCommand(), simulateCommand(), serveCommand(), workCommand(), pushCommand(), gatewayCommand(), validateCommand(), doctorCommand())
	return root
}

// sentence is the last line on stderr: what was wrong with what.
func sentence(err error) string {
	if errors.Is(err, context.Canceled) || recon.CodeOf(err) == recon.Canceled {
		return "closer: stopped before it was finished"
	}
	return "closer: " + err.Error()
}
