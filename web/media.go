package web

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
)

// The two kinds of scan.
const (
	mediaHDF5  = "application/x-hdf5"
	mediaDICOM = "application/dicom"
)

// declared returns the canonical form of a Content-Type that may hold a scan: mediaHDF5, mediaDICOM, or "" when it does not say.
func declared(contentType string) (string, error) {
	if contentType == "" {
		return "", nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err == nil {
		switch media {
		case mediaHDF5, "application/vnd.hdfgroup.hdf5":
			return mediaHDF5, nil
		case mediaDICOM:
			return mediaDICOM, nil
		case "application/octet-stream":
			return "", nil
		}
	}
	return "", problemf(http.StatusUnsupportedMediaType, "a scan is sent as %s or %s", mediaHDF5, mediaDICOM)
}

// checkMedia compares a file's first bytes with the declared kind.
func checkMedia(path, declared string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the spool: %w", err)
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 132))
	if err != nil {
		return fmt.Errorf("read the spool: %w", err)
	}
	found, name := sniff(head)
	switch {
	case found == "":
		return problemf(http.StatusUnsupportedMediaType, "the body is %s; expected an HDF5 or a DICOM file", name)
	case declared != "" && declared != found:
		return problemf(http.StatusUnsupportedMediaType, "the body is %s, but was declared as %s", name, declared)
	}
	return nil
}

const hdf5Signature = "\x89HDF\r\n\x1a\n"

// sniff tells a scan by its first bytes, up to 132 of them: HDF5's signature or the DICM of PS3.10, section 7.1.
func sniff(head []byte) (media, name string) {
	switch {
	case bytes.HasPrefix(head, []byte(hdf5Signature)):
		return mediaHDF5, "an HDF5 file"
	case len(head) >= 132 && string(head[128:132]) == "DICM":
		return mediaDICOM, "a DICOM file"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return "", "a ZIP archive"
	default:
		return "", "of an unknown kind"
	}
}
