package dicomweb

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
)

const (
	maxParts          = 10_000  // of one request
	defaultMaxRequest = 4 << 30 // bytes
)

// The reasons why an instance is not stored (PS3.18 table I.2-2, PS3.7 annex C).
const (
	processingFailure = 0x0110
	duplicateInstance = 0x0111 // another object has its UID
	outOfResources    = 0xA700
	notOfItsClass     = 0xA900
	notUnderstood     = 0xC000
)

// received is one part of a request to store.
type received struct {
	path       string
	digest     [sha256.Size]byte
	study      string
	series     string
	class, uid string
	reason     int // 0 when it is stored
	same       int // index of an equal part before it, else -1
}

var errTooLarge = errors.New("the request is too large")

// store answers STOW-RS. It spools and checks every part, and when the request is complete gives the good ones to Config.Store.
func (s *server) store(w http.ResponseWriter, r *http.Request) {
	if s.Store == nil {
		writeProblem(w, http.StatusNotImplemented, "this server takes no DICOM objects")
		return
	}
	dir, err := os.MkdirTemp(s.Spool, "closer-stow-")
	if err != nil {
		s.problem(w, r, err)
		return
	}
	defer os.RemoveAll(dir)
	parts, err := s.receive(r, dir)
	switch {
	case errors.Is(err, errTooLarge):
		writeProblem(w, http.StatusRequestEntityTooLarge, err.Error())
		return
	case errors.Is(err, errMediaType):
		writeProblem(w, http.StatusUnsupportedMediaType, err.Error())
		return
	case err != nil:
		s.problem(w, r, err)
		return
	}
	if err := s.check(r.Context(), parts, chi.URLParam(r, "study")); err != nil {
		s.problem(w, r, err)
		return
	}
	s.hand(r.Context(), parts)
	status, answer := stored(parts, s.baseURL(r))
	w.Header().Set("Content-Type", dicomJSON)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

var errMediaType = errors.New(`the content must be multipart/related; type="application/dicom", or application/dicom`)

// receive writes the parts of a request to files of dir. A request that ends early has none.
func (s *server) receive(r *http.Request, dir string) ([]*received, error) {
	limit := s.MaxRequest
	if limit <= 0 {
		limit = defaultMaxRequest
	}
	body := &limited{r: r.Body, left: limit}
	content := parseAccept(r.Header.Get("Content-Type"))
	if len(content) != 1 {
		return nil, errMediaType
	}
	boundary, inner := content[0].params["boundary"], strings.ToLower(content[0].params["type"])
	switch {
	case content[0].name == dicomFile:
		part, err := spool(filepath.Join(dir, "00001.dcm"), body)
		if err != nil {
			return nil, broken(err)
		}
		return []*received{part}, nil
	case content[0].name != "multipart/related" || inner != "" && inner != dicomFile || boundary == "" || len(boundary) > 70:
		return nil, errMediaType
	}
	var parts []*received
	for reader := multipart.NewReader(body, boundary); ; {
		p, err := reader.NextRawPart()
		if err == io.EOF && len(parts) == 0 {
			return nil, recon.Errorf(recon.Invalid, "the request has no parts")
		}
		if err == io.EOF {
			return parts, nil
		}
		if err != nil {
			return nil, broken(err)
		}
		if len(parts) == maxParts {
			return nil, errTooLarge
		}
		part, err := spool(filepath.Join(dir, fmt.Sprintf("%05d.dcm", len(parts)+1)), p)
		if err != nil {
			return nil, broken(err)
		}
		parts = append(parts, part)
	}
}

// broken is the error of a request that could not be read to its end, unless it is ours.
func broken(err error) error {
	var file *os.PathError
	if errors.Is(err, errTooLarge) || errors.As(err, &file) {
		return err
	}
	return &recon.Error{Code: recon.Invalid, Message: "the request is cut short or is not multipart/related as it says", Cause: err}
}

// limited is a reader that ends in errTooLarge rather than give more than left bytes.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, errTooLarge
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left+1)])
	if l.left -= int64(n); l.left < 0 {
		return n, errTooLarge
	}
	return n, err
}

// spool writes what r gives to a new file.
func spool(path string, r io.Reader) (*received, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(file, hash), &limited{r, dicomio.MaxFile}); err != nil {
		return nil, err
	}
	part := &received{path: path, same: -1}
	hash.Sum(part.digest[:0])
	return part, file.Close()
}

// check reads the header of every part and gives those that cannot be stored their reason.
func (s *server) check(ctx context.Context, parts []*received, study string) error {
	known, err := s.index.instances(ctx)
	if err != nil {
		return err
	}
	digests := make(map[string]string, len(known))
	for _, in := range known {
		digests[in.uid] = in.blob.SHA256
	}
	first := map[string]int{}
	for i, p := range parts {
		if err := s.identify(ctx, p); err != nil {
			return err
		}
		digest := fmt.Sprintf("%x", p.digest)
		other, again := first[p.uid]
		switch {
		case p.reason != 0:
			continue
		case p.class == "" || p.uid == "" || p.series == "" || p.study == "" || study != "" && p.study != study:
			p.reason = notOfItsClass
		case digests[p.uid] != "" && digests[p.uid] != digest, again && parts[other].digest != p.digest:
			p.reason = duplicateInstance
		case again:
			p.same = other
		default:
			first[p.uid] = i
		}
	}
	return nil
}

// identify reads the UIDs of a part. One part is in memory at a time.
func (s *server) identify(ctx context.Context, p *received) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	data, err := os.ReadFile(p.path)
	if err != nil {
		return err
	}
	set, err := dicomio.ReadDataSet(data, maxInline)
	if err != nil {
		p.reason = notUnderstood
		return nil
	}
	attributes := set.JSON(func(place string) string { return place })
	p.class, p.uid = uidOf(attributes, "00080016"), uidOf(attributes, "00080018")
	p.study, p.series = uidOf(attributes, "0020000D"), uidOf(attributes, "0020000E")
	return nil
}

// uidOf is the UID that an element holds, "" when it holds none.
func uidOf(attributes dicomio.Attributes, tag string) string {
	uid := firstText(attributes[tag])
	if len(uid) > 64 || strings.Trim(uid, "0123456789.") != "" {
		return ""
	}
	return uid
}

// hand gives the good parts to Store and notes what it says.
func (s *server) hand(ctx context.Context, parts []*received) {
	var good []*received
	var files []string
	for _, p := range parts {
		if p.reason == 0 && p.same < 0 {
			good, files = append(good, p), append(files, p.path)
		}
	}
	if len(files) > 0 {
		for i, err := range s.Store(ctx, files) {
			if good[i].reason = reasonOf(err); good[i].reason == processingFailure {
				s.Log.ErrorContext(ctx, "a DICOM object could not be stored", "error", err)
			}
		}
	}
	for _, p := range parts {
		if p.same >= 0 {
			p.reason = parts[p.same].reason
		}
	}
}

func reasonOf(err error) int {
	switch recon.CodeOf(err) {
	case "":
		return 0
	case recon.Invalid:
		return notOfItsClass
	case recon.Conflict:
		return duplicateInstance
	case recon.Unavailable:
		return outOfResources
	default:
		return processingFailure
	}
}

// stored is the answer for the parts (PS3.18 10.5.3): 200 when all are stored, 202 when some are and 409 when none is.
func stored(parts []*received, base string) (int, dicomio.Attributes) {
	var done, failed []any
	studies := map[string]bool{}
	for _, p := range parts {
		item := dicomio.Attributes{"00081150": text("UI"), "00081155": text("UI")}
		if p.class != "" {
			item["00081150"] = text("UI", p.class)
		}
		if p.uid != "" {
			item["00081155"] = text("UI", p.uid)
		}
		if p.reason != 0 {
			item["00081197"] = dicomio.Attribute{VR: "US", Value: []any{json.Number(strconv.Itoa(p.reason))}}
			failed = append(failed, item)
			continue
		}
		studies[p.study] = true
		item["00081190"] = text("UR", base+"/studies/"+p.study+"/series/"+p.series+"/instances/"+p.uid)
		done = append(done, item)
	}
	answer := dicomio.Attributes{}
	if len(studies) == 1 {
		for study := range studies {
			answer["00081190"] = text("UR", base+"/studies/"+study)
		}
	}
	if len(done) > 0 {
		answer["00081199"] = dicomio.Attribute{VR: "SQ", Value: done}
	}
	if len(failed) > 0 {
		answer["00081198"] = dicomio.Attribute{VR: "SQ", Value: failed}
	}
	switch {
	case len(failed) == 0:
		return http.StatusOK, answer
	case len(done) > 0:
		return http.StatusAccepted, answer
	default:
		return http.StatusConflict, answer
	}
}
