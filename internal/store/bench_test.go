package store_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
)

// BenchmarkJob is a job through the embedded server: submit, claim, one update, finish, each durable.
func BenchmarkJob(b *testing.B) {
	server, err := store.StartServer(b.TempDir(), store.ServerOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	q, err := store.Connect(b.Context(), server.URL(), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer q.Close()
	for i := 0; b.Loop(); i++ {
		job := testkit.TestJob(fmt.Sprint("job", i))
		if _, _, err := q.Submit(b.Context(), job); err != nil {
			b.Fatal(err)
		}
		lease, err := q.Claim(b.Context(), "a worker")
		if err != nil {
			b.Fatal(err)
		}
		if err := lease.Update(b.Context(), lease.Job().Progress, nil); err != nil {
			b.Fatal(err)
		}
		if err := lease.Finish(b.Context(), nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDirectory stores and reads one upload, hashed both ways.
func BenchmarkDirectory(b *testing.B) {
	blobs, err := anyDisk.Open(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	data := bytes.Repeat([]byte("k-space!"), 8<<20)
	blob, err := blobs.Put(b.Context(), bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Put", func(b *testing.B) {
		b.SetBytes(blob.Size)
		for b.Loop() {
			if _, err := blobs.Put(b.Context(), bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Open", func(b *testing.B) {
		b.SetBytes(blob.Size)
		for b.Loop() {
			r, err := blobs.Open(b.Context(), blob.SHA256)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				b.Fatal(err)
			}
			r.Close()
		}
	})
}
