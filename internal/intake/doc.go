// Package intake makes inputs of DICOM objects: of those that come in one request when it ends, of those that come in several when
// their sender commits them. A series of one file is that file, of several an archive of them (dicomio.WriteArchive), so that the same
// series is the same input, in whatever order and however many requests it came.
package intake
