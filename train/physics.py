"""The measurement, as the Go package kspace defines it: centred orthonormal FFT, phase encode on the last axis, 1-D masks."""
import math

import numpy as np
import torch

# Acceleration -> fraction of fully sampled central columns (CCDF paper, section 4.1; x8 is an extension).
ACS_FRACTION = {2: 0.10, 4: 0.08, 6: 0.06, 8: 0.04}


def fft2c(x: torch.Tensor) -> torch.Tensor:
    """Image (..., ny, nx) complex -> k-space, zero frequency at (ny//2, nx//2), orthonormal."""
    return torch.fft.fftshift(torch.fft.fft2(torch.fft.ifftshift(x, dim=(-2, -1)), norm="ortho"), dim=(-2, -1))


def ifft2c(k: torch.Tensor) -> torch.Tensor:
    """The adjoint, and inverse, of fft2c."""
    return torch.fft.fftshift(torch.fft.ifft2(torch.fft.ifftshift(k, dim=(-2, -1)), norm="ortho"), dim=(-2, -1))


def gaussian1d(nx: int, accel: float, acs: float, rng: np.random.Generator | np.random.RandomState, mode: str = "exact") -> np.ndarray:
    """Gaussian 1-D mask of nx columns; 'exact' keeps int(nx/accel) columns, 'score-mri' repeats that code's defects.

    With rng = np.random.RandomState(seed) it is kspace's mask of that seed, for accelerations from 2: nearer to 1 kspace stops drawing
    where the last columns lie too far out, and fills them in from the centre.
    """
    mask, columns = np.zeros(nx, bool), int(nx / accel)  # 11 // 2.2 is 4
    n_acs = int(nx * acs)
    start = nx // 2 - n_acs // 2
    mask[start:start + n_acs] = True
    if mode == "score-mri":
        drawn = rng.normal(nx // 2, nx * 15 / 128, int(columns * 1.2)).astype(int)
        mask[np.clip(drawn, 0, nx - 1)] = True
        return mask
    while mask.sum() < columns:
        column = math.floor(rng.normal(nx // 2, nx * 15 / 128) + 0.5)
        if 0 <= column < nx:
            mask[column] = True
    return mask


def smooth_phase(ny: int, nx: int, rng: np.random.Generator) -> np.ndarray:
    """A unit-modulus map: constant + second-order polynomial + a few slow waves, as B0 and receive coils give."""
    y, x = np.meshgrid(np.linspace(-1, 1, ny), np.linspace(-1, 1, nx), indexing="ij")
    phase = rng.uniform(-np.pi, np.pi) + rng.normal(0, 1.0) * x + rng.normal(0, 1.0) * y
    phase = phase + rng.normal(0, 0.5) * x * x + rng.normal(0, 0.5) * x * y + rng.normal(0, 0.5) * y * y
    for _ in range(3):
        fy, fx = rng.uniform(-3, 3, 2)
        phase = phase + rng.normal(0, 0.2) * np.cos(fy * y + fx * x + rng.uniform(0, 2 * np.pi))
    return np.exp(1j * phase).astype(np.complex64)


def project(x: torch.Tensor, y: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Hard data consistency of one coil: sampled k-space columns of x become those of y."""
    return ifft2c(torch.where(mask, y, fft2c(x)))


def channels(x: torch.Tensor) -> torch.Tensor:
    """Complex (n, ny, nx) -> float (n, 2, ny, nx)."""
    return torch.view_as_real(x).permute(0, 3, 1, 2).contiguous()


def as_complex(x: torch.Tensor) -> torch.Tensor:
    """Float (n, 2, ny, nx) -> complex (n, ny, nx)."""
    return torch.view_as_complex(x.float().permute(0, 2, 3, 1).contiguous())
