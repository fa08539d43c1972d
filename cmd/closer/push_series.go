package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web"
)

// scans is where the server takes scans in whole requests.
const scans = "/api/v1/scans"

// series is a DICOM series on its way: a file alone in one request; several file by file, which the server holds until the last of
// them has come and the series is committed. No file goes in pieces: a server that de-identifies has to see it whole before it keeps
// any of it.
type series struct {
	server *remote
	files  []string
	recipe string
	note   string            // file with the identifier that the server gave to the series, for each digest that it acknowledged
	held   map[string]string // what is in the note
	quiet  bool              // draws no bar
}

// findSeries groups the DICOM files that the inputs are, or have below them, by their series, in the order of their first files. A file
// that does not say its series is one of its own.
func findSeries(inputs []string) (found []*pushed, err error) {
	at, seen := map[string]*pushed{}, map[string]bool{}
	for _, input := range inputs {
		files, err := dicomio.Find(input)
		if recon.CodeOf(err) == recon.NotFound {
			return nil, recon.Errorf(recon.NotFound, "%s does not exist", input)
		} else if err != nil {
			return nil, fmt.Errorf("look for DICOM files: %w", err)
		}
		for _, file := range files {
			if seen[filepath.Clean(file)] {
				continue
			}
			seen[filepath.Clean(file)] = true
			o, err := dicomio.Identify(file)
			name := o.Study + "/" + o.Series
			if err != nil || !o.Complete() {
				name = file // the server says what is wrong with it
			}
			if at[name] == nil {
				at[name] = &pushed{name: name}
				found = append(found, at[name])
			}
			at[name].series = append(at[name].series, file)
		}
	}
	for _, s := range found {
		if s.path = s.series[0]; len(s.series) > 1 {
			s.path = fmt.Sprintf("%s (%d files)", filepath.Dir(s.path), len(s.series))
		}
	}
	return found, nil
}

func newSeries(server *remote, files []string, name string, recipe recon.Recipe) *series {
	s := &series{server: server, files: files, recipe: recipe.Form().Encode(), note: noteOf(server, name), held: map[string]string{}}
	f, err := os.Open(s.note)
	if err != nil {
		return s // the first time
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var sum, id string
		if n, _ := fmt.Sscan(lines.Text(), &sum, &id); n == 2 {
			s.held[sum] = id
		}
	}
	return s
}

// forget lets the same command send every file again.
func (s *series) forget() {
	os.Remove(s.note)
	clear(s.held)
}

// run brings every file to the server, those that an earlier run did not, and returns the receipt of the scan that they are.
func (s *series) run(ctx context.Context) (receipt web.Receipt, err error) {
	var size int64
	for _, file := range s.files {
		info, err := os.Stat(file)
		if err != nil {
			return receipt, err
		}
		size += info.Size()
	}
	bar := newByteBar(size, !s.quiet && term.IsTerminal(int(os.Stderr.Fd())))
	defer bar.Close()
	err = s.server.persist(ctx, func(progress func()) (err error) {
		if len(s.files) == 1 {
			return s.one(ctx, bar, &receipt)
		}
		return s.several(ctx, bar, progress, &receipt)
	})
	if err == nil {
		bar.Set64(size)
	}
	return receipt, err
}

// one sends a file that is the scan.
func (s *series) one(ctx context.Context, bar *progressbar.ProgressBar, receipt *web.Receipt) error {
	content, err := os.ReadFile(s.files[0])
	if err != nil {
		return err
	}
	bar.Set64(0)
	return s.post(ctx, scans+"?"+s.recipe, io.TeeReader(bytes.NewReader(content), bar), digest(content), receipt)
}

// several sends the files that the server does not hold, and commits them.
func (s *series) several(ctx context.Context, bar *progressbar.ProgressBar, progress func(), receipt *web.Receipt) error {
	id, known, offset := "", 0, 0
	for _, file := range s.files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		sum := digest(content)
		if s.held[sum] != "" {
			known++
		} else {
			bar.Set64(int64(offset))
			var held recon.Held
			if err := s.post(ctx, scans+"?commit=false", io.TeeReader(bytes.NewReader(content), bar), sum, &held); err != nil {
				return settled(err)
			}
			progress() // bytes alone are none: what a server does not acknowledge is sent again
			if err := s.remember(sum, path.Base(held.Scan)); err != nil {
				return fmt.Errorf("remember the upload: %w", err)
			}
		}
		id = s.held[sum]
		offset += len(content)
	}
	if known > 0 && known < len(s.files) {
		fmt.Fprintf(os.Stderr, "going on after %d of %d files\n", known, len(s.files))
	}
	err := s.post(ctx, fmt.Sprintf("%s/%s/commit?instances=%d&%s", scans, id, len(s.files), s.recipe), nil, "", receipt)
	var r *refusal
	if known > 0 && errors.As(err, &r) && (r.status == http.StatusNotFound || r.status == http.StatusConflict) {
		s.forget() // the server has; all files are sent again
		return s.several(ctx, bar, progress, receipt)
	}
	return settled(err)
}

// settled makes a conflict final: waiting does not change what a scan was committed with.
func settled(err error) error {
	if r := (*refusal)(nil); errors.As(err, &r) && r.status == http.StatusConflict {
		r.settled = true
	}
	return err
}

// remember notes that the server holds the file of a digest.
func (s *series) remember(sum, id string) error {
	s.held[sum] = id
	if err := os.MkdirAll(filepath.Dir(s.note), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(s.note, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, sum, id)
	return errors.Join(err, f.Close())
}

// digest is the value of Content-Digest.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return contentDigest(sum[:])
}

// post sends a body, if there is one, and reads the answer.
func (s *series) post(ctx context.Context, path string, body io.Reader, digest string, answer any) error {
	header := map[string]string{}
	if body != nil {
		header["Content-Type"], header["Content-Digest"] = "application/dicom", digest
	}
	response, err := s.server.do(ctx, http.MethodPost, path, body, header)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(answer)
}
