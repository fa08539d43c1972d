package main

import (
	"bytes"
	"testing"
)

// Whatever the bytes, readNPY returns images of the declared shape or an error, and allocates no more than npyPixels allow.
func FuzzReadNPY(f *testing.F) {
	f.Add([]byte("\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 2), }       \n\x00\x00\x80\x3f\x00\x00\x00\x40"))
	f.Add([]byte("\x93NUMPY\x01\x00\x40\x00{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }     \n\x01\x02\x03\x04\x05\x06"))
	f.Add([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := readNPY(bytes.NewReader(data))
		if err != nil {
			return
		}
		for i := range v.Len() {
			if x, err := v.Slice(i); err != nil || len(x.Pix) == 0 {
				t.Errorf("slice %d: %d pixels, %v", i, len(x.Pix), err)
			}
		}
	})
}
