package pacs

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/closer-mri/closer/recon"
)

// checkURL refuses what would end in logs with secrets in it, or leads nowhere.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return recon.Errorf(recon.Invalid, "the archive's address is not of the form https://host:port/dicom-web")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return recon.Errorf(recon.Invalid, "the archive's address has more than host and path; credentials belong into their file")
	}
	return nil
}

// authorization is the header that the credentials make, "" for none.
func (s *Sender) authorization() (string, error) {
	if s.Credentials == "" {
		return "", nil
	}
	data, err := os.ReadFile(s.Credentials)
	if err != nil {
		return "", recon.Errorf(recon.Invalid, "the archive's credentials cannot be read: %w", err)
	}
	scheme, secret, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	switch secret = strings.TrimSpace(secret); {
	case strings.EqualFold(scheme, "basic") && strings.Contains(secret, ":"):
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(secret)), nil
	case strings.EqualFold(scheme, "bearer") && secret != "" && !strings.ContainsAny(secret, " \r\n\t"):
		return "Bearer " + secret, nil
	}
	return "", recon.Errorf(recon.Invalid, "the file of the archive's credentials holds neither \"Basic USER:PASSWORD\" nor \"Bearer TOKEN\"")
}

const dicomJSON = "application/dicom+json"

// slowest is the rate, in bytes a second, below which an archive takes too long.
const slowest = 100 << 10

// store sends files in one request; nil when the archive has them all.
func (s *Sender) store(ctx context.Context, files []recon.Artifact) error {
	authorization, err := s.authorization()
	if err != nil {
		return err
	}
	boundary := multipart.NewWriter(io.Discard).Boundary()
	var size length
	if err := encode(&size, boundary, files, func(w io.Writer, a recon.Artifact) error { size += length(a.Size); return nil }); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute+time.Duration(size/slowest)*time.Second)
	defer cancel()
	body, content := io.Pipe()
	go func() {
		content.CloseWithError(encode(content, boundary, files, func(w io.Writer, a recon.Artifact) error {
			r, err := s.Blobs.Open(ctx, a.SHA256)
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(w, r)
			return err
		}))
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(s.URL, "/")+"/studies", body)
	if err != nil {
		return err
	}
	request.ContentLength = int64(size)
	request.Header.Set("Content-Type", `multipart/related; type="application/dicom"; boundary=`+boundary)
	request.Header.Set("Accept", dicomJSON)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	said := parseAnswer(response.Header.Get("Content-Type"), text)
	return judgeAnswer(response.StatusCode, retryAfter(response.Header), said, len(files))
}

// encode writes files as the parts of multipart/related; content writes one.
func encode(w io.Writer, boundary string, files []recon.Artifact, content func(io.Writer, recon.Artifact) error) error {
	m := multipart.NewWriter(w)
	if err := m.SetBoundary(boundary); err != nil {
		return err
	}
	for _, file := range files {
		part, err := m.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		if err == nil {
			err = content(part, file)
		}
		if err != nil {
			return err
		}
	}
	return m.Close()
}

// length counts what is written to it.
type length int64

func (l *length) Write(p []byte) (int, error) { *l += length(len(p)); return len(p), nil }

func retryAfter(h http.Header) time.Duration {
	seconds, _ := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	return time.Duration(seconds) * time.Second
}

// failure is why an archive does not have a series.
type failure struct {
	reason  string
	lasting bool          // another attempt will not change it
	after   time.Duration // what the archive asks to wait
}

func (f *failure) Error() string { return f.reason }

// failureOf is what is kept of any error: no URL, and no text of ours that is not meant to be shown.
func failureOf(err error) *failure {
	var f *failure
	var own *recon.Error
	var transport *url.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &own):
		return &failure{reason: own.Error(), lasting: own.Code == recon.NotFound}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{reason: "the archive takes too long"}
	case errors.As(err, &transport):
		return &failure{reason: fmt.Sprintf("the archive cannot be reached: %v", transport.Err)}
	}
	return &failure{reason: fmt.Sprintf("the archive cannot be reached: %v", err)}
}
