package main

import (
	"math"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web"
)

// The least that flags for times may say. A lease is renewed several times, and an upload may pause for as long as a network is away.
const (
	minLease       = time.Second
	minKeepUploads = span(time.Hour)
)

// maxUploadMiB is what a number of bytes can say.
const maxUploadMiB = math.MaxInt64 >> 20

// check refuses flags that cannot be meant, and to be open to a network without being told so.
func (o serveOptions) check() error {
	if err := o.engine.check(); err != nil {
		return err
	}
	if err := o.checkNumbers(); err != nil {
		return err
	}
	if err := o.checkAddresses(); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(o.listen)
	switch {
	case err != nil:
		return recon.Errorf(recon.Invalid, "--listen %q is not of the form host:port", o.listen)
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return recon.Errorf(recon.Invalid, "--tls-cert and --tls-key belong together")
	case o.pacs == "" && o.pacsCredentials != "":
		return recon.Errorf(recon.Invalid, "--pacs-credentials needs --pacs")
	case o.pacsCredentials != "" && !o.insecure && !private(o.pacs):
		return recon.Errorf(recon.Invalid, "the credentials of --pacs would travel in clear: use https, or say --insecure")
	case !web.Loopback(host) && !o.insecure && (o.tlsCert == "" || o.keys == ""):
		return recon.Errorf(recon.Invalid, "%s can be reached from elsewhere: give --tls-cert, --tls-key and --keys, or --insecure", o.listen)
	}
	return nil
}

func (o serveOptions) checkNumbers() error {
	switch {
	case o.workers < 0 || o.uploadsPerClient < 0:
		return recon.Errorf(recon.Invalid, "--workers or --uploads-per-client is negative")
	case o.maxUpload < 1 || o.maxUpload > maxUploadMiB:
		return recon.Errorf(recon.Invalid, "--max-upload %d is not a number of MiB from 1 to %d", o.maxUpload, int64(maxUploadMiB))
	case o.attempts < 1:
		return tooFewAttempts(o.attempts)
	case o.queueLimit < 0:
		return recon.Errorf(recon.Invalid, "--queue-limit %d is negative; 0 is no limit", o.queueLimit)
	case o.replicas < 0:
		return recon.Errorf(recon.Invalid, "--replicas is negative")
	case o.replicas > 1 && o.nats == "":
		return recon.Errorf(recon.Invalid, "--replicas %d needs --nats: the queue in --data is one server", o.replicas)
	case o.lease != 0 && o.lease < minLease:
		return recon.Errorf(recon.Invalid, "--lease %v is less than %v", o.lease, minLease)
	case o.keepUploads != 0 && o.keepUploads < minKeepUploads:
		return recon.Errorf(recon.Invalid, "--keep-uploads %v is less than an hour; 0 keeps them for ever", &o.keepUploads)
	}
	return nil
}

// tooFewAttempts is the refusal of a number of lost workers with which no job could run.
func tooFewAttempts(n int) error {
	return recon.Errorf(recon.Invalid, "--attempts %d is not a number from 1", n)
}

func (o serveOptions) checkAddresses() error {
	for _, origin := range o.dicomOrigins {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || !isHTTP(u) || origin != u.Scheme+"://"+strings.ToLower(u.Host)) {
			return recon.Errorf(recon.Invalid, "--dicomweb-origin %q is not an origin as browsers write it, such as https://viewer.example.org, without a path, or *", origin)
		}
	}
	if u, err := url.Parse(o.dicomURL); o.dicomURL != "" && (err != nil || !isHTTP(u)) {
		return recon.Errorf(recon.Invalid, "--dicomweb-url %q is not a URL such as https://mri.example.org/dicom-web", o.dicomURL)
	}
	if u, err := url.Parse(o.blobs); strings.HasPrefix(o.blobs, "s3://") && (err != nil || u.Host == "") {
		return recon.Errorf(recon.Invalid, "--blobs %q names no bucket: it is s3://BUCKET?region=REGION, elsewhere than at Amazon with &endpoint=URL&use_path_style=true", o.blobs)
	}
	return nil
}

// isHTTP reports whether a URL is whole, and of the web.
func isHTTP(u *url.URL) bool { return (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" }

// private reports whether nobody else hears what is sent to a URL.
func private(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || web.Loopback(u.Hostname()))
}
