package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcerrors"

	"github.com/closer-mri/closer/recon"
)

// bucket keeps content in object storage, with the keys that dir has as paths. Storage of that kind shows an object only when all
// of it is there and durable.
type bucket struct {
	objects *blob.Bucket
	opts    BlobOptions
}

func openBucket(ctx context.Context, place string, opts BlobOptions) (*bucket, error) {
	var schemes blob.URLMux
	schemes.RegisterBucket(memblob.Scheme, &memblob.URLOpener{})
	schemes.RegisterBucket(s3blob.Scheme, s3Opener{opts.Silence})
	objects, err := schemes.OpenBucket(ctx, place)
	if err != nil { // its text could repeat a credential of the address
		return nil, &recon.Error{Code: recon.Invalid, Message: "the address of the object storage is wrong", Cause: err}
	}
	if opts.Spool == "" {
		opts.Spool = os.TempDir()
	}
	return &bucket{objects: objects, opts: opts}, nil
}

func (b *bucket) Close() error { return b.objects.Close() }

// Put keeps the content on a disk of ours first: its key is its digest, and content that ends early must not be stored.
func (b *bucket) Put(ctx context.Context, r io.Reader) (recon.Blob, error) {
	spool, err := os.CreateTemp(b.opts.Spool, "closer-put-")
	if err != nil {
		return recon.Blob{}, stored(err)
	}
	defer spool.Close()
	if err := os.Remove(spool.Name()); err != nil { // the file lives on without a name, until it is closed
		return recon.Blob{}, err
	}
	content, err := digest(ctx, spool, r)
	if err != nil {
		return recon.Blob{}, err
	}
	return content, b.store(ctx, content, spool)
}

// PutFile needs no spool.
func (b *bucket) PutFile(ctx context.Context, path string) (recon.Blob, error) {
	f, err := os.Open(path)
	if err != nil {
		return recon.Blob{}, err
	}
	defer f.Close()
	content, err := digest(ctx, io.Discard, f)
	if err != nil {
		return recon.Blob{}, err
	}
	return content, b.store(ctx, content, f)
}

// store stores a file, whose content is known.
func (b *bucket) store(ctx context.Context, content recon.Blob, f *os.File) error {
	key := contentKey(content.SHA256)
	switch attributes, err := b.objects.Attributes(ctx, key); {
	case err == nil && attributes.Size == content.Size && time.Since(attributes.ModTime) < recon.OrphanAge/2:
		return nil // older content is written again, so that a sweep does not take it for one that nobody wants
	case err != nil && gcerrors.Code(err) != gcerrors.NotFound:
		return b.failed(ctx, "look for content", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return b.failed(ctx, "store content", b.write(ctx, key, f, false))
}

// Touch writes old content again, from itself: that makes an object new with every storage.
func (b *bucket) Touch(ctx context.Context, sha256 string) error {
	key := contentKey(sha256)
	if key == "" {
		return noContent()
	}
	switch attributes, err := b.objects.Attributes(ctx, key); {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return noContent()
	case err != nil:
		return b.failed(ctx, "look for content", err)
	case time.Since(attributes.ModTime) < recon.OrphanAge/2:
		return nil
	}
	r, err := b.Open(ctx, sha256)
	if err != nil {
		return err
	}
	defer r.Close()
	return b.failed(ctx, "touch content", b.write(ctx, key, r, false))
}

func (b *bucket) write(ctx context.Context, key string, r io.Reader, once bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := b.objects.NewWriter(ctx, key, &blob.WriterOptions{ContentType: "application/octet-stream", IfNotExist: once})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		cancel() // Close would store what was copied so far
		return errors.Join(err, w.Close())
	}
	return w.Close()
}

func (b *bucket) Open(ctx context.Context, sha256 string) (io.ReadCloser, error) {
	key := contentKey(sha256)
	if key == "" {
		return nil, noContent()
	}
	r, err := b.objects.NewReader(ctx, key, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, noContent()
	} else if err != nil {
		return nil, b.failed(ctx, "open content", err)
	}
	return newVerified(bucketReader{r, ctx, b}, sha256), nil
}

// bucketReader says of an object whose storage went away while it was read that this is for now.
type bucketReader struct {
	*blob.Reader
	ctx    context.Context // of Open: reading ends with it
	bucket *bucket
}

func (r bucketReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = r.bucket.failed(r.ctx, "read content", err)
	}
	return n, err
}

func (b *bucket) Delete(ctx context.Context, sha256 string) error {
	key := contentKey(sha256)
	if key == "" {
		return nil
	}
	if err := b.objects.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return b.failed(ctx, "delete content", err)
	}
	return nil
}

func (b *bucket) PutPiece(ctx context.Context, name string, data []byte) error {
	if err := checkPiece(name); err != nil {
		return err
	}
	key := dirPieces + "/" + name
	// Asked first, because not every storage knows conditional writes. Two writers at the same time write the same: a piece is a
	// function of its name.
	if exists, err := b.objects.Exists(ctx, key); err != nil {
		return b.failed(ctx, "look for a piece", err)
	} else if exists {
		return nil
	}
	switch err := b.write(ctx, key, bytes.NewReader(data), true); gcerrors.Code(err) {
	case gcerrors.OK, gcerrors.FailedPrecondition:
		return nil
	case gcerrors.Unimplemented:
		return b.failed(ctx, "store a piece", b.write(ctx, key, bytes.NewReader(data), false))
	default:
		return b.failed(ctx, "store a piece", err)
	}
}

func (b *bucket) Piece(ctx context.Context, name string) ([]byte, error) {
	if checkPiece(name) != nil {
		return nil, noPiece()
	}
	data, err := b.objects.ReadAll(ctx, dirPieces+"/"+name)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, noPiece()
	}
	return data, b.failed(ctx, "read a piece", err)
}

func (b *bucket) DeletePieces(ctx context.Context, prefix string) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	_, err := b.remove(ctx, dirPieces+"/"+prefix, func(*blob.ListObject) bool { return true })
	return b.failed(ctx, "delete pieces", err)
}

// Sweep implements recon.Blobs. Storage deletes on no condition of age: an object that is written again after it was looked at, and
// before the delete that follows at once, is lost. Only content that is put again an hour or more after it came, which no job
// names, can meet that.
func (b *bucket) Sweep(ctx context.Context, before time.Time, keepContent, keepPiece func(name string) bool) (recon.Swept, error) {
	unwanted := func(o *blob.ListObject, kept bool) bool {
		if kept || !o.ModTime.Before(before) {
			return false
		}
		// The list may be old by now, and the content put again since.
		attributes, err := b.objects.Attributes(ctx, o.Key)
		return err == nil && attributes.ModTime.Before(before)
	}
	contents, err := b.remove(ctx, dirContent+"/", func(o *blob.ListObject) bool {
		return unwanted(o, keepContent(path.Base(o.Key)))
	})
	if err != nil {
		return recon.Swept{}, b.failed(ctx, "sweep content", err)
	}
	pieces, err := b.remove(ctx, dirPieces+"/", func(o *blob.ListObject) bool {
		return unwanted(o, keepPiece(strings.TrimPrefix(o.Key, dirPieces+"/")))
	})
	return recon.Swept{Contents: contents.files, Pieces: pieces.files, Bytes: contents.bytes + pieces.bytes}, b.failed(ctx, "sweep pieces", err)
}

// remove removes the objects below a prefix that which selects.
func (b *bucket) remove(ctx context.Context, prefix string, which func(*blob.ListObject) bool) (sum removed, err error) {
	objects := b.objects.List(&blob.ListOptions{Prefix: prefix})
	for {
		object, err := objects.Next(ctx)
		if err == io.EOF {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
		if !which(object) {
			continue
		}
		switch err := b.objects.Delete(ctx, object.Key); gcerrors.Code(err) {
		case gcerrors.OK:
			sum.files++
			sum.bytes += object.Size
		case gcerrors.NotFound:
		default:
			return sum, err
		}
	}
}

func (b *bucket) Ready(ctx context.Context) error {
	if err := b.opts.checkFree(b.opts.Spool); err != nil {
		return err
	}
	if ok, err := b.objects.IsAccessible(ctx); err != nil || !ok {
		return &recon.Error{Code: recon.Unavailable, Message: "the object storage does not answer", Cause: err}
	}
	return nil
}

// failed wraps an error of the storage: one that is for now becomes Unavailable, also a time-out that is not that of ctx.
func (b *bucket) failed(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, err)
	}
	switch gcerrors.Code(err) {
	case gcerrors.Unknown, gcerrors.Internal, gcerrors.ResourceExhausted, gcerrors.PermissionDenied, gcerrors.DeadlineExceeded:
		return &recon.Error{
			Code: recon.Unavailable, Message: "the object storage does not answer", Cause: fmt.Errorf("%s: %w", what, err),
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}
