// Package fastmri reads and writes MRI raw data in the HDF5 layout of the fastMRI data sets, and writes their submission files.
//
// A file holds, at its root:
//
//	kspace               complex64 (S, H, W) or (S, C, H, W): H readout rows with oversampling, W phase-encode columns
//	mask                 (W), test sets only: which columns were acquired; bool, integer or float, every value 0 or 1. Ours too: (H, W),
//	                     which samples were acquired where both axes are phase encode; equal rows mark columns
//	reconstruction_esc   float32 (S, h, w), single coil: the reference
//	reconstruction_rss   float32 (S, h, w), the reference of multi coil
//	ismrmrd_header       string: ISMRMRD XML with the matrices, fields of view and sequence
//	acquisition, max, norm, acceleration, num_low_frequency, simulated    attributes, all optional
//
// patient_id is never read, nor is the subject that an ismrmrd_header may name.
//
// It also reads ISMRMRD raw data of Cartesian acquisitions (group dataset with data and xml) as a scan without a reference, those of 3-D as
// slices across the axis that was sampled throughout: the partitions, or the readout where these were undersampled.
// A noise scan whitens the coils (kspace.Whitening). Calibration lines that were acquired with the image are part of it; others are
// counted in a note of the report. Where the acquisitions of each slice agree on its place, also from repetition to repetition, the scan
// has a Placement, and its slices are in that order. Whom its header names, and in which study, is the Scan's Subject, for DICOM and
// nothing else.
//
// Reading happens in a child process (internal/sandbox): libhdf5 crashes on crafted files and can be told by them to read
// other files. The child refuses whatever points outside the file (soft and external links, external and virtual storage),
// checks datatypes, and multiplies and bounds shapes before anything is allocated. The parent checks again what it is told,
// and that every value is finite. Programs that call Open call sandbox.Main first thing in main.
//
//	scan, err := fastmri.Open(ctx, "file1000000.h5")
//	defer scan.Close()
//	var s recon.Slice // reused: its memory suffices after the first slice
//	for i := range scan.Header().Slices {
//		err := scan.ReadSlice(ctx, i, &s)
//	}
package fastmri
