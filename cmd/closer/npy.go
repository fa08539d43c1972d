package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/closer-mri/closer/internal/phantom"
	"github.com/closer-mri/closer/recon"
)

// npyPixels bounds what a .npy file may declare: 64 Mi pixels.
const npyPixels = 1 << 26

var (
	npyDescr = regexp.MustCompile(`'descr':\s*'([<|])([fui])([1248])'`)
	npyShape = regexp.MustCompile(`'shape':\s*\(([0-9, ]*)\)`)
)

// readNPY reads magnitude images (slices, ny, nx) or one image (ny, nx) from numpy's format, version 1 or 2, C order,
// little-endian floats or integers.
func readNPY(r io.Reader) (*phantom.Volume, error) {
	in := bufio.NewReader(r)
	header, err := npyHeader(in)
	if err != nil {
		return nil, err
	}
	descr, shape := npyDescr.FindStringSubmatch(header), npyShape.FindStringSubmatch(header)
	if descr == nil || shape == nil || strings.Contains(header, "'fortran_order': True") {
		return nil, recon.Errorf(recon.Invalid, "the .npy file must hold little-endian real numbers in C order; its header does not say so")
	}
	var n []int
	pixels := 1
	for _, field := range strings.Split(strings.Trim(shape[1], ", "), ",") {
		v, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || v < 1 || v > npyPixels || pixels > npyPixels/v {
			return nil, recon.Errorf(recon.Invalid, "the .npy file declares shape (%s); expected at most %d pixels", shape[1], npyPixels)
		}
		pixels *= v
		n = append(n, v)
	}
	if len(n) == 2 {
		n = append([]int{1}, n...)
	}
	if len(n) != 3 {
		return nil, recon.Errorf(recon.Invalid, "the .npy file has %d dimensions; expected (slices, rows, columns)", len(n))
	}
	size := int(descr[3][0] - '0')
	raw := make([]byte, n[1]*n[2]*size)
	images := make([][]float32, n[0])
	for i := range images {
		if _, err := io.ReadFull(in, raw); err != nil {
			return nil, recon.Errorf(recon.Invalid, "the .npy file ends within image %d of %d", i, n[0])
		}
		images[i] = make([]float32, n[1]*n[2])
		for j := range images[i] {
			v, err := npyValue(descr[2]+descr[3], raw[j*size:(j+1)*size])
			if err != nil {
				return nil, err
			}
			images[i][j] = float32(math.Abs(v))
		}
	}
	v, err := phantom.NewVolume(n[1], n[2], images)
	if err != nil {
		return nil, recon.Errorf(recon.Invalid, "%w", err)
	}
	return v, nil
}

func npyHeader(in io.Reader) (string, error) {
	var magic [8]byte
	if _, err := io.ReadFull(in, magic[:]); err != nil || string(magic[:6]) != "\x93NUMPY" {
		return "", recon.Errorf(recon.Invalid, "the file does not begin as a .npy file")
	}
	var length uint32
	if magic[6] == 1 {
		var short uint16
		if err := binary.Read(in, binary.LittleEndian, &short); err != nil {
			return "", recon.Errorf(recon.Invalid, "the .npy file ends within its header")
		}
		length = uint32(short)
	} else if err := binary.Read(in, binary.LittleEndian, &length); err != nil || length > 1<<16 {
		return "", recon.Errorf(recon.Invalid, "the .npy file's header is damaged")
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(in, header); err != nil {
		return "", recon.Errorf(recon.Invalid, "the .npy file ends within its header")
	}
	return string(header), nil
}

func npyValue(kind string, b []byte) (float64, error) {
	le := binary.LittleEndian
	switch kind {
	case "f4":
		return float64(math.Float32frombits(le.Uint32(b))), nil
	case "f8":
		return math.Float64frombits(le.Uint64(b)), nil
	case "u1":
		return float64(b[0]), nil
	case "i1":
		return float64(int8(b[0])), nil
	case "u2":
		return float64(le.Uint16(b)), nil
	case "i2":
		return float64(int16(le.Uint16(b))), nil
	case "u4":
		return float64(le.Uint32(b)), nil
	case "i4":
		return float64(int32(le.Uint32(b))), nil
	case "u8":
		return float64(le.Uint64(b)), nil
	case "i8":
		return float64(int64(le.Uint64(b))), nil
	}
	return 0, fmt.Errorf("numbers of type %s are not read", kind)
}
