package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/closer-mri/closer/recon"
)

// progress draws one bar a method on a terminal and prints one line a method elsewhere.
type progress struct {
	w     io.Writer
	live  bool
	bar   *progressbar.ProgressBar
	name  string
	start time.Time
}

// barUnits divides a slice, so that the bar moves within long ones.
const barUnits = 100

func newProgress(w *os.File) *progress {
	return &progress{w: w, live: term.IsTerminal(int(w.Fd()))}
}

// Update is a recon.Pipeline's Progress.
func (p *progress) Update(u recon.Progress) {
	if u.Method != p.name {
		p.name, p.start = u.Method, time.Now()
		if p.live {
			p.bar = progressbar.NewOptions(u.Of*barUnits,
				progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(fmt.Sprintf("%-12s", u.Method)),
				progressbar.OptionSetWidth(30), progressbar.OptionShowElapsedTimeOnFinish(), progressbar.OptionSetPredictTime(true),
				progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionOnCompletion(func() { fmt.Fprintln(p.w) }))
		}
	}
	if p.live {
		p.bar.Set(min(int(barUnits*u.Done()), u.Of*barUnits))
	}
	if u.Slice == u.Of {
		if !p.live {
			fmt.Fprintf(p.w, "%-12s %d slices in %.1f s\n", u.Method, u.Of, time.Since(p.start).Seconds())
		}
		p.name = ""
	}
}
