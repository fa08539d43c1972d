package web

import (
	"io"
	"net/http"
	"time"
)

// leastRate is what a body must bring, in bytes a second, beyond the grace it is given. A thousand connections that each send a byte
// now and then would otherwise hold a thousand handlers for ever.
const leastRate = 4 << 10

// paced reads a request's body under a deadline that every byte moves on.
type paced struct {
	io.Reader
	conn  *http.ResponseController
	grace time.Duration
	until time.Time // at most grace from now
	n     int64     // bytes so far
	err   error     // of the reader, so that it is not taken for one of the writer
}

func newPaced(w http.ResponseWriter, body io.Reader, grace time.Duration) *paced {
	p := &paced{Reader: body, conn: http.NewResponseController(w), grace: grace, until: time.Now().Add(grace)}
	p.conn.SetReadDeadline(p.until) // unsupported only by test recorders
	return p
}

func (p *paced) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.n += int64(n)
	if err != nil && err != io.EOF {
		p.err = err
		return n, err
	}
	p.until = p.until.Add(time.Duration(n) * time.Second / leastRate)
	if latest := time.Now().Add(p.grace); p.until.After(latest) {
		p.until = latest
	}
	if err == io.EOF {
		p.until = time.Time{} // or the server's watch for a closed connection would run into it
	}
	p.conn.SetReadDeadline(p.until)
	return n, err
}

// steadily keeps connections that stand still from holding the server for ever: an answer that nobody takes, and a body that does not
// come. That of a request which is refused before it is read is waited for, too: net/http wants it before it answers.
func (a *api) steadily(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := http.NewResponseController(w)
		if r.ContentLength != 0 {
			conn.SetReadDeadline(time.Now().Add(a.grace))
		}
		next.ServeHTTP(&steady{w, conn, a.grace}, r)
	})
}

// steady writes an answer that may be long or last for hours: only each step of it is under a deadline.
type steady struct {
	http.ResponseWriter
	conn  *http.ResponseController
	grace time.Duration
}

// steadyStep is how many bytes a client must take in twice the grace time.
const steadyStep = 64 << 10

func (s *steady) Write(b []byte) (int, error) {
	for n := 0; ; {
		s.conn.SetWriteDeadline(time.Now().Add(2 * s.grace)) // it waits for a body first, which has its own
		written, err := s.ResponseWriter.Write(b[n:min(n+steadyStep, len(b))])
		if n += written; err != nil || n == len(b) {
			return n, err
		}
	}
}

// Unwrap lets a ResponseController through.
func (s *steady) Unwrap() http.ResponseWriter { return s.ResponseWriter }
