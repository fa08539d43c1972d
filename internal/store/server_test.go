package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// TestReadyWhileAStreamIsMade: NATS takes a stream for lost whose directory is there before it is. Only what persists is trouble.
func TestReadyWhileAStreamIsMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := StartServer(dir, ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.end()
	<-s.ended // only this test looks
	stream := filepath.Join(dir, "jetstream", "$G", "streams", "made")
	for _, looks := range []int{1, 2} { // the second time it stays lost
		if err := os.MkdirAll(stream, 0o700); err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= looks; n++ {
			if sick := s.look(); sick != n {
				t.Fatalf("look %d found trouble %d times in a row", n, sick)
			}
			if err := s.Ready(); (n == 2) != (recon.CodeOf(err) == recon.Unavailable) {
				t.Errorf("after %d looks the server says %v", n, err)
			}
		}
		if err := os.Remove(stream); err != nil {
			t.Fatal(err)
		}
		if sick := s.look(); sick != 0 || s.Ready() != nil {
			t.Errorf("trouble outlasts its cause: %d, %v", sick, s.Ready())
		}
	}
}
