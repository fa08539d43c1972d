package store_test

import (
	"bytes"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

func TestMemoryBlobs(t *testing.T) {
	t.Parallel()
	testkit.BlobSuite(t, func(t *testing.T) func() recon.Blobs {
		b := openBlobs(t, "mem://", store.BlobOptions{Spool: t.TempDir()})
		return func() recon.Blobs { return b }
	})
}

func TestS3Blobs(t *testing.T) {
	t.Parallel()
	s3 := testkit.StartS3(t)
	testkit.BlobSuite(t, func(t *testing.T) func() recon.Blobs {
		place := s3.NewBucket(t)
		return func() recon.Blobs { return openBlobs(t, place, store.BlobOptions{Spool: t.TempDir()}) }
	})
}

func TestS3PrefixKeepsToItself(t *testing.T) {
	place := testkit.StartS3(t).NewBucket(t)
	whole := openBlobs(t, place, store.BlobOptions{})
	part := openBlobs(t, place+"&prefix=closer/", store.BlobOptions{})
	blob, err := part.Put(t.Context(), strings.NewReader("content"))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := part.Open(t.Context(), blob.SHA256); err != nil {
		t.Error(err)
	} else if data, err := io.ReadAll(r); err != nil || !bytes.Equal(data, []byte("content")) {
		t.Errorf("%q, %v", data, err)
	} else {
		r.Close()
	}
	if _, err := whole.Open(t.Context(), blob.SHA256); recon.CodeOf(err) != recon.NotFound {
		t.Errorf("outside of the prefix: %v", err)
	}
}

func TestS3ThatIsGone(t *testing.T) {
	t.Parallel() // the client tries for some seconds
	s3 := testkit.StartS3(t)
	b := openBlobs(t, s3.Place("bucket"), store.BlobOptions{})
	if err := b.Ready(t.Context()); recon.CodeOf(err) != recon.Unavailable {
		t.Errorf("ready without a bucket: %v", err)
	}
	s3.Stop()
	if err := b.Ready(t.Context()); recon.CodeOf(err) != recon.Unavailable {
		t.Errorf("ready: %v", err)
	}
	if _, err := b.Put(t.Context(), strings.NewReader("x")); recon.CodeOf(err) != recon.Unavailable {
		t.Errorf("put: %v", err)
	}
	if _, err := b.Open(t.Context(), strings.Repeat("0", 64)); recon.CodeOf(err) != recon.Unavailable {
		t.Errorf("open: %v", err)
	}
}

// Content that is put again, or touched, is as new as that: a sweep for what was old before leaves it alone.
func TestS3ContentIsRenewed(t *testing.T) {
	clock := gofakes3.FixedTimeSource(time.Now().Add(-2 * recon.OrphanAge))
	backend := s3mem.New(s3mem.WithTimeSource(clock))
	server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithTimeSource(clock), gofakes3.WithTimeSkewLimit(0)).Server())
	t.Cleanup(server.Close)
	if err := backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	b := openBlobs(t, "s3://bucket?region=us-east-1&use_path_style=true&endpoint="+server.URL, store.BlobOptions{Spool: t.TempDir()})
	var renewed, touched, left recon.Blob
	put := func(content string, into *recon.Blob) {
		blob, err := b.Put(t.Context(), strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		*into = blob
	}
	put("renewed", &renewed)
	put("touched", &touched)
	put("left", &left)
	clock.Advance(2 * recon.OrphanAge)
	put("renewed", &renewed)
	if err := b.Touch(t.Context(), touched.SHA256); err != nil {
		t.Fatal(err)
	}
	swept, err := b.Sweep(t.Context(), time.Now().Add(-recon.OrphanAge), func(string) bool { return false }, func(string) bool { return false })
	if err != nil || swept.Contents != 1 {
		t.Errorf("swept %+v, %v; want the one that was left alone", swept, err)
	}
	for blob, content := range map[recon.Blob]string{renewed: "renewed", touched: "touched"} {
		r, err := b.Open(t.Context(), blob.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := io.ReadAll(r); err != nil || string(data) != content {
			t.Errorf("%q, %v; want %q", data, err, content)
		}
		r.Close()
	}
}
