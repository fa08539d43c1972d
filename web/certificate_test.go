package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issue writes a certificate of a name and its key, replacing those that are there as renewals do.
func issue(t *testing.T, cert, key, name string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	replace(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// A renewed certificate is served from the next connection on; what is none leaves the last good one.
func TestCertificateIsReadAgain(t *testing.T) {
	dir, log := t.TempDir(), &lockedBuffer{}
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if _, err := Certificate(cert, key, slog.Default()); err == nil || !strings.Contains(err.Error(), "cert.pem") {
		t.Fatalf("files that are not there: %v", err)
	}
	issue(t, cert, key, "first")
	get, err := Certificate(cert, key, slog.New(slog.NewJSONHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	expect := func(name string, refusals int) {
		t.Helper()
		for range 2 { // a refusal is logged once
			if got, err := get(nil); err != nil || got.Leaf.Subject.CommonName != name {
				t.Errorf("%v, %v; want %s", got.Leaf.Subject, err, name)
			}
		}
		if n := strings.Count(log.String(), "remains as it was"); n != refusals {
			t.Errorf("%d refusals in the log, want %d", n, refusals)
		}
	}
	expect("first", 0)
	issue(t, cert, key, "second")
	expect("second", 0)
	replace(t, cert, []byte("no certificate"))
	expect("second", 1)
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	expect("second", 2)
	issue(t, cert, key, "third")
	expect("third", 2)
}
