package dicomweb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web/dicomweb/request"
)

const defaultMaxRequest = 4 << 30 // bytes of one request

// The reasons why an instance is not stored (PS3.18 table I.2-2, PS3.7 annex C).
const (
	processingFailure = 0x0110
	duplicateInstance = 0x0111 // another object has its UID
	otherClass        = 0x0122 // than those that are read
	outOfResources    = 0xA700
	notOfItsClass     = 0xA900
	notUnderstood     = 0xC000
	otherSyntax       = 0xC122 // than those that are read
)

// received is one part of a request to store.
type received struct {
	dicomio.Object
	digest [sha256.Size]byte
	reason int // 0 when it is stored
	same   int // index of an equal part before it, else -1
}

// taker is Config.Store or Config.Hold.
type taker func(ctx context.Context, objects []dicomio.Object) (scans []string, errs []error)

// store answers STOW-RS. It spools and checks every part, and when the request is complete gives the good ones to take.
func (s *server) store(take taker) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if take == nil {
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
		if err == nil {
			err = s.check(r.Context(), parts, chi.URLParam(r, "study"))
		}
		switch {
		case errors.Is(err, request.ErrTooLarge):
			writeProblem(w, http.StatusRequestEntityTooLarge, err.Error())
			return
		case errors.Is(err, request.ErrMediaType):
			writeProblem(w, http.StatusUnsupportedMediaType, err.Error())
			return
		case err != nil:
			s.problem(w, r, err)
			return
		}
		if scans := s.hand(r.Context(), parts, take); len(scans) > 0 {
			w.Header().Set("Closer-Scan", strings.Join(scans, ", "))
		}
		status, answer := stored(parts, s.baseURL(r))
		if choose(r, dicomJSON, dicomXML) == dicomXML {
			w.Header().Set("Content-Type", dicomXML)
			w.WriteHeader(status)
			_ = xml.NewEncoder(w).Encode(native(answer))
			return
		}
		w.Header().Set("Content-Type", dicomJSON) // whatever else is accepted: the objects are stored
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// receive writes the parts of a request to files of dir. A request that ends early has none.
func (s *server) receive(r *http.Request, dir string) ([]*received, error) {
	limit := s.MaxRequest
	if limit <= 0 {
		limit = defaultMaxRequest
	}
	var parts []*received
	err := request.Parts(r.Header.Get("Content-Type"), r.Body, limit, func(content io.Reader) error {
		part, err := s.spool(filepath.Join(dir, fmt.Sprintf("%05d.dcm", len(parts)+1)), content)
		parts = append(parts, part)
		return err
	})
	return parts, err
}

// spool writes what r gives to a new file, de-identified if the server does that.
func (s *server) spool(path string, r io.Reader) (*received, error) {
	part := &received{Object: dicomio.Object{Path: path}, same: -1}
	if s.Deidentify != nil {
		clean, err := s.Deidentify(r)
		if recon.CodeOf(err) == recon.Invalid {
			part.reason = reasonOf(err, part.Class)
			return part, nil
		} else if err != nil {
			return nil, err
		}
		r = bytes.NewReader(clean)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(file, hash), r); err != nil {
		return nil, err
	}
	hash.Sum(part.digest[:0])
	return part, file.Close()
}

// check reads the header of every part and gives those that cannot be stored their reason. Objects that were de-identified are no longer
// of the study that a request names.
func (s *server) check(ctx context.Context, parts []*received, study string) error {
	first := map[string]int{}
	for i, p := range parts {
		if p.reason != 0 {
			continue
		}
		if err := s.identify(ctx, p); err != nil {
			return err
		}
		known, err := s.known(ctx, p.Object)
		if err != nil {
			return err
		}
		other, again := first[p.Instance]
		switch {
		case p.reason != 0:
			continue
		case !p.Complete() || study != "" && p.Study != study && s.Deidentify == nil:
			p.reason = notOfItsClass
		case known != "" && known != fmt.Sprintf("%x", p.digest), again && parts[other].digest != p.digest:
			p.reason = duplicateInstance
		case again:
			p.same = other
		default:
			first[p.Instance] = i
		}
	}
	return nil
}

// known returns the digest of the instance of the library that has the UIDs of an object, "" when there is none.
func (s *server) known(ctx context.Context, o dicomio.Object) (string, error) {
	if !o.Complete() {
		return "", nil
	}
	shelves, err := s.index.find(ctx, o.Study, o.Series)
	if err != nil || len(shelves) == 0 {
		return "", err
	}
	all, err := s.index.instances(ctx, shelves[0])
	for _, in := range all {
		if in.uid == o.Instance {
			return in.file.SHA256, err
		}
	}
	return "", err
}

// identify reads the UIDs of a part. One part is in memory at a time.
func (s *server) identify(ctx context.Context, p *received) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var err error
	if p.Object, err = dicomio.Identify(p.Path); recon.CodeOf(err) == recon.Invalid {
		p.reason = reasonOf(err, p.Class)
		return nil
	}
	return err
}

// hand gives the good parts to take and notes what it says. It returns the names of the scans that they became part of.
func (s *server) hand(ctx context.Context, parts []*received, take taker) []string {
	var good []*received
	var objects []dicomio.Object
	for _, p := range parts {
		if p.reason == 0 && p.same < 0 {
			good, objects = append(good, p), append(objects, p.Object)
		}
	}
	if len(good) == 0 {
		return nil
	}
	scans, errs := take(ctx, objects)
	for i, err := range errs {
		if good[i].reason = reasonOf(err, good[i].Class); good[i].reason == processingFailure {
			s.Log.ErrorContext(ctx, "a DICOM object could not be stored", "error", err)
		}
	}
	for _, p := range parts {
		if p.same >= 0 {
			p.reason = parts[p.same].reason
		}
	}
	slices.Sort(scans)
	return slices.DeleteFunc(slices.Compact(scans), func(scan string) bool { return scan == "" })
}

// reasonOf is why an object of a class, "" when that is unknown, is not stored.
func reasonOf(err error, class string) int {
	switch recon.CodeOf(err) {
	case "":
		return 0
	case recon.Invalid:
		switch {
		case errors.Is(err, dicomio.ErrTransferSyntax):
			return otherSyntax
		case class != "" && !dicomio.ReadsClass(class):
			return otherClass
		}
		return notUnderstood
	case recon.Conflict:
		return duplicateInstance
	case recon.Busy, recon.Unavailable:
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
		if p.Class != "" {
			item["00081150"] = text("UI", p.Class)
		}
		if p.Instance != "" {
			item["00081155"] = text("UI", p.Instance)
		}
		if p.reason != 0 {
			item["00081197"] = dicomio.Attribute{VR: "US", Value: []any{json.Number(strconv.Itoa(p.reason))}}
			failed = append(failed, item)
			continue
		}
		studies[p.Study] = true
		item["00081190"] = text("UR", base+"/studies/"+p.Study+"/series/"+p.Series+"/instances/"+p.Instance)
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
