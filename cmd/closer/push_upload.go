package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web"
)

// uploads is where the server takes tus uploads.
const uploads = "/api/v1/uploads"

// upload is one HDF5 file on its way. Its address on the server is kept in the user's cache directory under the digest of file, recipe and
// server, so that the next run of the same command goes on with it.
type upload struct {
	*os.File
	server *remote
	size   int64
	sum    []byte // SHA-256
	recipe string
	note   string // file with the upload's identifier
	quiet  bool   // draws no bar
}

func newUpload(server *remote, input string, recipe recon.Recipe) (*upload, error) {
	f, err := os.Open(input)
	if err != nil {
		return nil, err
	}
	u := &upload{File: f, server: server, recipe: recipe.Form().Encode()}
	hash := sha256.New()
	if u.size, err = io.Copy(hash, f); err != nil {
		f.Close()
		return nil, err
	}
	u.sum = hash.Sum(nil)
	u.note = noteOf(server, u.recipe+"\n"+hex.EncodeToString(u.sum))
	return u, nil
}

// contentDigest is a SHA-256 as Content-Digest has it.
func contentDigest(sum []byte) string {
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":"
}

// noteOf is the file that remembers what a server has of something.
func noteOf(server *remote, of string) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // no home: resuming works until the machine restarts
	}
	name := sha256.Sum256([]byte(server.base.String() + "\n" + of))
	return filepath.Join(cache, "closer", "uploads", hex.EncodeToString(name[:16]))
}

func (u *upload) forget() { os.Remove(u.note) }

// run brings every byte to the server and returns its receipt.
func (u *upload) run(ctx context.Context) (receipt web.Receipt, err error) {
	bar := newByteBar(u.size, !u.quiet && term.IsTerminal(int(os.Stderr.Fd())))
	defer bar.Close()
	err = u.server.persist(ctx, func(progress func()) error {
		address, err := u.address(ctx)
		if err != nil {
			return err
		}
		receipt, err = u.server.receipt(ctx, address)
		var r *refusal
		switch {
		case err == nil:
			return nil
		case errors.As(err, &r) && r.status == http.StatusNotFound: // the server has forgotten it
			u.forget()
			if address, err = u.address(ctx); err != nil {
				return err
			}
		case errors.As(err, &r) && r.status != http.StatusConflict, r == nil:
			return err
		}
		if err := u.send(ctx, address, bar, progress); err != nil {
			return err
		}
		receipt, err = u.server.receipt(ctx, address)
		return err
	})
	if err == nil {
		bar.Set64(u.size)
	}
	return receipt, err
}

// address returns the path of the upload on the server, which is created unless an earlier run did.
func (u *upload) address(ctx context.Context) (string, error) {
	if id, err := os.ReadFile(u.note); err == nil && len(id) > 0 {
		return uploads + "/" + path.Base(string(id)), nil
	}
	var metadata []string
	for name, value := range map[string]string{
		"recipe": u.recipe, "filetype": "application/x-hdf5", "digest": contentDigest(u.sum),
	} {
		metadata = append(metadata, name+" "+base64.StdEncoding.EncodeToString([]byte(value)))
	}
	response, err := u.server.do(ctx, http.MethodPost, uploads, nil, map[string]string{
		"Tus-Resumable": "1.0.0", "Upload-Length": strconv.FormatInt(u.size, 10), "Upload-Metadata": strings.Join(metadata, ","),
	})
	if err != nil {
		return "", err
	}
	response.Body.Close()
	id := path.Base(response.Header.Get("Location")) // only the name: the key is sent to no other host
	if err := os.MkdirAll(filepath.Dir(u.note), 0o700); err == nil {
		err = os.WriteFile(u.note, []byte(id), 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("remember the upload: %w", err)
	}
	return uploads + "/" + id, nil
}

// send sends what the server does not have yet.
func (u *upload) send(ctx context.Context, address string, bar *progressbar.ProgressBar, progress func()) error {
	head, err := u.server.do(ctx, http.MethodHead, address, nil, map[string]string{"Tus-Resumable": "1.0.0"})
	if err != nil {
		return err
	}
	head.Body.Close()
	offset, err := strconv.ParseInt(head.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || offset < 0 || offset > u.size {
		return fmt.Errorf("the server says that %q bytes have arrived", head.Header.Get("Upload-Offset"))
	}
	if offset == u.size {
		return nil
	}
	if offset > 0 {
		fmt.Fprintf(os.Stderr, "going on after %d of %d bytes\n", offset, u.size)
	}
	bar.Set64(offset)
	body := &moving{Reader: io.NewSectionReader(u, offset, u.size-offset), bar: bar, progress: progress}
	response, err := u.server.do(ctx, http.MethodPatch, address, body, map[string]string{
		"Tus-Resumable": "1.0.0", "Upload-Offset": strconv.FormatInt(offset, 10), "Content-Type": "application/offset+octet-stream",
	})
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// moving reports what passes.
type moving struct {
	io.Reader
	bar      *progressbar.ProgressBar
	progress func()
}

func (m *moving) Read(b []byte) (int, error) {
	n, err := m.Reader.Read(b)
	if n > 0 {
		m.bar.Add(n)
		m.progress()
	}
	return n, err
}

func newByteBar(size int64, visible bool) *progressbar.ProgressBar {
	return progressbar.NewOptions64(size, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription("upload      "),
		progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetVisibility(visible), progressbar.OptionOnCompletion(func() { fmt.Fprintln(os.Stderr) }))
}
