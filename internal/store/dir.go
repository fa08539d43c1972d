package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/recon"
)

// dir keeps content in sha256/ab/<hex> and pieces in pieces/ below a directory, which several processes may share. A file gets its
// name after its bytes are durable, and the name is durable when the call returns: temporary file, fsync, rename, fsync of the
// directories. (gocloud's own directory store renames but does not fsync.)
type dir struct {
	root string
	opts BlobOptions
}

const (
	dirContent = "sha256"
	dirPieces  = "pieces"
	dirTemp    = "tmp"
	// pieceSuffix is no character of a name, so that there can be a piece "a" beside a piece "a/b".
	pieceSuffix = "="
	// tempAge is when a temporary file is taken for one of a process that crashed.
	tempAge = 24 * time.Hour
)

func openDir(root string, opts BlobOptions) (*dir, error) {
	d := &dir{root: root, opts: opts}
	if err := os.MkdirAll(d.path(dirTemp), 0o700); err != nil {
		return nil, fmt.Errorf("open the blob store: %w", err)
	}
	return d, d.sweepTemp()
}

func (d *dir) sweepTemp() error {
	entries, err := os.ReadDir(d.path(dirTemp))
	if err != nil {
		return fmt.Errorf("look for temporary files: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > tempAge {
			os.Remove(d.path(dirTemp, e.Name()))
		}
	}
	return nil
}

func (d *dir) path(elem ...string) string { return filepath.Join(d.root, filepath.Join(elem...)) }

func (d *dir) Close() error { return nil }

func (d *dir) Put(ctx context.Context, r io.Reader) (blob recon.Blob, err error) {
	temp, err := d.temp(func(w io.Writer) (err error) {
		blob, err = digest(ctx, w, r)
		return err
	})
	if err != nil {
		return recon.Blob{}, err
	}
	defer os.Remove(temp) // not there any more unless something went wrong
	// Renaming over equal content repairs it if the disk had damaged it.
	if err := d.place(contentKey(blob.SHA256), temp, os.Rename); err != nil {
		return recon.Blob{}, stored(err)
	}
	return blob, nil
}

func (d *dir) PutFile(ctx context.Context, path string) (recon.Blob, error) {
	f, err := os.Open(path)
	if err != nil {
		return recon.Blob{}, err
	}
	defer f.Close()
	temp, now := d.path(dirTemp, "put-"+rand.Text()), time.Now()
	if os.Chtimes(path, now, now) != nil || os.Link(path, temp) != nil { // it is another's, or on another file system
		return d.Put(ctx, f)
	}
	defer os.Remove(temp)
	blob, err := digest(ctx, io.Discard, f)
	if err != nil {
		return recon.Blob{}, err
	}
	if err := errors.Join(f.Chmod(0o600), f.Sync()); err != nil {
		return recon.Blob{}, stored(err)
	}
	if err := d.place(contentKey(blob.SHA256), temp, os.Rename); err != nil {
		return recon.Blob{}, stored(err)
	}
	return blob, nil
}

// temp makes what write writes a durable temporary file.
func (d *dir) temp(write func(io.Writer) error) (name string, err error) {
	f, err := os.CreateTemp(d.path(dirTemp), "put-")
	if err != nil {
		return "", stored(gone(err))
	}
	if err = write(f); err == nil {
		err = stored(f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}

// tempOf makes data a durable temporary file.
func (d *dir) tempOf(ctx context.Context, data []byte) (name string, err error) {
	return d.temp(func(w io.Writer) error {
		_, err := w.Write(data)
		return cmp.Or(ctx.Err(), stored(err))
	})
}

// gone says in a sentence that there is not what was there when the store was opened.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &recon.Error{Code: recon.Unavailable, Message: "the directory for files is gone", Cause: err}
	}
	return err
}

// place calls set to give a temporary file its name, and makes the name durable. DeletePieces of another process may remove the
// directory of the name while it is empty: then everything is done again. Where the store's own directory is gone none is made.
func (d *dir) place(name, temp string, set func(temp, target string) error) (err error) {
	target := d.path(name)
	for range 100 {
		if _, err = os.Lstat(temp); err != nil {
			break
		}
		if err = os.MkdirAll(filepath.Dir(target), 0o700); err == nil {
			err = set(temp, target)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return gone(err)
	}
	// Each directory up to the root, because any of them may be new; an fsync without changes costs next to nothing.
	for parent := path.Dir(name); ; parent = path.Dir(parent) {
		err := durable.Sync(d.path(parent))
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // deleted since, with what was in it
		}
		if err != nil || parent == "." {
			return err
		}
	}
}

func (d *dir) Touch(ctx context.Context, sha256 string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key := contentKey(sha256)
	if key == "" {
		return noContent()
	}
	now := time.Now()
	if err := os.Chtimes(d.path(key), now, now); errors.Is(err, fs.ErrNotExist) {
		return noContent()
	} else if err != nil {
		return fmt.Errorf("touch content: %w", stored(err))
	}
	return nil
}

func (d *dir) Open(ctx context.Context, sha256 string) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key := contentKey(sha256)
	if key == "" {
		return nil, noContent()
	}
	f, err := os.Open(d.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noContent()
	} else if err != nil {
		return nil, fmt.Errorf("open content: %w", reached(err))
	}
	return newVerified(f, sha256), nil
}

func (d *dir) Delete(ctx context.Context, sha256 string) error {
	key := contentKey(sha256)
	if key == "" {
		return nil
	}
	if err := os.Remove(d.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete content: %w", err)
	}
	return nil
}

func (d *dir) PutPiece(ctx context.Context, name string, data []byte) error {
	if err := checkPiece(name); err != nil {
		return err
	}
	temp, err := d.tempOf(ctx, data)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	return stored(d.place(path.Join(dirPieces, name+pieceSuffix), temp, func(temp, target string) error {
		err := os.Link(temp, target) // unlike a rename it leaves alone what is there
		switch {
		case errors.Is(err, fs.ErrExist):
			return nil
		case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS):
			// A file system without links. Two writers at the same time write the same: a piece is a function of its name.
			if _, err := os.Lstat(target); err == nil {
				return nil
			}
			return os.Rename(temp, target)
		}
		return err
	}))
}

func (d *dir) Piece(ctx context.Context, name string) ([]byte, error) {
	if checkPiece(name) != nil {
		return nil, noPiece()
	}
	data, err := os.ReadFile(d.path(dirPieces, name+pieceSuffix))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, noPiece()
	} else if err != nil {
		return nil, fmt.Errorf("read a piece: %w", reached(err))
	}
	return data, ctx.Err()
}

func (d *dir) DeletePieces(ctx context.Context, prefix string) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	_, err := d.remove(ctx, path.Join(dirPieces, prefix[:strings.LastIndex(prefix, "/")+1]), func(name string, _ fs.FileInfo) bool {
		return strings.HasPrefix(name, dirPieces+"/"+prefix)
	})
	if err != nil {
		return fmt.Errorf("delete pieces: %w", err)
	}
	return nil
}

func (d *dir) Sweep(ctx context.Context, before time.Time, keepContent, keepPiece func(name string) bool) (recon.Swept, error) {
	old := func(info fs.FileInfo) bool { return info.ModTime().Before(before) }
	contents, err := d.remove(ctx, dirContent, func(name string, info fs.FileInfo) bool {
		return old(info) && !keepContent(path.Base(name))
	})
	if err != nil {
		return recon.Swept{}, fmt.Errorf("sweep content: %w", err)
	}
	pieces, err := d.remove(ctx, dirPieces, func(name string, info fs.FileInfo) bool {
		return old(info) && !keepPiece(strings.TrimSuffix(strings.TrimPrefix(name, dirPieces+"/"), pieceSuffix))
	})
	if err != nil {
		return recon.Swept{}, fmt.Errorf("sweep pieces: %w", err)
	}
	return recon.Swept{Contents: contents.files, Pieces: pieces.files, Bytes: contents.bytes + pieces.bytes}, d.sweepTemp()
}

// removed counts files.
type removed struct {
	files int
	bytes int64
}

// remove removes the files below a directory that which selects, by their path in the store, and the directories that are empty then.
// It asks again once a file is out of the way: what was put or touched in between is put back.
func (d *dir) remove(ctx context.Context, below string, which func(name string, info fs.FileInfo) bool) (sum removed, err error) {
	var dirs []string
	err = filepath.WalkDir(d.path(below), func(p string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && e.IsDir() {
			dirs = append(dirs, p)
			return nil
		}
		var info fs.FileInfo
		if err == nil {
			info, err = e.Info()
		}
		var removed bool
		if err == nil {
			rel, _ := filepath.Rel(d.root, p) // p is below the root
			name := filepath.ToSlash(rel)
			if !which(name, info) {
				return nil
			}
			removed, err = d.removeIf(name, func(info fs.FileInfo) bool { return which(name, info) })
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile, or never there
		}
		if removed {
			sum.files++
			sum.bytes += info.Size()
		}
		return err
	})
	for _, p := range slices.Backward(dirs) {
		if p != d.path(dirPieces) && p != d.path(dirContent) {
			os.Remove(p) // only if it is empty
		}
	}
	return sum, err
}

// removeIf takes a file's name from it, and removes it or gives the name back.
func (d *dir) removeIf(name string, unwanted func(fs.FileInfo) bool) (bool, error) {
	aside := d.path(dirTemp, "sweep-"+rand.Text())
	if err := os.Rename(d.path(name), aside); err != nil {
		return false, err
	}
	info, err := os.Lstat(aside)
	if err == nil && unwanted(info) {
		return true, os.Remove(aside)
	}
	return false, errors.Join(err, d.place(name, aside, os.Rename))
}

// Ready finds out by writing.
func (d *dir) Ready(ctx context.Context) error {
	if err := d.opts.checkFree(d.root); err != nil {
		return err
	}
	temp, err := d.tempOf(ctx, []byte("ready?"))
	if err != nil {
		return err
	}
	os.Remove(temp)
	return nil
}
