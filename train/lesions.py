"""How much of faint lesions the methods keep:  python -m train.lesions --data DIR --accel 4 --noise 0.015

Discs a little brighter than what is around them are drawn into tissue of slices of the test patient. Scans with and without them, of equal phase,
noise and mask, are reconstructed by closer. The table has the mean of their difference in the discs, of each contrast: 1 keeps it, 0 nothing;
and what the discs have to be seen in, the error of the image in tissue.
"""
import argparse
import tempfile
from pathlib import Path

import h5py
import numpy as np

from .data import Slices
from .physics import ACS_FRACTION
from .rows import recon_to
from .volumes import chosen, simulated, write

APART = 24  # pixels between discs
RUNS = {"": ["--method", "tv", "--method", "unet-dc", "--method", "ccdf"], ", denoised": ["--method", "ccdf", "--sampler", "denoised"]}


def discs(tissue: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Discs of value 1 in a mask of tissue, as many as have their distance, at random places."""
    y, x = np.nonzero(tissue)
    out, taken = np.zeros(tissue.shape, np.float32), []
    rows, columns = np.indices(tissue.shape)
    for i in rng.permutation(len(y))[:400]:
        if all(np.hypot(y[i] - a, x[i] - b) >= APART for a, b in taken):
            taken.append((y[i], x[i]))
            out[np.hypot(rows - y[i], columns - x[i]) <= radius] = 1
    return out


def images(program: str, scan: Path, options: list[str]) -> dict[str, np.ndarray]:
    """What each method makes of a scan."""
    made = {}
    for suffix, flags in RUNS.items():
        with tempfile.TemporaryDirectory() as out:
            names = [m["name"] for m in recon_to(out, program, scan, *options, *flags)["methods"]]
            for name in names:
                path = Path(out) / ("reconstruction.h5" if len(names) == 1 else f"reconstruction/{name}.h5")
                with h5py.File(path) as f:
                    made[name + suffix] = f["reconstruction"][()]
    return made


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=Path("../shared/data/slices"))
    p.add_argument("--split", default="test")
    p.add_argument("--group", default="openms")
    p.add_argument("--closer", default="bin/closer")
    p.add_argument("--accel", type=int, choices=ACS_FRACTION, default=4)
    p.add_argument("--noise", type=float, default=0.005)
    p.add_argument("--slices", type=int, default=4)
    p.add_argument("--radius", type=float, default=2, help="of the discs, in pixels")
    p.add_argument("--contrast", type=float, nargs="+", default=[0.05, 0.1, 0.2], help="where bright tissue is 1")
    args = p.parse_args()
    options = ["--accel", str(args.accel), "--acs", str(ACS_FRACTION[args.accel]), "--seed", "0"]
    reference, rng = chosen(Slices(args.data, args.split, (args.group,)), args.slices), np.random.default_rng(0)
    acquired = lambda images: simulated(images, phase=True, noise=args.noise, coils=1, seed=0)
    tissue = reference > 0.3
    drawn = np.stack([discs(t, args.radius, rng) for t in tissue])
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / "scan.h5"
        write(scan, acquired(reference), reference)
        without = images(args.closer, scan, options)
        kept = {method: [] for method in without}
        for contrast in args.contrast:
            write(scan, acquired(reference + contrast * drawn), reference)
            for method, x in images(args.closer, scan, options).items():
                kept[method].append(f"{((x - without[method]) * drawn).sum() / (contrast * drawn.sum()):.2f}")
    print("| | " + " | ".join(f"{c:g}" for c in args.contrast) + " | error in tissue |\n|---|" + "---|" * (len(args.contrast) + 1))
    for method, x in without.items():
        print(f"| {method} | {' | '.join(kept[method])} | {np.sqrt(((x - reference)[tissue] ** 2).mean()):.4f} |")


if __name__ == "__main__":
    main()
