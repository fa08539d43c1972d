package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/tus/tusd/v2/pkg/filestore"
	tus "github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/memorylocker"
	tuslog "golang.org/x/exp/slog"
	"golang.org/x/sync/singleflight"

	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/recon"
)

const (
	uploadsDir    = "uploads" // in Config.DataDir
	receiptSuffix = ".receipt"
)

// uploads is tus 1.0: an upload in pieces that goes on after either side died. The recipe is the metadatum "recipe" in the form of a
// query, the digest the metadatum "digest" in the form of Content-Digest. When the last byte is durable the upload becomes a scan,
// and its bytes are replaced by a receipt, which stays for a client that died before it was answered.
type uploads struct {
	api      *api
	dir      string
	tus      *tus.UnroutedHandler
	finished singleflight.Group // by upload
}

func newUploads(a *api, dir string) (*uploads, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory for uploads: %w", err)
	}
	u := &uploads{api: a, dir: dir}
	composer := tus.NewStoreComposer()
	store := durableStore{filestore.New(dir), a.Deidentify != nil, a.room}
	composer.UseCore(store)
	composer.UseTerminater(store)
	memorylocker.New().UseIn(composer)
	var err error
	u.tus, err = tus.NewUnroutedHandler(tus.Config{
		StoreComposer: composer, MaxSize: a.MaxUpload, BasePath: "/api/v1/uploads/", NetworkTimeout: a.grace,
		Cors:                      &tus.CorsConfig{Disable: true},
		Logger:                    tuslog.New(tuslog.NewTextHandler(io.Discard, nil)), // observe logs each request
		PreUploadCreateCallback:   u.opened,
		PreFinishResponseCallback: u.complete,
	})
	if err != nil {
		return nil, fmt.Errorf("configure uploads: %w", err)
	}
	return u, nil
}

// SweepUploads forgets the uploads in a Config.DataDir that no byte came of since a time, each with a line in the log, and receipts of
// before.
func SweepUploads(dataDir string, since time.Time, log *slog.Logger) error {
	dir := filepath.Join(dataDir, uploadsDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("sweep uploads: %w", err)
	}
	last := map[string]time.Time{} // by upload: its files are written at different times
	files := map[string][]string{}
	for _, e := range entries {
		id, _, _ := strings.Cut(e.Name(), ".")
		if info, err := e.Info(); err == nil && info.ModTime().After(last[id]) {
			last[id] = info.ModTime()
		}
		files[id] = append(files[id], e.Name())
	}
	for id, names := range files {
		if last[id].Before(since) {
			if slices.Contains(names, id) {
				log.Info("audit", "action", "forget", "key", "server", "upload", id, "since", last[id].UTC())
			}
			for _, name := range names {
				os.Remove(filepath.Join(dir, name)) // what cannot be removed is swept another time
			}
		}
	}
	return nil
}

func (u *uploads) options(w http.ResponseWriter, r *http.Request)   { u.serve(nil)(w, r) }
func (u *uploads) create(w http.ResponseWriter, r *http.Request)    { u.serve(u.checked(u.begin))(w, r) }
func (u *uploads) terminate(w http.ResponseWriter, r *http.Request) { u.serve(u.tus.DelFile)(w, r) }
func (u *uploads) patch(w http.ResponseWriter, r *http.Request) {
	u.serve(u.checked(u.tus.PatchFile))(w, r)
}

// head tells how much has arrived. An upload that is complete is finished first, if the server died before it was: a client that
// learns from here that nothing is missing will ask no more.
func (u *uploads) head(w http.ResponseWriter, r *http.Request) {
	receipt, err := u.finish(r.Context(), chi.URLParam(r, "id"))
	switch {
	case err == nil:
		size := strconv.FormatInt(receipt.Size, 10)
		for name, value := range receiptHeader(receipt) {
			w.Header().Set(name, value)
		}
		w.Header().Set("Tus-Resumable", "1.0.0")
		w.Header().Set("Upload-Offset", size)
		w.Header().Set("Upload-Length", size)
	case recon.CodeOf(err) == recon.Conflict:
		u.serve(u.tus.HeadFile)(w, r)
	default:
		fail(w, r, err)
	}
}

// begin refuses what tusd would ignore, and take for a whole scan what is a part of one.
func (u *uploads) begin(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upload-Concat") != "" {
		reject(w, r, "uploads are not concatenated here: send the scan as one upload, without Upload-Concat")
		return
	}
	u.tus.PostFile(w, r)
}

// checked refuses the digest of a piece, which tusd would ignore too: its sender relies on it.
func (u *uploads) checked(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upload-Checksum") != "" {
			reject(w, r, "pieces are not checked here: give the digest of the scan as the metadatum digest, without Upload-Checksum")
			return
		}
		h(w, r)
	}
}

// reject leaves what is wrong with a request to serve.
func reject(w http.ResponseWriter, r *http.Request, why string) {
	p := problemf(http.StatusBadRequest, "%s", why)
	note(r.Context(), p)
	w.WriteHeader(p.Status)
}

// rooted leaves of Location what is an address here. Scheme and host are those of the request, which a proxy may have got otherwise: a
// client that came by https would send its key and the scan in clear.
type rooted struct{ http.ResponseWriter }

func (w rooted) WriteHeader(status int) {
	if at, err := url.Parse(w.Header().Get("Location")); err == nil && at.Path != "" {
		w.Header().Set("Location", at.Path)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets a ResponseController through.
func (w rooted) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// receipt answers with the Receipt of a finished upload; 409 while bytes are missing.
func (u *uploads) receipt(w http.ResponseWriter, r *http.Request) {
	receipt, err := u.finish(r.Context(), chi.URLParam(r, "id"))
	if err != nil {
		fail(w, r, err)
		return
	}
	concerns(r, receipt.Scan, receipt.Job)
	answer(w, http.StatusOK, receipt)
}

func receiptHeader(r Receipt) tus.HTTPHeader {
	return tus.HTTPHeader{"Closer-Scan": r.Scan, "Closer-Job": r.Job}
}

// serve calls a handler of tusd and makes its errors problems.
func (u *uploads) serve(h http.HandlerFunc) http.HandlerFunc {
	wrapped := http.StripPrefix("/api/v1/uploads", u.tus.Middleware(h)) // what is left of the path is the identifier
	return func(w http.ResponseWriter, r *http.Request) {
		t := &withheld{ResponseWriter: rooted{w}}
		wrapped.ServeHTTP(t, r)
		if t.failed == 0 {
			return
		}
		text := strings.TrimSpace(t.text.String())
		if _, after, ok := strings.Cut(text, ": "); ok {
			text = after
		}
		var p *problem
		if p = trace(r.Context()).problem; p == nil {
			p = problemf(t.failed, "%s", text)
		}
		fail(w, r, p)
	}
}

// refuse carries err through tusd, which knows only errors of its own.
func refuse(ctx context.Context, err error) error {
	p := problemOf(err)
	note(ctx, p)
	return tus.NewError("ERR_REFUSED", p.Detail, p.Status)
}

// opened checks all that can be known before the first byte, and keeps only the metadata that are used: a file's name may name a
// patient.
func (u *uploads) opened(hook tus.HookEvent) (tus.HTTPResponse, tus.FileInfoChanges, error) {
	refused := func(err error) (tus.HTTPResponse, tus.FileInfoChanges, error) {
		return tus.HTTPResponse{}, tus.FileInfoChanges{}, refuse(hook.Context, err)
	}
	if hook.Upload.Size == 0 {
		return refused(problemf(http.StatusBadRequest, "the upload is empty; expected the bytes of a scan"))
	}
	metadata, err := parseMetadata(hook.HTTPRequest.Header.Values("Upload-Metadata"))
	if err != nil {
		return refused(err)
	}
	hook.Upload.MetaData = metadata
	switch up, err := u.arrival(hook.Upload); {
	case err != nil:
		return refused(err)
	case up.media == mediaDICOM && u.api.Deidentify != nil:
		return refused(problemf(http.StatusUnsupportedMediaType, notResumable))
	}
	if err := u.api.open(hook.Context, hook.Upload.Size); err != nil {
		return refused(err)
	}
	kept := tus.MetaData{}
	for _, name := range []string{"recipe", "digest", "filetype"} {
		if v, ok := metadata[name]; ok {
			kept[name] = v
		}
	}
	return tus.HTTPResponse{}, tus.FileInfoChanges{MetaData: kept}, nil
}

// parseMetadata reads fields Upload-Metadata as tus 1.0 writes them: pairs of a key and a value in base64, which may be left out when it
// is empty. tusd skips a pair that is not so, and with it a digest that the client relies on.
func parseMetadata(fields []string) (tus.MetaData, error) {
	metadata := tus.MetaData{}
	for pair := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		key, encoded, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if key == "" {
			continue // an empty element of a list (RFC 9110, section 5.6.1)
		}
		value, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, problemf(http.StatusBadRequest, "the value of %q in Upload-Metadata is not base64", key)
		}
		if _, twice := metadata[key]; twice {
			return nil, problemf(http.StatusBadRequest, "%q is more than once in Upload-Metadata", key)
		}
		metadata[key] = string(value)
	}
	return metadata, nil
}

// arrival reads the metadata of an upload.
func (u *uploads) arrival(info tus.FileInfo) (up arrival, err error) {
	form, err := url.ParseQuery(info.MetaData["recipe"])
	if err != nil {
		return up, problemf(http.StatusBadRequest, "the metadatum recipe is not a well-formed query")
	}
	if up.recipe, err = u.api.recipe(form); err != nil {
		return up, err
	}
	if up.digest, err = parseDigest(info.MetaData["digest"]); err != nil {
		return up, err
	}
	up.media, err = declared(info.MetaData["filetype"])
	return up, err
}

// complete makes a scan of an upload whose last byte has become durable.
func (u *uploads) complete(hook tus.HookEvent) (tus.HTTPResponse, error) {
	u.api.metrics.received.Add(float64(hook.Upload.Size))
	receipt, err := u.finish(hook.Context, hook.Upload.ID)
	if err != nil {
		return tus.HTTPResponse{}, refuse(hook.Context, err)
	}
	t := trace(hook.Context)
	t.scan, t.job = receipt.Scan, receipt.Job
	return tus.HTTPResponse{Header: receiptHeader(receipt)}, nil
}

// finish returns the receipt of an upload, ingesting it first if that was not done: Conflict when bytes are missing, NotFound. An
// upload that can never become a scan is deleted.
func (u *uploads) finish(ctx context.Context, id string) (Receipt, error) {
	v, err, _ := u.finished.Do(id, func() (any, error) {
		return u.ingest(context.WithoutCancel(ctx), id) // a client that leaves now asks for the receipt later
	})
	receipt, _ := v.(Receipt)
	return receipt, err
}

func (u *uploads) ingest(ctx context.Context, id string) (Receipt, error) {
	if receipt, err := u.kept(ctx, id); !errors.Is(err, fs.ErrNotExist) {
		return receipt, err
	}
	info, err := u.info(ctx, id)
	if err != nil {
		return Receipt{}, err
	}
	if info.Offset != info.Size {
		return Receipt{}, recon.Errorf(recon.Conflict, "%d of %d bytes have arrived", info.Offset, info.Size)
	}
	up, err := u.arrival(info)
	if err == nil {
		up.path, up.size = u.path(id, ""), info.Size
		if up.sha256, err = durable.SHA256(up.path); err != nil {
			err = fmt.Errorf("read the upload: %w", err)
		}
	}
	var receipt Receipt
	if err == nil {
		receipt, _, err = u.api.ingest(ctx, up)
	}
	if err != nil {
		if status := problemOf(err).Status; status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
			u.remove(id)
		}
		return Receipt{}, err
	}
	t := trace(ctx)
	t.scan, t.job = receipt.Scan, receipt.Job
	u.api.audit(ctx, "push")
	data, err := json.Marshal(receipt)
	if err == nil {
		err = durable.Write(u.path(id, receiptSuffix), data, 0o600)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("keep the receipt: %w", err)
	}
	u.remove(id)
	return receipt, nil
}

// kept returns the receipt of an upload that is finished, else an error that is fs.ErrNotExist. It goes with its job.
func (u *uploads) kept(ctx context.Context, id string) (r Receipt, err error) {
	data, err := os.ReadFile(u.path(id, receiptSuffix))
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return Receipt{}, err
	}
	if _, err := u.api.Queue.Job(ctx, r.Job); recon.CodeOf(err) == recon.NotFound {
		os.Remove(u.path(id, receiptSuffix))
		return Receipt{}, fs.ErrNotExist
	}
	return r, nil
}

func (u *uploads) path(id, suffix string) string { return filepath.Join(u.dir, id+suffix) }

func (u *uploads) remove(id string) {
	os.Remove(u.path(id, "")) // what is left is swept
	os.Remove(u.path(id, ".info"))
}

func (u *uploads) info(ctx context.Context, id string) (tus.FileInfo, error) {
	upload, err := filestore.New(u.dir).GetUpload(ctx, id)
	if errors.Is(err, tus.ErrNotFound) {
		return tus.FileInfo{}, recon.Errorf(recon.NotFound, "there is no upload of this name")
	}
	if err != nil {
		return tus.FileInfo{}, fmt.Errorf("look at the upload: %w", err)
	}
	return upload.GetInfo(ctx)
}
