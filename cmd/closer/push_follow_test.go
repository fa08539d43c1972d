package main

import (
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// FuzzReadEvents: whatever a server sends, the reader ends, and a job it reports was an event of type job.
func FuzzReadEvents(f *testing.F) {
	f.Add("retry: 2000\n\nevent: job\ndata: {\"id\":\"a\",\"state\":\"done\"}\n\n: alive\n\n")
	f.Add("event: job\ndata: {\ndata: }\n\n")
	f.Add("event: other\ndata: {}\n\ndata\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines, jobs := 0, 0
		err := readEvents(strings.NewReader(text), func() { lines++ }, func(recon.Job) { jobs++ })
		if jobs > strings.Count(text, "event") || jobs > lines {
			t.Errorf("%d jobs in %q, %v", jobs, text, err)
		}
	})
}

func TestReadEvents(t *testing.T) {
	var states []recon.State
	err := readEvents(strings.NewReader(": alive\n\nevent: job\ndata: {\"state\":\ndata: \"running\"}\n\nevent: other\ndata: x\n\nevent:job\ndata:{\"state\":\"done\"}\n\n"),
		func() {}, func(j recon.Job) { states = append(states, j.State) })
	if err != nil || len(states) != 2 || states[0] != recon.Running || states[1] != recon.Done {
		t.Errorf("%v, %v", states, err)
	}
}
