"""Magnitude slices -> complex training images.

A folder holds, for each split, SPLIT*.npz (key = group, uint8, 170 = 1.0), SPLIT*.h5 (fastMRI) and folders SPLIT*/ of these or of DICOM.
"""
import itertools
from pathlib import Path

import numpy as np
import torch

from . import files
from .physics import ACS_FRACTION, SETTLING, combine, fastmri1d, fft2c, gaussian1d, ifft2c, ring, settle, smooth_phase

# These groups were low-pass filtered by the scanner along image columns: their phase encode axis must be the other one.
FILTERED = ("openms", "cheng", "scdcine")

COILS = np.array([1, 1, 1, 1, 4, 8])  # of a batch, each as likely
FASTMRI = np.array(["random", "equispaced", "equispaced_fraction"])


class Slices:
    """Slices of one split, float32 with 1.0 near the brightest tissue, (320, 320) in our .npz archives; groups () is all of them."""

    def __init__(self, folder: Path, split: str, groups: tuple[str, ...] = ()):
        self.images, self.groups, found = [], [], set()
        for path in self.paths(Path(folder), split):
            for group, image in files.read(path):
                found.add(group)
                if not groups or group in groups:
                    self.images.append(image)
                    self.groups.append(group)
        if not found:
            raise SystemExit(f"{folder}: no slices in {split}*.npz, {split}*.h5 or {split}*/")
        if missing := set(groups) - found:
            raise SystemExit(f"{folder}: {split} has slices of {', '.join(sorted(found))}, none of {', '.join(sorted(missing))}")

    @staticmethod
    def paths(folder: Path, split: str):
        """The files of a split; a folder stands for the archives and volumes below it, and for its DICOM images."""
        for path in sorted(folder.glob(f"{split}*")):
            if path.is_dir():
                yield from sorted(p for p in path.rglob("*") if p.suffix in (".h5", ".npz"))
            yield path

    def __len__(self):
        return len(self.images)

    def evenly(self, n: int) -> list[int]:
        """n slices, evenly spaced, without the ends."""
        return [int(i) for i in np.linspace(0, len(self) - 1, n + 2)[1:-1]]

    def keep(self, chosen: list[int]):
        """Forget the other slices."""
        self.images, self.groups = ([values[i] for i in chosen] for values in (self.images, self.groups))

    def magnitude(self, i: int) -> np.ndarray:
        """Slice i with a phase encode axis (columns) that the scanner did not filter."""
        image = self.images[i]
        if image.dtype == np.uint8:
            image = image.astype(np.float32) / 170
        return image.T.copy() if self.groups[i] in FILTERED else image


def patients(folder: Path) -> dict[str, int]:
    """How many patients each split names. Ends the program where two splits have one in common: what was seen in training proves nothing."""
    named = {split: set().union(*map(files.patients, Slices.paths(Path(folder), split))) for split in ("train", "val", "test")}
    for a, b in itertools.combinations(named, 2):
        if n := len(named[a] & named[b]):
            raise SystemExit(f"{folder}: {a} and {b} have {n} of their patients in common (by PatientID or patient_id), and each may be in one alone")
    return {split: len(names) for split, names in named.items()}


def crop_band(image: np.ndarray, n: int) -> np.ndarray:
    """Keep the central n x n of k-space: the same object at true resolution n, without the scanner's empty margin."""
    k = np.fft.fftshift(np.fft.fft2(image, norm="ortho"))
    o = (image.shape[0] - n) // 2
    return np.abs(np.fft.ifft2(np.fft.ifftshift(k[o:o + n, o:o + n]), norm="ortho")).astype(np.float32) * (n / image.shape[0])


def at_least(image: np.ndarray, ny: int, nx: int) -> np.ndarray:
    """The image, with zeros behind each axis that is shorter."""
    return np.pad(image, [(0, max(0, n - s)) for n, s in zip((ny, nx), image.shape)])


class Augment:
    """Draws random complex crops. rng makes the stream reproducible."""

    def __init__(self, slices: Slices, rng: np.random.Generator):
        self.slices, self.rng = slices, rng

    def image(self, any_axis: bool) -> np.ndarray:
        """One whole complex image; any_axis allows the transposed one (no phase encode axis to respect)."""
        rng = self.rng
        for _ in range(8):  # skip nearly empty slices
            image = self.slices.magnitude(rng.integers(len(self.slices)))
            if (image > 0.1).mean() > 0.05:
                break
        if image.shape == (320, 320) and rng.random() < 0.4:
            image = crop_band(image, int(rng.choice([224, 240, 256, 288])))
        if any_axis and rng.random() < 0.5:
            image = image.T
        if rng.random() < 0.5:
            image = image[::-1]
        if rng.random() < 0.5:
            image = image[:, ::-1]
        image = image ** rng.uniform(0.8, 1.25) if rng.random() < 0.3 else image
        image = image * np.exp(rng.uniform(np.log(0.6), np.log(1.4)))
        if rng.random() < 0.2:  # the papers' protocol: zero phase
            return image.astype(np.complex64)
        return (image * smooth_phase(*image.shape, rng)).astype(np.complex64)

    def patches(self, n: int, size: int) -> torch.Tensor:
        """n complex patches (n, size, size), preferring those that hold anatomy; a smaller image is set in zeros."""
        out = np.empty((n, size, size), np.complex64)
        for i in range(n):
            if i % 2 == 0:  # two patches from each image
                image = at_least(self.image(any_axis=True), size, size)
            for _ in range(4):
                y, x = (self.rng.integers(0, s - size + 1) for s in image.shape)
                out[i] = image[y:y + size, x:x + size]
                if (np.abs(out[i]) > 0.1).mean() > 0.2:
                    break
        return torch.from_numpy(out)

    def mask(self, nx: int) -> np.ndarray:
        """Of nx columns: half of the masks are the papers' Gaussian ones, half are drawn as fastMRI draws them, and most scanners sample."""
        rng = self.rng
        accel = int(rng.choice([2, 2, 2, 4, 4, 4, 6, 6, 8]))
        acs = ACS_FRACTION[accel] * rng.uniform(0.8, 1.25)
        if rng.random() < 0.5:
            return fastmri1d(nx, accel, acs, rng, rng.choice(FASTMRI))
        return gaussian1d(nx, accel, acs, rng, "exact" if rng.random() < 0.8 else "score-mri")

    def strips(self, n: int, rows: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """n strips of rows x the whole phase encode width: (clean, measured k-space columns, mask, coil sensitivity maps).

        A 1-D mask aliases along phase encode alone, so strips carry all of the aliasing at a fraction of the cost. A smaller image is
        set in zeros. One coil has no maps.
        """
        rng = self.rng
        nx, coils = int(rng.choice([256, 320, 320, 368])), int(rng.choice(COILS))
        clean = np.zeros((n, rows, nx), np.complex64)
        masks = np.zeros((n, 1, nx), bool)
        for i in range(n):
            image = at_least(self.image(any_axis=False), rows, 0)
            width = min(nx, image.shape[1])
            y = rng.integers(0, image.shape[0] - rows + 1)
            x, o = (image.shape[1] - width) // 2, (nx - width) // 2
            clean[i, :, o:o + width] = image[y:y + rows, x:x + width]
            masks[i, 0] = self.mask(nx)
        maps = None if coils == 1 else torch.from_numpy(np.stack([ring(coils, rows, nx, rng) for _ in range(n)]))
        return torch.from_numpy(clean), *measure(torch.from_numpy(clean), torch.from_numpy(masks), rng, maps=maps)


def measure(clean: torch.Tensor, mask: torch.Tensor, rng: np.random.Generator, noise: float | None = None, maps: torch.Tensor | None = None):
    """k-space of clean with complex noise (std per channel; random up to 1 % when None), zero off the mask, the mask and the maps."""
    if maps is not None:
        clean, mask = maps * clean.unsqueeze(1), mask.unsqueeze(1)
    shape = (len(clean),) + (1,) * (clean.ndim - 1)
    level = rng.uniform(0, 0.01, shape) if noise is None else np.full(shape, noise)
    n = rng.standard_normal(clean.shape) + 1j * rng.standard_normal(clean.shape)
    k = fft2c(clean) + torch.from_numpy((n * level).astype(np.complex64))
    return k * mask, mask, maps


def on(device: str, measured) -> list[torch.Tensor | None]:
    """Tensors on a device; the maps of one coil are None and remain so."""
    return [t if t is None else t.to(device) for t in measured]


def zero_filled(k: torch.Tensor, maps: torch.Tensor | None = None) -> torch.Tensor:
    """A^H y."""
    return combine(ifft2c(k), maps)


def start(k: torch.Tensor, mask: torch.Tensor, maps: torch.Tensor | None, steps: int = SETTLING) -> torch.Tensor:
    """What closer gives to the U-Net: zero-filled, of several coils settled."""
    x = zero_filled(k, maps)
    return x if maps is None else settle(x, k, mask, maps, steps)
