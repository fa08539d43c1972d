package testkit

import (
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// S3 is an S3-compatible server on loopback, whose content outlives Stop.
type S3 struct {
	backend *s3mem.Backend
	address string
	server  *http.Server
	buckets atomic.Int32
}

// StartS3 starts a server that is stopped with the test. It takes any credentials, which the caller must have in the environment
// as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
func StartS3(t *testing.T) *S3 {
	t.Helper()
	s := &S3{backend: s3mem.New(), address: "127.0.0.1:0"}
	s.Start(t)
	t.Cleanup(s.Stop)
	return s
}

// Start listens, after Stop at the same address.
func (s *S3) Start(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	s.server = &http.Server{Handler: gofakes3.New(s.backend).Server()}
	go s.server.Serve(listener)
}

// Stop ends the listener and all connections, those in use too.
func (s *S3) Stop() { s.server.Close() }

// NewBucket makes a bucket and returns its place, as closer takes it.
func (s *S3) NewBucket(t *testing.T) string {
	t.Helper()
	name := fmt.Sprint("bucket", s.buckets.Add(1))
	if err := s.backend.CreateBucket(name); err != nil {
		t.Fatal(err)
	}
	return s.Place(name)
}

// Place is where a bucket of that name is, whether it exists or not.
func (s *S3) Place(bucket string) string {
	return fmt.Sprintf("s3://%s?region=us-east-1&use_path_style=true&endpoint=http://%s", bucket, s.address)
}
