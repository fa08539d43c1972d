package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/closer-mri/closer/fastmri"
	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/mrd"
	"github.com/closer-mri/closer/recon"
)

const (
	sessionIdle = 15 * time.Minute // scanners pause between measurements of a protocol
	answerTime  = time.Minute      // to take a message
	spoolRoom   = 1 << 30          // free bytes below which no session is taken
	tellEvery   = 5 * time.Second  // of progress
)

// session takes one session and answers it.
func (g *gateway) session(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	closing := context.AfterFunc(ctx, func() { conn.Close() })
	defer closing()
	to := &answers{conn: conn}
	defer func() { to.send(mrd.WriteClose) }()
	select {
	case g.free <- struct{}{}:
		defer func() { <-g.free }()
	default:
		to.tell("closer takes no more than %d sessions at a time", maxSessions)
		return
	}
	name := rand.Text()
	log := g.log.With("session", name)
	g.hold(name)
	defer g.release(name)
	g.makeRoom()
	readouts, err := g.receive(conn, name)
	switch {
	case err != nil:
		log.Warn("a session broke off", "readouts", readouts, "error", err)
		to.tell("closer has made no scan of this session: %v", err)
		return
	case readouts == 0: // a client that only asked whether somebody is there
		return
	}
	log.Info("session received", "readouts", readouts)
	to.tell("closer has all %d readouts", readouts)
	var header recon.Header // zero where it is not readable here
	job, err := g.deliver(ctx, name, func(path string) {
		if scan, err := fastmri.Open(ctx, path); err == nil {
			header = scan.Header()
			scan.Close()
		}
	})
	if err != nil {
		log.Warn("a scan could not be delivered", "error", err)
		to.tell("closer: %v", err)
		return
	}
	if err := g.answer(ctx, job, &header, to); err != nil {
		log.Warn("a session could not be answered", "job", job, "error", err)
		to.tell("closer: %v", err)
		return
	}
	log.Info("session answered", "job", job)
}

// answers are what is sent to a client, which may have gone.
type answers struct {
	conn net.Conn
	err  error // of the first that did not arrive
}

func (a *answers) send(write func(io.Writer) error) error {
	if a.err == nil {
		a.conn.SetWriteDeadline(time.Now().Add(answerTime))
		a.err = write(a.conn)
	}
	return a.err
}

func (a *answers) tell(format string, args ...any) {
	a.send(func(w io.Writer) error { return mrd.WriteText(w, fmt.Sprintf(format, args...)) })
}

// receive writes a session to the spool until the client closes it. Then it is there for good; of one that breaks off before there is what came.
func (g *gateway) receive(conn net.Conn, name string) (readouts int, err error) {
	file, err := durable.Create(filepath.Join(g.spool, name+streamExt), partPattern, 0o600)
	if err != nil {
		return 0, fmt.Errorf("write the spool: %w", err)
	}
	defer file.Discard()
	stream := bufio.NewWriterSize(file, 1<<20)
	in := mrd.NewReader(io.TeeReader(bufio.NewReaderSize(&guarded{conn: conn, dir: g.spool, left: g.limit}, 1<<16), stream))
	if readouts, err = untilClosed(in); err == nil && readouts == 0 {
		return 0, nil
	}
	if flushErr := stream.Flush(); err == nil {
		err = flushErr
	}
	if err != nil {
		g.keepPart(file.Name(), name)
		return readouts, err
	}
	if err = file.Commit(); err == nil {
		err = durable.Sync(g.spool)
	}
	if err != nil {
		return readouts, fmt.Errorf("write the spool: %w", err)
	}
	return readouts, nil
}

// untilClosed reads a session and counts its readouts.
func untilClosed(in *mrd.Reader) (readouts int, err error) {
	for header := false; ; {
		m, err := in.Next()
		switch {
		case err == io.EOF && readouts == 0 && !header:
			return 0, nil
		case err == io.EOF:
			return readouts, errors.New("the connection ended without a closing message")
		case err != nil:
			return readouts, err
		}
		switch m.Kind {
		case mrd.Header:
			header = true
		case mrd.Acquisition:
			if !header {
				return 0, errors.New("readouts came before the ISMRMRD header")
			}
			readouts++
		case mrd.Close:
			return readouts, nil
		}
	}
}

// guarded reads a connection as long as its client sends, the session is no larger than allowed, and the disk has room.
type guarded struct {
	conn        net.Conn
	dir         string
	left, until int64 // bytes that the session may have, and until the next look at the disk
}

func (r *guarded) Read(b []byte) (int, error) {
	if r.until <= 0 {
		if roomless(r.dir, spoolRoom) {
			return 0, fmt.Errorf("the disk of the spool has less than %d MiB free", spoolRoom>>20)
		}
		r.until = 64 << 20
	}
	if r.left <= 0 {
		return 0, errors.New("the session is larger than --max-scan")
	}
	r.conn.SetReadDeadline(time.Now().Add(sessionIdle))
	n, err := r.conn.Read(b)
	r.until, r.left = r.until-int64(n), r.left-int64(n)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("nothing came for %v", sessionIdle)
	case errors.Is(err, net.ErrClosed):
		err = errors.New("the gateway stops")
	}
	return n, err
}

// hopeless are the answers that a scan has for what it is. That a key is wrong can be mended.
var hopeless = []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}

// deliver pushes a scan of the spool and removes it there, after look has seen its file, and returns the job. One that the server refuses for
// what it is is not tried again.
func (g *gateway) deliver(ctx context.Context, name string, look func(path string)) (job string, err error) {
	stream, path := filepath.Join(g.spool, name+streamExt), filepath.Join(g.spool, name+scanExt)
	if _, err := os.Stat(stream); err == nil {
		if err := convert(stream, path, false); err != nil {
			return "", fmt.Errorf("make a scan of the session: %w", err)
		}
		if err := os.Remove(stream); err != nil {
			return "", err
		}
	}
	look(path)
	p := &pushed{path: path}
	p.send(ctx, g.server, g.recipe, true)
	r := (*refusal)(nil)
	switch errors.As(p.err, &r); {
	case r != nil && slices.Contains(hopeless, r.status):
		return "", errors.Join(fmt.Errorf("the server refuses the scan: %w", r), g.setAside(path, name))
	case p.err != nil:
		return "", fmt.Errorf("the scan is kept and will be pushed later: %w", errors.Unwrap(p.err)) // without the path
	}
	g.log.Info("scan delivered", "session", name, "job", p.receipt.Job)
	return p.receipt.Job, os.Remove(path)
}
