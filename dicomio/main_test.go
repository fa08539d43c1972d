package dicomio

import (
	"os"
	"testing"

	"github.com/closer-mri/closer/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main() // returns unless this process is the sandboxed child of a test
	os.Exit(m.Run())
}
