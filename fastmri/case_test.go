package fastmri

import (
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
)

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	if w.Type() != g.Type() && w.CanConvert(g.Type()) {
		want = w.Convert(g.Type()).Interface()
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// small returns a small valid file, skipping the test without h5py.
func small(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "base.h5")
	if out, err := exec.Command(python, "testdata/gen.py", "base", path).CombinedOutput(); err != nil {
		t.Skipf("no %s with h5py (python3-h5py): %v: %s", python, err, out)
	}
	return path
}
