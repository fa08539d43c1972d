// Package kspace is the physics of Cartesian MRI: images, k-space, the centred orthonormal Fourier transform,
// undersampling masks, coil sensitivity maps, the measurement operator A = M F S with its adjoint, and data consistency.
//
// Conventions, stated once for the whole program (doc/conventions.md has the reasons):
//
//   - Arrays are row-major with shape (slice, coil, ny, nx). Rows (ny) are readout, columns (nx) are phase encode, as in
//     fastMRI files.
//   - Zero frequency sits at (ny/2, nx/2), for odd sizes too. F is orthonormal: ‖Fx‖ = ‖x‖. Forward is image to k-space.
//   - A Mask has one entry per phase-encode column. Samples that were not acquired are exactly zero.
//   - Noise of standard deviation σ means σ in the real part and σ in the imaginary part.
//   - dst comes first. Functions panic on shape mismatch, which is a programmer's error; data from outside is checked before.
//   - Values that hold scratch memory (operators, consistency functions) serve one goroutine at a time.
package kspace
