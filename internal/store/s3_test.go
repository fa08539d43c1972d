package store_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

// link is a listener in front of a server that passes on what comes, slowly, until it is cut: then it takes everything and gives
// nothing, as a host does whose packets are dropped.
type link struct {
	address string
	cut     chan struct{}
	pause   time.Duration // after each piece
}

func newLink(t *testing.T, target string, pause time.Duration) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener.Addr().String(), make(chan struct{}), pause}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ctx, func() { near.Close() })
			far, err := net.Dial("tcp", target)
			if err != nil {
				continue
			}
			context.AfterFunc(ctx, func() { far.Close() })
			go l.pass(far, near)
			go l.pass(near, far)
		}
	}()
	return l
}

func (l *link) pass(to, from net.Conn) {
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		select {
		case <-l.cut:
			io.Copy(io.Discard, from)
			return
		case <-time.After(l.pause):
		}
		if n > 0 {
			to.Write(piece[:n])
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

// through is a place whose storage is reached over a link.
func through(t *testing.T, place string, pause time.Duration) (string, *link) {
	t.Helper()
	_, endpoint, _ := strings.Cut(place, "endpoint=http://")
	l := newLink(t, endpoint, pause)
	return strings.Replace(place, endpoint, l.address, 1), l
}

// Storage that vanishes without a word, at once or within a transfer, is given up after a while and is then said to be away.
func TestS3ThatVanishes(t *testing.T) {
	t.Parallel()
	place, l := through(t, testkit.StartS3(t).NewBucket(t), time.Millisecond)
	b := openBlobs(t, place, store.BlobOptions{Spool: t.TempDir(), Silence: time.Second})
	large := bytes.Repeat([]byte("content "), 1<<20)
	blob, err := openBlobs(t, place, store.BlobOptions{Spool: t.TempDir()}).Put(t.Context(), bytes.NewReader(large)) // at its leisure
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Open(t.Context(), blob.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	close(l.cut)
	if _, err := io.Copy(io.Discard, r); recon.CodeOf(err) != recon.Unavailable {
		t.Errorf("read on: %v", err)
	}
	r.Close()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, large[:3<<20], 0o600); err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func(t *testing.T) error{
		"put":          func(t *testing.T) error { _, err := b.Put(t.Context(), strings.NewReader("x")); return err },
		"put a file":   func(t *testing.T) error { _, err := b.PutFile(t.Context(), path); return err },
		"open":         func(t *testing.T) error { _, err := b.Open(t.Context(), blob.SHA256); return err },
		"put a piece":  func(t *testing.T) error { return b.PutPiece(t.Context(), "a/b", nil) },
		"get a piece":  func(t *testing.T) error { _, err := b.Piece(t.Context(), "a/b"); return err },
		"delete":       func(t *testing.T) error { return b.Delete(t.Context(), blob.SHA256) },
		"clear pieces": func(t *testing.T) error { return b.DeletePieces(t.Context(), "a/") },
		"ready":        func(t *testing.T) error { return b.Ready(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the client tries for some seconds
			if err := ask(t); recon.CodeOf(err) != recon.Unavailable {
				t.Error(err)
			}
		})
	}
}

// A transfer that takes many times as long as storage may be silent goes on while it moves.
func TestS3ThatIsSlow(t *testing.T) {
	t.Parallel()
	place := testkit.StartS3(t).NewBucket(t)
	data := bytes.Repeat([]byte("slow and steady "), 1<<17)
	blob, err := openBlobs(t, place, store.BlobOptions{Spool: t.TempDir()}).Put(t.Context(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	const silence = 500 * time.Millisecond
	place, _ = through(t, place, 50*time.Millisecond)
	b, start := openBlobs(t, place, store.BlobOptions{Silence: silence}), time.Now()
	r, err := b.Open(t.Context(), blob.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if took := time.Since(start); took < 2*silence {
		t.Errorf("it took only %v: the test shows nothing", took)
	}
}
