package dicomio

import (
	"archive/tar"
	"bufio"
	"errors"
	"io"
	"strings"
)

// Stored is a DICOM file in a store of content by its SHA-256: content of its own, or a part of an archive of WriteArchive.
type Stored struct {
	SHA256 string // of the file, lower-case hex
	Size   int64
	within string // SHA-256 of the archive, "" for content of its own
	offset int64  // in the archive
}

// Contents returns the DICOM files that content is or holds; none when it is something else. It reads no more than it must. A
// damaged archive is Invalid.
func Contents(content io.Reader, whole Stored) ([]Stored, error) {
	buffered := bufio.NewReaderSize(content, 512)
	head, err := buffered.Peek(512)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case isPart10(head):
		return []Stored{whole}, nil
	case !isArchive(head):
		return nil, nil
	}
	var files []Stored
	offset := int64(0)
	skipping := io.Reader(buffered)
	if seeker, ok := content.(io.ReadSeeker); ok {
		if _, err := seeker.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		skipping = seeker
	}
	for r := tar.NewReader(skipping); ; {
		h, err := r.Next()
		switch {
		case err == io.EOF:
			return files, nil
		case errors.Is(err, tar.ErrHeader), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, refuse("the tar archive is damaged")
		case err != nil:
			return nil, err
		}
		offset += 512 // WriteArchive writes plain headers
		files = append(files, Stored{SHA256: strings.TrimSuffix(h.Name, ".dcm"), Size: h.Size, within: whole.SHA256, offset: offset})
		offset += (h.Size + 511) / 512 * 512
	}
}

// Open returns the bytes of the file, given how content is opened.
func (s Stored) Open(content func(sha256 string) (io.ReadCloser, error)) (io.ReadCloser, error) {
	if s.within == "" {
		return content(s.SHA256)
	}
	c, err := content(s.within)
	if err != nil {
		return nil, err
	}
	if seeker, ok := c.(io.Seeker); ok {
		_, err = seeker.Seek(s.offset, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, c, s.offset)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(c, s.Size), c}, nil
}
