package dicomweb

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
)

// frames answers with the pixels of frames: as they are compressed when the client takes them so, else Explicit VR Little Endian, the
// default (PS3.18 8.7.3.3.2).
func (s *server) frames(w http.ResponseWriter, r *http.Request) {
	named, err := s.named(r)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	in := named[0]
	numbers, err := frameNumbers(chi.URLParam(r, "frames"))
	if err != nil {
		s.problem(w, r, err)
		return
	}
	syntax, how := in.syntax, refused
	if dicomio.Compressed(syntax) {
		how = packAs(r, octetStream, syntax)
	}
	if how == refused {
		syntax = dicomio.ExplicitLittleEndian
		how = pack(r, octetStream, syntax)
	}
	if how == refused || how == single && len(numbers) > 1 {
		notAcceptable(w, r)
		return
	}
	release, err := s.reserve(r.Context(), in)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	defer release()
	frames, err := s.framesIn(r.Context(), in, syntax)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	var parts []part
	for _, n := range numbers {
		if n > len(frames) {
			s.problem(w, r, recon.Errorf(recon.NotFound, "the instance has no frame %d", n))
			return
		}
		parts = append(parts, bytesPart(frames[n-1], octetStream+"; transfer-syntax="+syntax,
			fmt.Sprintf("%s%s/frames/%d", s.baseURL(r), in.path(object), n)))
	}
	s.send(w, r, how, octetStream, parts)
}

// framesIn returns all frames of an instance, in its own compressed syntax or Explicit VR Little Endian.
func (s *server) framesIn(ctx context.Context, in *instance, syntax string) ([][]byte, error) {
	return s.recent.frames(in.file.SHA256+" "+syntax, in.number("00280008") > 1, func() ([][]byte, error) {
		data, err := s.index.read(ctx, in.file)
		switch {
		case err != nil:
			return nil, err
		case syntax == in.syntax && dicomio.Compressed(syntax):
			return dicomio.Streams(data)
		default:
			return dicomio.RawFrames(ctx, data)
		}
	})
}

// frameNumbers reads a list such as 1,3: from 1, as the standard counts.
func frameNumbers(list string) ([]int, error) {
	var numbers []int
	for _, text := range strings.Split(list, ",") {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil || n == 0 || len(numbers) == 4096 || slices.Contains(numbers, int(n)) {
			return nil, recon.Errorf(recon.Invalid, "frames are named by their numbers, from 1, separated by commas, each once")
		}
		numbers = append(numbers, int(n))
	}
	return numbers, nil
}

// maxRecent is how large the frames of an object may be, in bytes, that stay in memory.
const maxRecent = 64 << 20

// recent is the last object of several frames that was asked for: viewers ask for one frame after the other, some at a time, and to read
// and decompress the whole object for each would take them for ever.
type recent struct {
	mu  sync.Mutex
	key string
	all [][]byte
}

// frames returns what read does, or did last for this key. It remembers only what is of several frames.
func (c *recent) frames(key string, several bool, read func() ([][]byte, error)) ([][]byte, error) {
	if !several {
		return read()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key == key {
		return c.all, nil
	}
	all, err := read()
	size := 0
	for _, frame := range all {
		size += len(frame)
	}
	if err == nil && size <= maxRecent {
		c.key, c.all = key, all
	}
	return all, err
}
