package store_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

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

// startS3 starts an S3 server on loopback with a bucket for each call of the returned function.
func startS3(t *testing.T) (newPlace func(t *testing.T) string) {
	backend := s3mem.New()
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	var buckets atomic.Int32
	return func(t *testing.T) string {
		name := fmt.Sprint("bucket", buckets.Add(1))
		if err := backend.CreateBucket(name); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("s3://%s?region=us-east-1&use_path_style=true&endpoint=%s", name, server.URL)
	}
}

func TestS3Blobs(t *testing.T) {
	t.Parallel()
	newPlace := startS3(t)
	testkit.BlobSuite(t, func(t *testing.T) func() recon.Blobs {
		place := newPlace(t)
		return func() recon.Blobs { return openBlobs(t, place, store.BlobOptions{Spool: t.TempDir()}) }
	})
}

func TestS3PrefixKeepsToItself(t *testing.T) {
	place := startS3(t)(t)
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
	server := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
	place := "s3://bucket?region=us-east-1&use_path_style=true&endpoint=" + server.URL
	b := openBlobs(t, place, store.BlobOptions{})
	if err := b.Ready(t.Context()); recon.CodeOf(err) != recon.Unavailable {
		t.Errorf("ready without a bucket: %v", err)
	}
	server.Close()
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
