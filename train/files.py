"""Magnitude slices of the formats people have: .npz archives, fastMRI .h5 volumes, folders of DICOM."""
from pathlib import Path

import numpy as np


def read(path: Path):
    """Yields (group, image float32 with 1.0 near the brightest tissue) for each slice of a file or DICOM folder."""
    if path.suffix == ".npz":
        with np.load(path) as archive:
            for group in archive.files:
                for image in archive[group]:
                    yield group, image  # uint8: kept small until it is used
    elif path.suffix == ".h5":
        for image in normalised(volume(path)):
            yield "h5", image
    elif path.is_dir():
        for image in normalised(dicom(path)):
            yield "dicom", image


def volume(path: Path) -> list[np.ndarray]:
    """The reference of a fastMRI volume, or the root sum of squares of its fully sampled k-space, readout oversampling cropped."""
    import h5py
    with h5py.File(path) as f:
        for name in ("reconstruction_esc", "reconstruction_rss", "rss"):
            if name in f:
                return list(f[name][()])
        if "mask" in f:
            raise ValueError(f"{path}: undersampled k-space without a reference is no training data")
        return [rss(f["kspace"][i]) for i in range(len(f["kspace"]))]


def rss(k: np.ndarray) -> np.ndarray:
    """(ny, nx) or (coils, ny, nx) k-space -> magnitude, its rows cropped to nx where the readout was oversampled."""
    image = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(k, axes=(-2, -1)), norm="ortho"), axes=(-2, -1))
    magnitude = np.sqrt((np.abs(image.reshape(-1, *image.shape[-2:])) ** 2).sum(0))
    ny, nx = magnitude.shape
    rows = nx if ny >= 1.5 * nx else ny
    top = (ny - rows) // 2
    return magnitude[top:top + rows]


def dicom(folder: Path) -> list[np.ndarray]:
    """Every image of a folder, rescaled, in the order of instance numbers."""
    import pydicom
    sets = (pydicom.dcmread(p) for p in sorted(folder.rglob("*")) if p.is_file())
    images = []
    for d in sorted((d for d in sets if "PixelData" in d), key=lambda d: int(d.get("InstanceNumber") or 0)):
        frames = d.pixel_array * float(d.get("RescaleSlope", 1)) + float(d.get("RescaleIntercept", 0))
        images.extend(frames if frames.ndim == 3 else [frames])
    return images


def normalised(images: list[np.ndarray]):
    """The images of one volume over its 99.5th percentile."""
    if not images:
        return
    scale = np.percentile(np.concatenate([x.ravel() for x in images]), 99.5)
    for x in images:
        yield (np.abs(x) / scale).astype(np.float32)
