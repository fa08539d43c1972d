package fastmri

import (
	"os"
	"testing"

	"github.com/closer-mri/closer/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main()
	os.Exit(m.Run())
}
