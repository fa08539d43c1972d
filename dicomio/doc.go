// Package dicomio writes reconstructions as DICOM series and reads the magnitude images of DICOM files.
//
// Written objects are classic MR Image Storage (PS3.3 A.4): one instance a slice, one series a method, Explicit VR Little
// Endian, 16 bit unsigned. WriteSeries writes a method's images, WriteReference the reference that came with the file, WriteMap
// any other image computed from them. With Options.Enhanced a series is one enhanced MR image (PS3.3 A.36) instead, a slice a frame.
// Read reads one file or a directory as a Volume.
//
// # Stored values
//
// A stored value times the slope is the value in the units of reconstruction.h5. These are those of the input, but for a DICOM source,
// whose values are scaled to those of raw data: there Options.Scale leads back to the values of the source. The slope is one
// number a series: Intensity/16384, where recon.Reconstruction.Intensity is the 99.5th percentile of the zero-filled volume, doubled until the
// brightest pixel of the series fits in 65535. Nothing is ever clipped. As Intensity belongs to the scan, all series of a scan
// normally share one slope, and a viewer that synchronises window and level compares like with like. The rounding error is half
// a step, 1/32768 of Intensity. The slope is written in the RealWorldValueMappingSequence (PS3.3 C.7.6.16.2.11), in the units of the input, and not as
// RescaleSlope, which the classic MR image does not have. The default window shows 0 to 1.1 times Intensity in every series,
// whatever its slope.
//
// When Intensity is 0 the brightest pixel of the series takes its place; an image of zeros has slope 1.
//
// # Geometry
//
// fastMRI files hold no position of the patient, so the geometry is nominal and ImageComments says so. The spacing is that of
// the header, or DefaultSpacing and DefaultThickness; slices are contiguous; the volume of all slices of the scan is centred on
// the origin; the plane is coronal or sagittal when the acquisition's name begins with COR or SAG, and axial otherwise.
// ImagePositionPatient is the centre of the first pixel transmitted, not the image's corner or centre (PS3.3 C.7.6.2.1.1). All
// series of a scan share one frame of reference, so that viewers link them.
//
// ISMRMRD raw data say of each acquisition where its field of view is centred and which way readout and phase encode go. Where they agree,
// images lie there; repetitions have one place and a number in time. Their rows and columns are exchanged and mirrored so that readers find the
// patient as they expect: what is nearest to axial from the feet with the front on top, coronal from the front and sagittal from the left
// with the head on top. Otherwise their geometry is nominal, too, with rows along phase encode and columns along readout.
//
// A series made from DICOM (Options.Origin) lies where its source does and shares its frame of reference. An image larger or
// smaller than the source, as of a square matrix around an oblong image, has the source's centre. Images are in the order of their
// positions, those at one position in the order of their echo times, and each says the sequence of its source image.
//
// # Identity
//
// Every UID is 2.25 followed by a UUID as a decimal number (PS3.5 B.2). Study and frame of reference derive from the SHA-256 of
// the input file; a series from that, its recipe, its scale and its pixels; an instance from its series and its slice. The same
// input and recipe give the same UIDs and, with the same Options, the same bytes, and two objects with different pixels never
// share a UID. The clock is an input: Options.Now dates the files, no UID depends on it, and without it they carry no dates.
//
// Patient and study of a DICOM source, or of raw data that name them (Options.Subject), travel into the objects made from it and nowhere
// else; of other inputs no patient attribute is copied. Where raw data have no place, their frame of reference is not carried. Every
// object is marked as research, not for diagnostic use.
package dicomio
