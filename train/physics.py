"""The measurement, as the Go package kspace defines it: centred orthonormal FFT, phase encode on the last axis, 1-D masks."""
import math

import numpy as np
import torch

# Acceleration -> fraction of fully sampled central columns (CCDF paper, section 4.1; x8 is an extension).
ACS_FRACTION = {2: 0.10, 4: 0.08, 6: 0.06, 8: 0.04}
SETTLING = 6  # gradient steps, as kspace.Settling


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


def fastmri1d(nx: int, accel: float, acs: float, rng: np.random.Generator, kind: str) -> np.ndarray:
    """Mask of nx columns as fastMRI's subsample.py draws it, of a kind of kspace's: random, equispaced or equispaced_fraction."""
    mask, n_acs = np.zeros(nx, bool), round(nx * acs)
    if kind == "random":
        mask = rng.uniform(size=nx) < (nx / accel - n_acs) / (nx - n_acs)
    elif kind == "equispaced":
        mask[rng.integers(round(accel))::round(accel)] = True
    else:  # a step that makes room for the ACS
        step = accel * (n_acs - nx) / (n_acs * accel - nx)
        mask[np.arange(rng.integers(round(step)), nx - 1, step).round().astype(int)] = True
    start = (nx - n_acs + 1) // 2
    mask[start:start + n_acs] = True
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


def ring(coils: int, ny: int, nx: int, rng: np.random.Generator) -> np.ndarray:
    """Sensitivity maps (coils, ny, nx), sum of squares 1, of loops around the object as closer's phantom has them: a slice cuts each in two
    wires of opposite current (Biot and Savart). Rows are ny consecutive ones of nx."""
    y0 = rng.uniform(-1, 1 - 2 * ny / nx) if ny < nx else -1
    z = np.linspace(-1, 1, nx) + 1j * (y0 + 2 / nx * np.arange(ny))[:, None]
    middle, half = 2 * np.pi * np.arange(coils) / coils + rng.uniform(0, 2 * np.pi), min(1.1 * np.pi / coils, np.pi / 4.5)
    wires = rng.uniform(1.3, 1.8) * np.exp(1j * (middle + half * np.array([[-1], [1]])))
    d = z - wires[:, :, None, None]
    field = d.conj() / (np.abs(d) ** 2 + 0.04)  # a wire has a thickness
    maps = field[0] - field[1]
    return (maps / np.linalg.norm(maps, axis=0)).astype(np.complex64)


def project(x: torch.Tensor, y: torch.Tensor, mask: torch.Tensor, maps: torch.Tensor | None = None) -> torch.Tensor:
    """x + A^H(y - A x). Of one coil it is hard data consistency: sampled k-space columns of x become those of y (n, ny, nx). Of several,
    whose y and maps are (n, coils, ny, nx), it is a gradient step."""
    if maps is None:
        return ifft2c(torch.where(mask, y, fft2c(x)))
    return x + combine(ifft2c(mask * (y - fft2c(maps * x.unsqueeze(1)))), maps)


def settle(x: torch.Tensor, y: torch.Tensor, mask: torch.Tensor, maps: torch.Tensor | None, steps: int = SETTLING) -> torch.Tensor:
    """x towards the measurement by gradient steps with Nesterov's momentum, as closer's score.settle; of one coil the first goes all the way."""
    if maps is None:
        return project(x, y, mask)
    before, t = x, 1.0
    for _ in range(steps):
        now, following = project(x, y, mask, maps), (1 + math.sqrt(1 + 4 * t * t)) / 2
        before, x, t = now, now + (t - 1) / following * (now - before), following
    return before


def combine(coils: torch.Tensor, maps: torch.Tensor | None) -> torch.Tensor:
    """One image (n, ny, nx) of coil images (n, coils, ny, nx), or of one coil without maps the image itself."""
    return coils if maps is None else (maps.conj() * coils).sum(1)


def channels(x: torch.Tensor) -> torch.Tensor:
    """Complex (n, ny, nx) -> float (n, 2, ny, nx)."""
    return torch.view_as_real(x).permute(0, 3, 1, 2).contiguous()


def as_complex(x: torch.Tensor) -> torch.Tensor:
    """Float (n, 2, ny, nx) -> complex (n, ny, nx)."""
    return torch.view_as_complex(x.float().permute(0, 2, 3, 1).contiguous())
