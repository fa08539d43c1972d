package dicomio

import (
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
)

// withMapped calls f with the bytes of a file of up to MaxFile. They are mapped and not read: what f does not look at never comes into
// memory. They are gone when f has returned.
func withMapped(path string, f func(file []byte) error) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case info.Size() > MaxFile:
		return refuse("the DICOM file is larger than %d MiB", MaxFile>>20)
	case info.Size() == 0: // which cannot be mapped
		return f(nil)
	}
	data, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map a file: %w", err)
	}
	defer syscall.Munmap(data)
	// A disk that fails, or a file that somebody cuts short meanwhile, is a fault of memory; it is to end this call alone.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case interface {
			error
			Addr() uintptr
		}:
			err = fmt.Errorf("read a mapped file: %w", fault)
		default:
			panic(fault)
		}
	}()
	return f(data)
}
