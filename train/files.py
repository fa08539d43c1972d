"""Magnitude slices of the formats people have: .npz archives, fastMRI .h5 volumes, folders of DICOM."""
import contextlib
import itertools
import subprocess
import sys
import tempfile
import typing
import zipfile
import zlib
from pathlib import Path

import numpy as np

MR = ("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1")  # MR Image Storage and Enhanced MR Image Storage
LEAST = 32  # pixels of a side


class Unusable(ValueError):
    """Images that are no training data; the text says why."""


@contextlib.contextmanager
def said_of(path: Path):
    """End the program with the file's name where it cannot be read or is no training data."""
    try:
        yield
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as e:
        raise SystemExit(f"{path}: {e}") from e


def read(path: Path):
    """Yields (group, image float32 with 1.0 near the brightest tissue) for each slice of a file or DICOM folder that is not empty."""
    with said_of(path):
        if path.suffix == ".npz":
            yield from archive(path)
        elif path.suffix == ".h5":
            yield from (("h5", image) for image in normalised(volume(path)))
        elif path.is_dir():
            yield from (("dicom", image) for image in dicom(path))


def patients(path: Path) -> set[str]:
    """Whose images a file or DICOM folder holds, where it says: to be compared and counted, never shown or stored."""
    names = []
    with said_of(path):
        if path.suffix == ".h5":
            import h5py
            with h5py.File(path) as f:
                names = [] if f.attrs.get("simulated") else [f.attrs.get("patient_id", "")]
        elif path.is_dir():
            names = [image.patient for image in headers(path) if image]
    return {str(name).strip() for name in names} - {""}


def archive(path: Path):
    with np.load(path) as groups:
        for group in groups.files:
            slices = groups[group]
            if slices.dtype != np.uint8 or slices.ndim != 3:
                raise Unusable(f"{group} is {slices.dtype} of shape {slices.shape}, not uint8 slices (n, ny, nx) in which 170 is 1.0")
            for image in slices:
                if usable(image):
                    yield group, image  # uint8: kept small until it is used


def volume(path: Path) -> list[np.ndarray]:
    """The reference of a fastMRI volume, or the root sum of squares of its fully sampled k-space, readout oversampling cropped."""
    import h5py
    with h5py.File(path) as f:
        for name in ("reconstruction_esc", "reconstruction_rss", "rss"):
            if name in f:
                return [np.abs(image) for image in f[name][()]]
        if "kspace" not in f:
            raise Unusable("neither a reference nor kspace is in it")
        if "mask" in f:
            raise Unusable("undersampled k-space without a reference is no training data")
        if f["kspace"].ndim not in (3, 4):
            raise Unusable(f"kspace has the shape {f['kspace'].shape}, not (slices, ny, nx) or (slices, coils, ny, nx)")
        return [rss(k) for k in f["kspace"]]


def rss(k: np.ndarray) -> np.ndarray:
    """(ny, nx) or (coils, ny, nx) k-space -> magnitude, its rows cropped to nx where the readout was oversampled."""
    acquired = np.flatnonzero(k.any(axis=tuple(range(k.ndim - 1))))
    if np.diff(acquired).max(initial=1) > 1:
        raise Unusable("k-space has empty columns among the others: undersampled, and without a reference, it is no training data")
    image = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(k, axes=(-2, -1)), norm="ortho"), axes=(-2, -1))
    magnitude = np.sqrt((np.abs(image.reshape(-1, *image.shape[-2:])) ** 2).sum(0))
    ny, nx = magnitude.shape
    rows = nx if ny >= 1.5 * nx else ny
    top = (ny - rows) // 2
    return magnitude[top:top + rows]


class Header(typing.NamedTuple):
    """Where a DICOM image belongs; images of one series sort by their instance numbers."""
    series: str
    instance: int
    path: Path
    patient: str


def headers(folder: Path):
    """Yields the header of each MR image below a folder, and None for each other file."""
    import pydicom
    tags = ["SOPClassUID", "SeriesInstanceUID", "InstanceNumber", "PatientID"]
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix not in (".h5", ".npz")):
        try:
            d = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
            header = Header(str(d.SeriesInstanceUID), int(d.get("InstanceNumber") or 0), path, str(d.get("PatientID") or ""))
            yield header if d.SOPClassUID in MR else None
        except Exception:  # pydicom passes on whatever the bytes of another kind of file made its parts raise
            yield None


def dicom(folder: Path):
    """The images of every series below a folder, each over its own brightness and in the order of instance numbers.

    What cannot be trained on is left out with a line: other objects than MR images, and series that frames or normalised refuse.
    """
    found = list(headers(folder))
    images = sorted(h for h in found if h)
    for _, series in itertools.groupby(images, lambda h: h.series):
        paths = [h.path for h in series]
        try:
            yield from normalised(magnitudes([image for path in paths for image in frames(path)]))
        except Unusable as e:
            print(f"{paths[0]}: {e}: its series of {len(paths)} files is left out", file=sys.stderr)
    if len(images) < len(found):
        print(f"{folder}: {len(found) - len(images)} files are no MR images and are left out", file=sys.stderr)


def frames(path: Path) -> list[np.ndarray]:
    """The frames of a DICOM file, rescaled."""
    import pydicom
    d = pydicom.dcmread(path)
    if d.get("PhotometricInterpretation") != "MONOCHROME2":
        raise Unusable(f"the pixels are {d.get('PhotometricInterpretation')}, not MONOCHROME2")
    try:
        if d.file_meta.TransferSyntaxUID.is_compressed:
            d = decompressed(path)
        pixels = d.pixel_array.reshape(-1, d.Rows, d.Columns)
    except Exception as e:  # as in headers
        raise Unusable(f"the pixels cannot be read ({str(e).splitlines()[0]})") from e
    shared = d.get("SharedFunctionalGroupsSequence") or [{}]
    each = d.get("PerFrameFunctionalGroupsSequence") or [{}] * len(pixels)
    return [rescaled(pixel, d, shared[0], own) for pixel, own in zip(pixels, each)]


def rescaled(pixels: np.ndarray, *sources) -> np.ndarray:
    """The stored values by the last slope and intercept among an object's attributes and its functional groups."""
    transforms = [(s.get("PixelValueTransformationSequence") or [s])[0] for s in sources]
    slope, intercept = 1.0, 0.0
    for t in transforms:
        slope, intercept = float(t.get("RescaleSlope") or slope), float(t.get("RescaleIntercept") or intercept)
    return (pixels * slope + intercept).astype(np.float32)


def decompressed(path: Path):
    """The data set with native pixels, by the program that closer decodes with."""
    import pydicom
    with tempfile.TemporaryDirectory() as folder:
        native = Path(folder) / "native.dcm"
        subprocess.run(["gdcmconv", "--raw", path, native], check=True, capture_output=True)
        return pydicom.dcmread(native)


def magnitudes(images: list[np.ndarray]) -> list[np.ndarray]:
    """Images without their pixels below zero, which may hold 1 % of the signal, as closer has it."""
    below = sum(float(-x[x < 0].sum()) for x in images)
    if below > 0.01 * sum(float(np.abs(x).sum()) for x in images):
        raise Unusable("signal is below zero, as in phase or real images")
    return [np.maximum(x, 0) for x in images]


def normalised(images: list[np.ndarray]) -> list[np.ndarray]:
    """The images of one volume over its 99.5th percentile, without the empty ones."""
    images = [x for x in images if usable(x)]
    if not images:
        return []
    scale = np.percentile(np.concatenate([x.ravel() for x in images]), 99.5)
    if scale == 0:
        raise Unusable("99.5 % of the pixels are 0")
    return [(x / scale).astype(np.float32) for x in images]


def usable(image: np.ndarray) -> bool:
    """Whether an image is not empty; Unusable where it cannot be one of a scanner's."""
    if image.ndim != 2 or min(image.shape) < LEAST:
        raise Unusable(f"an image has the shape {image.shape}; at least {LEAST} x {LEAST} are needed")
    if not np.isfinite(image).all():
        raise Unusable("a pixel is not a finite number")
    return bool(image.any())
