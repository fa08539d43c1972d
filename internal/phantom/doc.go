// Package phantom makes scans without patients: an analytic axial head, receive coils, and the forward simulation that turns
// any magnitude images into the k-space a scanner would have stored.
//
// Geometry. Lengths inside the package are millimetres. The field of view is 220 mm square, as in fastMRI brain scans; x runs
// along columns to the right of the picture (the patient's left), y along rows to the back of the head, and (0, 0) is pixel
// (n/2, n/2) of any n × n image, so that images of different resolution have the same centre. Slices run from the foot side up.
//
// Intensity. 1.0 is the brightest tissue of a contrast. Raw data are scaled by RawScale, as fastMRI files are.
//
// No inverse crime: Head draws on a grid three times finer than the acquired one, and the simulated scanner keeps only the
// centre of its k-space. Edges therefore ring, thin structures fade by partial volume, and no reconstruction can be exact by
// knowing how the picture was drawn.
//
// Invention becomes visible in two places whose truth is documented: LinePairs, two resolution inserts beside the head whose
// finest bars lie beyond the resolution of the scan and must stay grey, and Lesions, which must neither vanish nor multiply.
package phantom

// FOV is the side of the reconstructed field of view in mm.
const FOV = 220.0

// RawScale is the raw signal of the brightest tissue in an image made by the orthonormal inverse FFT; fastMRI files have a few 1e-4.
const RawScale = 2e-4
