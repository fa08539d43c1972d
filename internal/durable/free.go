package durable

import "syscall"

// Free is how many bytes programs without privileges can still write to the disk of a directory, and their share of the disk, 0 to 1.
func Free(dir string) (bytes int64, share float64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	return int64(s.Bavail) * s.Bsize, float64(s.Bavail) / max(1, float64(s.Blocks)), nil
}
