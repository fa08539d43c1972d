package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/internal/durable"
)

// deidentifier is what takes the patient out of DICOM files; nil when none is asked for.
func (o serveOptions) deidentifier() (func(io.Reader) ([]byte, error), error) {
	if o.deidentify == "" {
		return nil, nil
	}
	secret, err := os.ReadFile(o.deidentify)
	if errors.Is(err, fs.ErrNotExist) {
		secret = []byte(rand.Text() + rand.Text() + "\n")
		err = durable.Write(o.deidentify, secret, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("the secret of --deidentify-ingest: %w", err)
	}
	d, err := dicomio.NewDeidentifier(bytes.TrimSpace(secret))
	if err != nil {
		return nil, err
	}
	return d.Read, nil
}
