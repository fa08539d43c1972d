package testkit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/closer-mri/closer/recon"
)

// BlobSuite checks the contract of recon.Blobs. newBlobs makes an empty store and returns a function that opens it, each time as
// another process would. The cases run in parallel.
func BlobSuite(t *testing.T, newBlobs func(t *testing.T) (open func() recon.Blobs)) {
	for name, run := range map[string]func(*testing.T, blobCase){
		"ContentIsNamedByItsBytes":  contentByName,
		"ContentOfFiles":            contentOfFiles,
		"ContentThatEndsEarly":      contentEndsEarly,
		"ContentIsSeekable":         contentSeekable,
		"DeleteContent":             deleteContent,
		"TouchContent":              touchContent,
		"EqualContentFromMany":      equalContent,
		"NamesThatAreNone":          badNames,
		"PiecesAreWrittenOnce":      piecesOnce,
		"PieceFromManyIsOneOfThem":  pieceFromMany,
		"PiecesAreDeletedByPrefix":  piecesByPrefix,
		"PiecesComeAndGoAtTheSame":  piecesComeAndGo,
		"SweepKeepsWhatIsNeeded":    sweepKeeps,
		"SweepWhilePutting":         sweepWhilePutting,
		"ReadyAndContextsRespected": readyAndContexts,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			open := newBlobs(t)
			run(t, blobCase{T: t, ctx: ctx, b: open(), open: open})
		})
	}
}

type blobCase struct {
	*testing.T
	ctx  context.Context
	b    recon.Blobs
	open func() recon.Blobs
}

// content returns n bytes that no other seed gives.
func content(n int, seed uint64) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(data)
	return data
}

func (c blobCase) put(data []byte) recon.Blob {
	c.Helper()
	blob, err := c.b.Put(c.ctx, bytes.NewReader(data))
	sum := sha256.Sum256(data)
	if want := (recon.Blob{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data))}); err != nil || blob != want {
		c.Fatalf("put gave %v, %v; want %v", blob, err, want)
	}
	return blob
}

// contentOfFiles checks that a file's content stays when the file goes, and is new however old the file is.
func contentOfFiles(t *testing.T, c blobCase) {
	data := content(100_000, 1)
	for range 2 { // the second time it is there already
		path := filepath.Join(t.TempDir(), "file")
		c.must(os.WriteFile(path, data, 0o600))
		c.must(os.Chtimes(path, time.Time{}, time.Now().Add(-10*recon.OrphanAge)))
		blob, err := c.b.PutFile(c.ctx, path)
		c.must(errors.Join(err, os.Remove(path)))
		sum := sha256.Sum256(data)
		if want := (recon.Blob{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data))}); blob != want {
			t.Errorf("put gave %v, want %v", blob, want)
		}
		if swept, err := c.b.Sweep(c.ctx, time.Now().Add(-recon.OrphanAge), none, none); err != nil || swept.Contents != 0 {
			t.Errorf("new content was swept: %v, %v", swept, err)
		}
		if !bytes.Equal(c.get(c.open(), blob.SHA256), data) {
			t.Error("the content is not the file's")
		}
	}
	if _, err := c.b.PutFile(c.ctx, filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("put of an absent file: %v", err)
	}
}

func touchContent(t *testing.T, c blobCase) {
	data := content(1000, 3)
	blob := c.put(data)
	c.must(c.open().Touch(c.ctx, blob.SHA256))
	if !bytes.Equal(c.get(c.b, blob.SHA256), data) {
		t.Error("the content is another after the touch")
	}
	for _, name := range []string{strings.Repeat("0", 64), "", "../" + blob.SHA256} {
		c.code(recon.NotFound, c.b.Touch(c.ctx, name))
	}
	c.must(c.b.Delete(c.ctx, blob.SHA256))
	c.code(recon.NotFound, c.b.Touch(c.ctx, blob.SHA256))
}

func (c blobCase) get(b recon.Blobs, sha256 string) []byte {
	c.Helper()
	r, err := b.Open(c.ctx, sha256)
	c.must(err)
	data, err := io.ReadAll(r)
	c.must(errors.Join(err, r.Close()))
	return data
}

func (c blobCase) piece(name, want string) {
	c.Helper()
	if data, err := c.b.Piece(c.ctx, name); err != nil || string(data) != want {
		c.Errorf("piece %s is %q, %v; want %q", name, data, err, want)
	}
}

func (c blobCase) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c blobCase) code(want recon.Code, err error) {
	c.Helper()
	if recon.CodeOf(err) != want {
		c.Errorf("error %v has code %q, want %q", err, recon.CodeOf(err), want)
	}
}

func contentByName(t *testing.T, c blobCase) {
	for i, n := range []int{0, 1, 100_000, 12 << 20} { // the last is more than one part of an S3 upload
		data := content(n, uint64(i))
		blob := c.put(data)
		for _, b := range []recon.Blobs{c.b, c.open()} {
			if !bytes.Equal(c.get(b, blob.SHA256), data) {
				t.Errorf("%d bytes came back different", n)
			}
		}
		c.put(data)
	}
	_, err := c.b.Open(c.ctx, strings.Repeat("0", 64))
	c.code(recon.NotFound, err)
}

func contentEndsEarly(t *testing.T, c blobCase) {
	data, broken := content(6<<20, 9), errors.New("the line broke")
	_, err := c.b.Put(c.ctx, io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("put gave %v", err)
	}
	sum := sha256.Sum256(data)
	_, err = c.b.Open(c.ctx, hex.EncodeToString(sum[:]))
	c.code(recon.NotFound, err)
}

func contentSeekable(t *testing.T, c blobCase) {
	data := content(100_000, 3)
	blob := c.put(data)
	r, err := c.b.Open(c.ctx, blob.SHA256)
	c.must(err)
	defer r.Close()
	s, ok := r.(io.ReadSeeker)
	if !ok {
		t.Fatal("what Open returns cannot seek")
	}
	if size, err := s.Seek(0, io.SeekEnd); err != nil || size != blob.Size {
		t.Errorf("the end is at %d, %v", size, err)
	}
	_, err = s.Seek(70_000, io.SeekStart)
	c.must(err)
	if tail, err := io.ReadAll(s); err != nil || !bytes.Equal(tail, data[70_000:]) {
		t.Errorf("the tail came back different, %v", err)
	}
	for _, n := range []int64{30_000, 0} { // the second time after some of it was read in order
		_, err = s.Seek(0, io.SeekStart)
		c.must(err)
		if head, err := io.ReadAll(io.LimitReader(s, n)); err != nil || !bytes.Equal(head, data[:n]) {
			t.Errorf("the head came back different, %v", err)
		}
	}
	if all, err := io.ReadAll(s); err != nil || !bytes.Equal(all, data) {
		t.Errorf("the whole came back different, %v", err)
	}
}

func deleteContent(t *testing.T, c blobCase) {
	blob := c.put(content(1000, 1))
	c.must(c.b.Delete(c.ctx, blob.SHA256))
	c.must(c.b.Delete(c.ctx, blob.SHA256))
	_, err := c.open().Open(c.ctx, blob.SHA256)
	c.code(recon.NotFound, err)
	c.put(content(1000, 1))
}

func equalContent(t *testing.T, c blobCase) {
	data := content(300_000, 5)
	var wg sync.WaitGroup
	for _, b := range []recon.Blobs{c.b, c.open()} {
		for range 4 {
			wg.Go(func() {
				blob, err := b.Put(c.ctx, bytes.NewReader(data))
				if err != nil {
					t.Error(err)
				} else if !bytes.Equal(c.get(b, blob.SHA256), data) {
					t.Error("content came back different")
				}
			})
		}
	}
	wg.Wait()
}

func badNames(t *testing.T, c blobCase) {
	for _, name := range []string{"", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "../x", "a b", "a\\b", "ü", "a\x00", "a=", "a/."} {
		c.code(recon.Invalid, c.b.PutPiece(c.ctx, name, []byte("x")))
		_, err := c.b.Piece(c.ctx, name)
		c.code(recon.NotFound, err)
	}
	for _, prefix := range []string{"/", "../", "a/../", "a//", "a b", "=", "./"} {
		c.code(recon.Invalid, c.b.DeletePieces(c.ctx, prefix))
	}
	for _, name := range []string{"", "..", "../../etc/passwd", strings.Repeat("A", 64), strings.Repeat("0", 63)} {
		_, err := c.b.Open(c.ctx, name)
		c.code(recon.NotFound, err)
		c.must(c.b.Delete(c.ctx, name))
	}
}

func piecesOnce(t *testing.T, c blobCase) {
	_, err := c.b.Piece(c.ctx, "job/ccdf/0001")
	c.code(recon.NotFound, err)
	c.must(c.b.PutPiece(c.ctx, "job/ccdf/0001", []byte("first")))
	c.must(c.open().PutPiece(c.ctx, "job/ccdf/0001", []byte("second")))
	c.piece("job/ccdf/0001", "first")
	c.must(c.b.PutPiece(c.ctx, "job", nil)) // a name may begin as another does
	c.piece("job", "")
	c.piece("job/ccdf/0001", "first")
}

func pieceFromMany(t *testing.T, c blobCase) {
	var wg sync.WaitGroup
	for i, b := range []recon.Blobs{c.b, c.open(), c.b, c.open()} {
		wg.Go(func() {
			if err := b.PutPiece(c.ctx, "shared", bytes.Repeat([]byte{byte('a' + i)}, 50_000)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	data, err := c.b.Piece(c.ctx, "shared")
	c.must(err)
	if len(data) != 50_000 || len(bytes.Trim(data, string(data[:1]))) != 0 {
		t.Errorf("the piece is a mixture: %d bytes", len(data))
	}
}

func piecesByPrefix(t *testing.T, c blobCase) {
	names := []string{"job1/a/1", "job1/a/2", "job1/b", "job10/a", "job2/a", "job1.x"}
	put := func() {
		for _, name := range names {
			c.must(c.b.PutPiece(c.ctx, name, []byte(name)))
		}
	}
	put()
	blob := c.put([]byte("content is no piece"))
	for prefix, left := range map[string]string{
		"job1/":    "job10/a job2/a job1.x",
		"job1/a":   "job1/b job10/a job2/a job1.x",
		"job1":     "job2/a",
		"absent/":  strings.Join(names, " "),
		"job1/a/1": "job1/a/2 job1/b job10/a job2/a job1.x",
		"job1.":    "job1/a/1 job1/a/2 job1/b job10/a job2/a",
		"":         "",
	} {
		put()
		c.must(c.b.DeletePieces(c.ctx, prefix))
		var found []string
		for _, name := range names {
			if _, err := c.b.Piece(c.ctx, name); err == nil {
				found = append(found, name)
			}
		}
		if got := strings.Join(found, " "); got != left {
			t.Errorf("without %q there is %s, want %s", prefix, got, left)
		}
	}
	c.get(c.b, blob.SHA256)
}

// piecesComeAndGo stores pieces while their neighbours are deleted, so that what they lie in comes and goes.
func piecesComeAndGo(t *testing.T, c blobCase) {
	const n = 100
	ctx, stop := context.WithCancel(c.ctx)
	var wg sync.WaitGroup
	for range 2 {
		b := c.open()
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := b.DeletePieces(c.ctx, "job/gone"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		c.must(c.b.PutPiece(c.ctx, fmt.Sprintf("job/gone/%d/a", i), nil))
		c.must(c.b.PutPiece(c.ctx, fmt.Sprintf("job/kept%d/a", i), []byte("x")))
	}
	stop()
	wg.Wait()
	for i := range n {
		c.piece(fmt.Sprintf("job/kept%d/a", i), "x")
	}
}

func none(string) bool { return false }

func sweepKeeps(t *testing.T, c blobCase) {
	wanted, unwanted := c.put(content(1000, 1)), c.put(content(3000, 2))
	for _, name := range []string{"job1/a/1", "job2/a/1", "job2"} {
		c.must(c.b.PutPiece(c.ctx, name, []byte("12345")))
	}
	swept, err := c.b.Sweep(c.ctx, time.Now().Add(-time.Minute), none, none)
	if err != nil || swept != (recon.Swept{}) {
		t.Errorf("what is new was swept: %+v, %v", swept, err)
	}
	swept, err = c.open().Sweep(c.ctx, time.Now().Add(time.Minute),
		func(sha256 string) bool { return sha256 == wanted.SHA256 },
		func(name string) bool { return name == "job1/a/1" || name == "job2" })
	if want := (recon.Swept{Contents: 1, Pieces: 1, Bytes: 3005}); err != nil || swept != want {
		t.Errorf("swept %+v, %v; want %+v", swept, err, want)
	}
	c.get(c.b, wanted.SHA256)
	_, err = c.b.Open(c.ctx, unwanted.SHA256)
	c.code(recon.NotFound, err)
	c.piece("job1/a/1", "12345")
	c.piece("job2", "12345")
	_, err = c.b.Piece(c.ctx, "job2/a/1")
	c.code(recon.NotFound, err)
}

// sweepWhilePutting sweeps everything while content is put and read: what is there may go at any time, but never partly, and the
// store goes on taking content.
func sweepWhilePutting(t *testing.T, c blobCase) {
	ctx, stop := context.WithCancel(c.ctx)
	var wg sync.WaitGroup
	for range 2 {
		b := c.open()
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := b.Sweep(c.ctx, time.Now().Add(time.Minute), none, none); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 40 {
		blob := c.put(content(10_000, uint64(i)))
		c.must(c.b.PutPiece(c.ctx, fmt.Sprintf("job/%d", i), nil))
		r, err := c.b.Open(c.ctx, blob.SHA256)
		if err != nil {
			c.code(recon.NotFound, err)
			continue
		}
		if data, err := io.ReadAll(r); err != nil || len(data) != 10_000 {
			t.Errorf("read %d bytes, %v", len(data), err)
		}
		r.Close()
	}
	stop()
	wg.Wait()
}

func readyAndContexts(t *testing.T, c blobCase) {
	c.must(c.b.Ready(c.ctx))
	blob := c.put([]byte("x"))
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	if _, err := c.b.Put(ctx, strings.NewReader("y")); !errors.Is(err, context.Canceled) {
		t.Errorf("put after the end: %v", err)
	}
	c.get(c.b, blob.SHA256)
}
