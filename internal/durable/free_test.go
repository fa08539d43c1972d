package durable

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestFree against what df says; others write to the disk meanwhile.
func TestFree(t *testing.T) {
	dir := t.TempDir()
	out, err := exec.Command("df", "--output=avail,size", "-B1", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(out))
	avail, _ := strconv.ParseFloat(fields[len(fields)-2], 64)
	size, _ := strconv.ParseFloat(fields[len(fields)-1], 64)
	free, share, err := Free(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := float64(free)/avail - 1; d < -0.1 || d > 0.1 {
		t.Errorf("%d bytes are free, %.0f says df", free, avail)
	}
	if d := share - avail/size; d < -0.05 || d > 0.05 {
		t.Errorf("a share of %.3f is free, %.3f says df", share, avail/size)
	}
	if _, _, err := Free(filepath.Join(dir, "missing")); err == nil {
		t.Error("a directory that is not there has room")
	}
}
