"""Write slices of a split as a fastMRI-layout volume:  python -m train.volumes --split test --group openms --out DIR

k-space is forward-simulated from magnitude images: phase encode along an axis the scanner did not filter, zero phase (the
papers' protocol) or a random smooth phase, complex noise, and with --coils a ring of receive coils. The reference is the noise-free
magnitude. The files say that they are simulated; closer validate reads them, and train.evaluate those of one coil.
"""
import argparse
from pathlib import Path

import h5py
import numpy as np
import torch

from .data import Slices
from .physics import fft2c, ring, smooth_phase

HEADER = """<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><encoding>
<encodedSpace>{space}</encodedSpace><reconSpace>{space}</reconSpace>
<trajectory>cartesian</trajectory></encoding></ismrmrdHeader>"""

SPACE = "<matrixSize><x>{ny}</x><y>{nx}</y><z>1</z></matrixSize><fieldOfView_mm><x>{height:g}</x><y>220</y><z>5</z></fieldOfView_mm>"  # x is readout


def chosen(slices: Slices, count: int) -> np.ndarray:
    """Evenly spaced slices (count, ny, nx) float32, nearly empty ends left out."""
    full = [i for i in range(len(slices)) if (slices.magnitude(i) > 0.1).mean() > 0.1]
    images = [slices.magnitude(full[i]) for i in np.linspace(0, len(full) - 1, min(count, len(full))).astype(int)]
    if len({x.shape for x in images}) != 1:
        raise SystemExit(f"a volume has slices of one size, these have {sorted({x.shape for x in images}) or 'no anatomy'}")
    return np.stack(images)


def simulated(reference: np.ndarray, phase: bool, noise: float, coils: int, seed: int) -> np.ndarray:
    """k-space complex64 of images (count, ny, nx): of their shape, of several coils (count, coils, ny, nx). Equal seeds give equal phase, coils and noise."""
    rng = np.random.default_rng(seed)
    phases = np.stack([smooth_phase(*x.shape, rng) if phase else np.ones_like(x) for x in reference])
    x = reference * phases
    if coils > 1:
        x = x[:, None] * ring(coils, *reference.shape[1:], rng)
    k = fft2c(torch.from_numpy(x.astype(np.complex64))).numpy()
    k += (noise * (rng.standard_normal(k.shape) + 1j * rng.standard_normal(k.shape))).astype(np.complex64)
    return k.astype(np.complex64)


def write(path: Path, k: np.ndarray, reference: np.ndarray):
    with h5py.File(path, "w") as f:
        f["kspace"] = k
        f["reconstruction_esc" if k.ndim == 3 else "reconstruction_rss"] = reference
        ny, nx = k.shape[-2:]
        f["ismrmrd_header"] = HEADER.format(space=SPACE.format(ny=ny, nx=nx, height=220 * ny / nx))
        f.attrs.update(acquisition="SIMULATED", max=float(reference.max()), norm=float(np.linalg.norm(reference)),
                       patient_id="simulated", simulated=1)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=Path("../shared/data/slices"))
    p.add_argument("--split", default="test")
    p.add_argument("--group", default="openms")
    p.add_argument("--slices", type=int, default=12)
    p.add_argument("--noise", type=float, default=0.005, help="std per channel; 1.0 is bright tissue")
    p.add_argument("--coils", type=int, default=1)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--out", type=Path, required=True)
    args = p.parse_args()
    if args.slices < 1 or args.coils < 1:
        p.error("--slices and --coils begin at 1")
    args.out.mkdir(parents=True, exist_ok=True)
    reference = chosen(Slices(args.data, args.split, (args.group,)), args.slices)
    for phase in (False, True):
        path = args.out / f"{args.split}_{args.group}_{'phase' if phase else 'zerophase'}{f'_{args.coils}coils' if args.coils > 1 else ''}.h5"
        write(path, simulated(reference, phase, args.noise, args.coils, args.seed), reference)
        print(path)


if __name__ == "__main__":
    main()
