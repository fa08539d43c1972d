package dicomweb

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/closer-mri/closer/dicomio"
)

// maxHeaders are kept in memory, some 10 KiB each, besides the first of each series; more are read again when they are asked for.
const maxHeaders = 1 << 15

// index knows the series of a library. It learns of changes when it is asked, and reads one header of each series then; those of the
// other instances when somebody wants to know more of them than how many there are. A header is read once, since content never
// changes.
type index struct {
	library Library
	log     *slog.Logger

	mu      sync.Mutex
	cursor  uint64
	sources map[string][]*pile
	piles   map[string]*pile // by the digest of their files
	series  map[[2]string]*shelf
	order   []*shelf           // all of series, sorted; nil after a change
	headers int                // in shelves
	retry   map[string]Holding // what could not be read
	retried time.Time
}

// retryTime is how long what could not be read is left alone.
const retryTime = 10 * time.Second

// pile is files that lie together: a series, or a part of one.
type pile struct {
	key     string
	files   []dicomio.Stored
	first   *instance // of the files; nil when none can be served
	holders int       // sources
}

// shelf is a series.
type shelf struct {
	study, uid string
	piles      []*pile
	instances  []*instance // in order, each once; nil until they are read; under the index's lock
}

func newIndex(library Library, log *slog.Logger) *index {
	return &index{
		library: library, log: log, sources: map[string][]*pile{}, piles: map[string]*pile{}, series: map[[2]string]*shelf{},
		retry: map[string]Holding{},
	}
}

// first is the header that stands for the series.
func (s *shelf) first() *instance { return s.piles[0].first }

// find returns the series of a study, and the one of a UID, where they are not "": newest study first, then by number.
func (x *index) find(ctx context.Context, study, uid string) ([]*shelf, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.refresh(ctx); err != nil {
		return nil, err
	}
	if study != "" && uid != "" {
		if s, ok := x.series[[2]string{study, uid}]; ok {
			return []*shelf{s}, nil
		}
		return nil, nil
	}
	if x.order == nil {
		x.order = sorted(x.series)
	}
	if study == "" && uid == "" {
		return x.order, nil // never changed, only replaced
	}
	var out []*shelf
	for _, s := range x.order {
		if (study == "" || s.study == study) && (uid == "" || s.uid == uid) {
			out = append(out, s)
		}
	}
	return out, nil
}

func sorted(series map[[2]string]*shelf) []*shelf {
	type key struct {
		*shelf
		time   string
		number float64
	}
	times := map[string]string{} // of studies: the earliest that a series of it says
	keys := make([]key, 0, len(series))
	for _, s := range series {
		first := s.first()
		k := key{s, first.text("00080020") + first.text("00080030"), first.number("00200011")}
		if t, known := times[s.study]; !known || k.time < t {
			times[s.study] = k.time
		}
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(
			cmp.Compare(times[b.study], times[a.study]), cmp.Compare(a.study, b.study),
			cmp.Compare(a.number, b.number), cmp.Compare(a.uid, b.uid))
	})
	out := make([]*shelf, len(keys))
	for i, k := range keys {
		out[i] = k.shelf
	}
	return out
}

// refresh takes in what has changed in the library.
func (x *index) refresh(ctx context.Context) error {
	changed, next, err := x.library.Changes(ctx, x.cursor)
	if err != nil {
		return err
	}
	for _, h := range changed {
		x.retry[h.Source] = h
	}
	x.cursor = next
	if len(changed) == 0 && time.Since(x.retried) < retryTime {
		return nil
	}
	for source, h := range x.retry {
		whole := x.hold(ctx, h)
		if ctx.Err() != nil { // the rest comes with the next request
			x.retried = time.Time{}
			return ctx.Err()
		}
		if whole {
			delete(x.retry, source)
		}
	}
	x.retried = time.Now()
	return nil
}

// hold makes the piles of a source what it holds now. It reports whether all of them could be read.
func (x *index) hold(ctx context.Context, h Holding) (whole bool) {
	whole = true
	var piles []*pile
	for _, files := range h.Series {
		p, err := x.pile(ctx, files)
		if err != nil { // for now: deleted since it was listed, say
			x.log.WarnContext(ctx, "a DICOM file cannot be read", "sha256", files[0].SHA256, "error", err)
			whole = false
			continue
		}
		p.holders++
		piles = append(piles, p)
	}
	for _, p := range x.sources[h.Source] {
		if p.holders--; p.holders == 0 {
			x.drop(p)
		}
	}
	if x.sources[h.Source] = piles; len(piles) == 0 {
		delete(x.sources, h.Source)
	}
	return whole
}

// pile returns the pile of files, which is put on its shelf when it is new.
func (x *index) pile(ctx context.Context, files []dicomio.Stored) (*pile, error) {
	hash := sha256.New()
	for _, f := range files {
		io.WriteString(hash, f.SHA256)
	}
	key := hex.EncodeToString(hash.Sum(nil))
	if p, known := x.piles[key]; known {
		return p, nil
	}
	p := &pile{key: key, files: files}
	for _, f := range files {
		in, err := x.header(ctx, f)
		if err != nil {
			return nil, err
		}
		if p.first = in; in != nil {
			break
		}
	}
	x.piles[key] = p
	if p.first != nil {
		var others []*pile
		if s := x.series[p.place()]; s != nil {
			others = s.piles
		}
		x.replace(p.place(), append(slices.Clone(others), p))
	}
	return p, nil
}

// place is the study and the series of a pile that has a first header.
func (p *pile) place() [2]string { return [2]string{p.first.study, p.first.series} }

// drop takes a pile that nobody holds off its shelf.
func (x *index) drop(p *pile) {
	delete(x.piles, p.key)
	if p.first != nil {
		x.replace(p.place(), slices.DeleteFunc(slices.Clone(x.series[p.place()].piles), func(other *pile) bool { return other == p }))
	}
}

// replace puts a new shelf in the place of a series: a shelf that others may look at is never changed.
func (x *index) replace(place [2]string, piles []*pile) {
	if old := x.series[place]; old != nil {
		x.headers -= len(old.instances)
	}
	x.order = nil
	if len(piles) == 0 {
		delete(x.series, place)
		return
	}
	slices.SortFunc(piles, func(a, b *pile) int { // the one that has most stands for the series
		return cmp.Or(cmp.Compare(len(b.files), len(a.files)), cmp.Compare(a.key, b.key))
	})
	x.series[place] = &shelf{study: place[0], uid: place[1], piles: piles}
}

// instances returns the instances of a series by number and UID, each once, without those that cannot be served.
func (x *index) instances(ctx context.Context, s *shelf) ([]*instance, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s.instances != nil {
		return s.instances, nil
	}
	seen := map[string]bool{}
	var all []*instance
	for _, p := range s.piles {
		for _, f := range p.files {
			in := p.first
			if f != in.file {
				var err error
				if in, err = x.header(ctx, f); ctx.Err() != nil {
					return nil, ctx.Err()
				} else if err != nil {
					x.log.WarnContext(ctx, "a DICOM file cannot be read", "sha256", f.SHA256, "error", err)
				}
			}
			if in != nil && !seen[in.uid] && in.study == s.study && in.series == s.uid {
				seen[in.uid] = true
				all = append(all, in)
			}
		}
	}
	slices.SortFunc(all, func(a, b *instance) int {
		return cmp.Or(cmp.Compare(a.number("00200013"), b.number("00200013")), cmp.Compare(a.uid, b.uid))
	})
	for _, other := range x.series {
		if x.headers+len(all) <= maxHeaders {
			break
		}
		x.headers -= len(other.instances)
		other.instances = nil
	}
	if x.series[[2]string{s.study, s.uid}] == s { // else it was replaced meanwhile
		x.headers += len(all)
		s.instances = all
	}
	return all, nil
}

// count is how many instances a series has.
func (x *index) count(ctx context.Context, s *shelf) (int, error) {
	if len(s.piles) == 1 {
		return len(s.piles[0].files), nil
	}
	all, err := x.instances(ctx, s)
	return len(all), err
}

// header reads the header of a file; nil, with a line in the log, when it cannot be served. A file that makes a reader panic is one of
// these: all others are served still.
func (x *index) header(ctx context.Context, file dicomio.Stored) (in *instance, err error) {
	refuse := func(why any) {
		x.log.WarnContext(ctx, "a DICOM file cannot be served", "sha256", file.SHA256, "error", why)
	}
	defer func() {
		if recover() != nil { // what it says may quote the file
			refuse("its reader panicked")
			in, err = nil, nil
		}
	}()
	data, err := x.read(ctx, file)
	if err != nil {
		return nil, err
	}
	if in, err = newInstance(file, data); err != nil {
		refuse(err)
		return nil, nil
	}
	return in, nil
}

// read returns the bytes of a file.
func (x *index) read(ctx context.Context, file dicomio.Stored) ([]byte, error) {
	if file.Size > dicomio.MaxFile {
		return nil, nil
	}
	r, err := x.library.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
