// Package recon is the domain: what a scan is, how methods turn its slices into images, how the result is measured and
// reported. It knows no file format, network runtime or server; those meet it in cmd/closer.
package recon
