package dicomweb

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
)

const (
	dicomFile   = "application/dicom"
	octetStream = "application/octet-stream"
)

// named returns the instances that the path of the request names; NotFound when there are none.
func (s *server) named(r *http.Request) ([]*instance, error) {
	shelves, err := s.index.find(r.Context(), chi.URLParam(r, "study"), chi.URLParam(r, "series"))
	if err != nil {
		return nil, err
	}
	var named []*instance
	for _, shelf := range shelves {
		all, err := s.index.instances(r.Context(), shelf)
		if err != nil {
			return nil, err
		}
		named = append(named, all...)
	}
	if uid := chi.URLParam(r, "instance"); uid != "" {
		named = slices.DeleteFunc(named, func(in *instance) bool { return in.uid != uid })
	}
	if len(named) == 0 {
		return nil, recon.Errorf(recon.NotFound, "there is no such study, series or instance")
	}
	return named, nil
}

// metadata answers with all attributes of instances.
func (s *server) metadata(w http.ResponseWriter, r *http.Request) {
	named, err := s.named(r)
	switch {
	case err != nil:
		s.problem(w, r, err)
	case !acceptsJSON(r):
		notAcceptable(w, r)
	default:
		base := s.baseURL(r)
		out := make([]dicomio.Attributes, len(named))
		for i, in := range named {
			out[i] = in.metadata(base)
		}
		writeDICOMJSON(w, out)
	}
}

// retrieve answers with the files of a study, a series or an instance.
func (s *server) retrieve(w http.ResponseWriter, r *http.Request) {
	named, err := s.named(r)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	how := pack(r, dicomFile, named[0].syntax)
	if how == refused || how == single && len(named) > 1 {
		notAcceptable(w, r)
		return
	}
	parts := make([]part, len(named))
	for i, in := range named {
		parts[i] = part{
			mediaType: dicomFile + "; transfer-syntax=" + in.syntax, location: s.baseURL(r) + in.path(object), size: in.file.Size,
			open: func() (io.ReadCloser, error) { return s.Library.Open(r.Context(), in.file) },
		}
	}
	s.send(w, r, how, dicomFile, parts)
}

// bulk answers with the value of the element at a place within an instance, Explicit VR Little Endian whatever the file is. Compressed
// pixels are those of all frames, decoded.
func (s *server) bulk(w http.ResponseWriter, r *http.Request) {
	named, err := s.named(r)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	in := named[0]
	release, err := s.reserve(r.Context(), in)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	defer release()
	data, err := s.index.read(r.Context(), in.file)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	set, err := dicomio.ReadDataSet(data, dicomio.MaxFile)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	place := chi.URLParam(r, "*")
	value, ok := at(set, strings.Split(place, "/"))
	how := pack(r, octetStream, dicomio.ExplicitLittleEndian)
	switch {
	case !ok:
		s.problem(w, r, recon.Errorf(recon.NotFound, "the instance has no such bulk data"))
		return
	case how == refused:
		notAcceptable(w, r)
		return
	}
	if value == nil {
		frames, err := s.framesIn(r.Context(), in, dicomio.ExplicitLittleEndian)
		if err != nil {
			s.problem(w, r, err)
			return
		}
		value = slices.Concat(frames...)
	}
	s.send(w, r, how, octetStream, []part{bytesPart(value, octetStream+"; transfer-syntax="+dicomio.ExplicitLittleEndian,
		s.baseURL(r)+in.path(object)+"/bulkdata/"+place)})
}

// at returns the value, little endian, that is at a place that dicomio.DataSet.JSON names, and whether there is one; nil for
// compressed pixels.
func at(set dicomio.DataSet, place []string) ([]byte, bool) {
	tag, ok := dicomio.TagNamed(place[0])
	e, found := set.Find(tag)
	switch {
	case !ok || !found || len(place) == 2:
		return nil, false
	case len(place) == 1:
		return set.LittleEndian(e), e.VR != "SQ" && e.Length > 0
	}
	n, err := strconv.Atoi(place[1])
	if err != nil || n < 1 || n > len(e.Items) {
		return nil, false
	}
	return at(e.Items[n-1], place[2:])
}

// part is one piece of content to send.
type part struct {
	mediaType, location string
	size                int64
	open                func() (io.ReadCloser, error)
}

func bytesPart(data []byte, mediaType, location string) part {
	return part{mediaType, location, int64(len(data)), func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

// send answers with parts whose media type, without parameters, is inner. When content fails on the way the connection is cut,
// so that the client does not take a part for the whole.
func (s *server) send(w http.ResponseWriter, r *http.Request, how packing, inner string, parts []part) {
	first, err := parts[0].open()
	if err != nil {
		s.problem(w, r, err)
		return
	}
	if how == single {
		w.Header().Set("Content-Type", parts[0].mediaType)
		w.Header().Set("Content-Location", parts[0].location)
		w.Header().Set("Content-Length", strconv.FormatInt(parts[0].size, 10))
		if r.Method == http.MethodHead {
			first.Close()
			return
		}
		s.copy(r.Context(), w, first)
		return
	}
	mw := multipart.NewWriter(w)
	w.Header().Set("Content-Type", fmt.Sprintf(`multipart/related; type="%s"; boundary=%s`, inner, mw.Boundary()))
	if r.Method == http.MethodHead { // nothing is read that is not sent
		first.Close()
		return
	}
	for i, p := range parts {
		content := first
		if i > 0 {
			if content, err = p.open(); err != nil {
				s.abort(r.Context(), err)
			}
		}
		body, err := mw.CreatePart(textproto.MIMEHeader{
			"Content-Type": {p.mediaType}, "Content-Location": {p.location}, "Content-Length": {strconv.FormatInt(p.size, 10)},
		})
		if err != nil {
			content.Close()
			s.abort(r.Context(), err)
		}
		s.copy(r.Context(), body, content)
	}
	if err := mw.Close(); err != nil {
		s.abort(r.Context(), err)
	}
}

func (s *server) copy(ctx context.Context, w io.Writer, content io.ReadCloser) {
	defer content.Close()
	if _, err := io.Copy(w, content); err != nil {
		s.abort(ctx, err)
	}
}

func (s *server) abort(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.Log.WarnContext(ctx, "a DICOMweb answer was cut short", "error", err)
	}
	panic(http.ErrAbortHandler)
}
