package main

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/closer-mri/closer/fastmri"
	"github.com/closer-mri/closer/mrd"
)

// Names in the spool: a session's random name, and what there is of it.
const (
	partPattern = ".session-*" // while it comes
	streamExt   = ".mrd"       // the messages of one that was closed
	scanExt     = ".h5"        // its scan
	refusedExt  = ".refused"   // its scan, which the server does not take
	brokenExt   = ".broken"    // what came of one that broke off, as a scan
)

// keptAside is how many scans that were refused are kept, the last ones, and how many that broke off: where the recipe was wrong and not the
// scan, or what came of it is of use, they can be pushed by hand.
const keptAside = 8

// setAside keeps a refused scan, and forgets the oldest of them.
func (g *gateway) setAside(path, name string) error {
	if err := os.Rename(path, filepath.Join(g.spool, name+refusedExt)); err != nil {
		return err
	}
	return g.forgetOld(refusedExt, keptAside)
}

// keepPart makes a scan of what came of a session that broke off, and forgets the oldest of these. Of nothing there is none, nor where there is
// no room for it.
func (g *gateway) keepPart(stream, name string) {
	log := g.log.With("session", name)
	info, err := os.Stat(stream)
	switch {
	case err == nil && roomless(g.spool, spoolRoom+info.Size()):
		err = errors.New("the disk of the spool has no room for it")
	case err == nil:
		err = convert(stream, filepath.Join(g.spool, name+brokenExt), true)
	}
	if err != nil {
		log.Warn("what came of a session that broke off is forgotten", "error", err)
		return
	}
	log.Warn("what came of a session that broke off is kept", "file", name+brokenExt)
	if err := g.forgetOld(brokenExt, keptAside); err != nil {
		log.Error("the spool cannot be tidied", "error", err)
	}
}

// makeRoom gives up what was set aside where no session could be taken otherwise.
func (g *gateway) makeRoom() {
	if roomless(g.spool, spoolRoom) {
		if err := errors.Join(g.forgetOld(refusedExt, 0), g.forgetOld(brokenExt, 0)); err != nil {
			g.log.Error("the spool cannot be tidied", "error", err)
		}
	}
}

// forgetOld removes all but the last few files that have this extension.
func (g *gateway) forgetOld(ext string, kept int) error {
	found, err := filepath.Glob(filepath.Join(g.spool, "*"+ext))
	if err != nil || len(found) <= kept {
		return err
	}
	age := func(path string) time.Time {
		info, err := os.Stat(path)
		if err != nil {
			return time.Time{}
		}
		return info.ModTime()
	}
	slices.SortFunc(found, func(a, b string) int { return age(a).Compare(age(b)) })
	for _, old := range found[:len(found)-kept] {
		g.log.Warn("a scan that was set aside is forgotten", "file", filepath.Base(old))
		err = errors.Join(err, os.Remove(old))
	}
	return err
}

// convert makes a file of ISMRMRD raw data of a session's messages, or of a part of them.
func convert(from, to string, part bool) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	in := mrd.NewReader(bufio.NewReaderSize(f, 1<<20))
	m, err := in.Next()
	for ; err == nil && m.Kind != mrd.Header; m, err = in.Next() {
	}
	if err != nil {
		return err
	}
	return fastmri.WriteRaw(to, string(m.Body), func(yield func(fastmri.Acquisition, error) bool) {
		for some := false; ; {
			m, err := in.Next()
			switch {
			case err != nil:
				if part && some {
					err = fastmri.ErrBrokeOff
				}
				yield(fastmri.Acquisition{}, err)
				return
			case m.Kind == mrd.Close:
				return
			case m.Kind == mrd.Acquisition:
				some = true
				head, trajectory, samples := m.Readout()
				if !yield(fastmri.Acquisition{Head: head, Trajectory: trajectory, Samples: samples}, nil) {
					return
				}
			}
		}
	})
}
