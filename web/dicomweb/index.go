package dicomweb

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web/dicomweb/request"
)

const (
	maxHeaders = 1 << 16 // kept in memory, some 10 KiB each; more are read again when they are asked for
	maxInline  = 1 << 10 // bytes of a value that stands in metadata; a longer one is bulk data
)

// instance is one file: its header, and where its bytes are.
type instance struct {
	blob               recon.Blob
	study, series, uid string
	syntax             string             // transfer syntax
	attributes         dicomio.Attributes // BulkDataURI holds the place of the element only
}

// index knows the headers of a library's files. A header is read once, since content never changes.
type index struct {
	library Library
	log     *slog.Logger

	mu      sync.Mutex
	headers map[string]*instance // by SHA-256; nil for a file that cannot be read
}

// instances returns the readable files of the library, ordered by study, series, number and UID, each instance once.
func (x *index) instances(ctx context.Context) ([]*instance, error) {
	files, err := x.library.Files(ctx)
	if err != nil {
		return nil, err
	}
	var all []*instance
	live := make(map[string]bool, len(files))
	seen := map[string]bool{}
	for _, file := range files {
		if live[file.SHA256] {
			continue
		}
		live[file.SHA256] = true
		in, err := x.header(ctx, file)
		if err != nil {
			return nil, err
		}
		if in != nil && !seen[in.uid] {
			seen[in.uid] = true
			all = append(all, in)
		}
	}
	x.mu.Lock()
	maps.DeleteFunc(x.headers, func(sha256 string, _ *instance) bool { return !live[sha256] })
	x.mu.Unlock()
	slices.SortFunc(all, func(a, b *instance) int {
		return cmp.Or(
			cmp.Compare(b.text("00080020")+b.text("00080030"), a.text("00080020")+a.text("00080030")), // newest study first
			cmp.Compare(a.study, b.study),
			cmp.Compare(a.number("00200011"), b.number("00200011")), cmp.Compare(a.series, b.series),
			cmp.Compare(a.number("00200013"), b.number("00200013")), cmp.Compare(a.uid, b.uid))
	})
	return all, nil
}

// header returns the header of a file; nil, with a line in the log, when it has none. An error is for now: half a series must not
// pass for a whole one.
func (x *index) header(ctx context.Context, file recon.Blob) (*instance, error) {
	x.mu.Lock()
	in, known := x.headers[file.SHA256]
	x.mu.Unlock()
	if known {
		return in, nil
	}
	data, err := x.read(ctx, file)
	if recon.CodeOf(err) == recon.Unavailable || ctx.Err() != nil {
		return nil, err
	}
	if err != nil { // deleted since it was listed, say
		x.log.WarnContext(ctx, "a DICOM file cannot be read", "sha256", file.SHA256, "error", err)
		return nil, nil
	}
	if in, err = newInstance(file, data); err != nil {
		x.log.WarnContext(ctx, "a DICOM file cannot be served", "sha256", file.SHA256, "error", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for other := range x.headers {
		if len(x.headers) < maxHeaders {
			break
		}
		delete(x.headers, other)
	}
	x.headers[file.SHA256] = in
	return in, nil
}

// read returns the bytes of a file.
func (x *index) read(ctx context.Context, file recon.Blob) ([]byte, error) {
	if file.Size > dicomio.MaxFile {
		return nil, nil
	}
	r, err := x.library.Open(ctx, file.SHA256)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func newInstance(file recon.Blob, data []byte) (*instance, error) {
	set, err := dicomio.ReadDataSet(data, maxInline)
	if err != nil {
		return nil, err
	}
	in := &instance{blob: file, syntax: set.TransferSyntax, attributes: set.JSON(func(place string) string { return place })}
	in.study, in.series, in.uid = in.text("0020000D"), in.text("0020000E"), in.text("00080018")
	if in.study == "" || in.series == "" || in.uid == "" {
		return nil, recon.Errorf(recon.Invalid, "the DICOM file lacks the UID of its study, series or instance")
	}
	return in, nil
}

// text is the first value of an element as text, "" when there is none.
func (in *instance) text(tag string) string { return firstText(in.attributes[tag]) }

// number is the first value of an element as a number, 0 when there is none.
func (in *instance) number(tag string) float64 {
	v, _ := strconv.ParseFloat(in.text(tag), 64)
	return v
}

func firstText(a dicomio.Attribute) string {
	if all := request.Texts(a); len(all) > 0 {
		return all[0]
	}
	return ""
}

// within selects the instances of a study and, unless it is "", a series and an instance.
func within(all []*instance, study, series, uid string) []*instance {
	var out []*instance
	for _, in := range all {
		if (study == "" || in.study == study) && (series == "" || in.series == series) && (uid == "" || in.uid == uid) {
			out = append(out, in)
		}
	}
	return out
}
