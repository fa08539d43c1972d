// Package score is the prior and its samplers: a denoiser D(x, σ) ≈ E[x0 | x0 + σn = x], noise schedules, and reverse
// diffusions that pull an image towards the prior while keeping it consistent with measured k-space.
//
// Everything is written in the variance-exploding (VE) notation: the state at level σ is x = x0 + σn with n standard normal in
// the real and in the imaginary part. By Tweedie's formula the score is s(x, σ) = (D − x)/σ² and the predicted noise is
// ε = (x − D)/σ. A variance-preserving state x_vp = √ᾱ·x with σ = √((1−ᾱ)/ᾱ) is the same thing.
//
// A sampler is a function of (machine, x, sigmas) on one screen, in a file of its own, written once in the operations of Machine:
// Kind.Sample runs it on the host, package graph as ONNX graphs. It owns no clock, no randomness and no file. To add one, write that file and register it in its init.
package score
