"""Check closer's report against PyTorch:  python -m train.evaluate VOLUME.h5 OUT/report.json [--score F.onnx] [--unet F.onnx]

Reconstructs the volume again, from the k-space file and the report's mask and settings alone, with PyTorch's FFT and the weights
of the exported networks, and compares each method's volume PSNR with the report's; the report is one of closer recon, or of closer
validate, all of whose runs of the volume are compared. Methods that draw noise (VE and the predictor-corrector) have other noise here
and are left out. Exits 1 where the two differ by 0.01 dB, where nothing could be compared, as of several coils, and where train.physics,
given the report's seed, draws another Gaussian mask.
"""
import argparse
import base64
import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
import torch

from .export import load
from .iterates import Run, levels
from .networks import Initialiser, Score
from .physics import as_complex, channels, fft2c, gaussian1d, ifft2c, project


def sampled(mask: dict) -> np.ndarray:
    """What a report's mask marks: columns (1, width), or single points (rows, width)."""
    bits = np.unpackbits(np.frombuffer(base64.b64decode(mask.get("points") or mask["columns"]), np.uint8)).astype(bool)
    return bits[:len(bits) // mask["width"] * mask["width"]].reshape(-1, mask["width"])


def draws_as_closer(mask: dict) -> bool:
    """Whether train.physics draws the report's mask; true of masks that it does not draw or that lost columns to be predicted."""
    if mask["kind"] != "gaussian1d" or mask["accel_nominal"] < 2 or "held_out" in mask:
        return True
    drawn = gaussian1d(mask["width"], mask["accel_nominal"], mask["acs_fraction"], np.random.RandomState(mask["seed"]), mask["mode"])
    return np.array_equal(drawn, sampled(mask)[0])


def reports_of(volume: Path, path: Path) -> list[dict]:
    """The reports of a volume in a report.json of closer recon or closer validate."""
    report, digest = json.loads(path.read_text()), hashlib.sha256(volume.read_bytes()).hexdigest()
    reports = [unit["report"] for unit in report["units"]] if "units" in report else [report]
    if report.get("mask_seed") == "file":
        for unit in report["units"]:
            unit["report"]["mask"]["seed"] = [ord(c) for c in Path(unit["file"]).name]
    found = [r for r in reports if r["input"]["sha256"] == digest]
    if not found:
        raise SystemExit(f"{path} is of other volumes than {volume}")
    for r in found:
        if r["input"]["coils"] != 1:
            raise SystemExit("only single-coil volumes can be checked")
        if r["protocol"] != "scanner-grid" or r["reference"] == "none":
            raise SystemExit(f"a report of protocol {r['protocol']} with reference {r['reference']} cannot be checked")
        if r["mask"] is None:
            raise SystemExit("nothing was undersampled: there is nothing to check")
    return found


def measurement(path: Path, report: dict):
    """(y, mask, scale, reference): k-space without readout oversampling, masked and normalised slice by slice as closer does."""
    indices = [s["index"] for s in report["methods"][0]["slices"]]
    with h5py.File(path) as f:
        k = torch.from_numpy(f["kspace"][()][indices])
        reference = f[report["reference"]][()][indices]
    ny, nx = reference.shape[-2:]
    top = max(0, (k.shape[-2] - ny) // 2)
    k = fft2c(ifft2c(k)[:, top:top + ny])
    mask = torch.from_numpy(sampled(report["mask"]))[None]
    y = k * mask
    sorted_magnitudes = ifft2c(y).abs().flatten(1).sort(dim=1).values
    rank = int(np.ceil(0.995 * sorted_magnitudes.shape[1])) - 1
    scale = sorted_magnitudes[:, rank][:, None, None]
    return y / scale, mask, scale, reference


@torch.no_grad()
def reconstruct(method: dict, y, mask, unet, score):
    """One method of the report; None when PyTorch cannot repeat it."""
    zero_filled = ifft2c(y)
    consistent = lambda x: project(x, y, mask)
    initial = lambda: as_complex(unet(channels(zero_filled)))
    if method["name"] == "zero-filled":
        return zero_filled
    if method["name"] == "unet":
        return initial()
    if method["name"] == "unet-dc":
        return consistent(initial())
    if method["name"] == "ccdf" and method["sampler"] == "noise-free" and method.get("initial", "unet") == "unet":
        descent = levels(method["sigma_start"], method["sigma_end"], method["steps"])
        return Run(unet, (zero_filled, y, mask, None), False, descent, "cpu").finish(score)
    return None


def delivered(x: torch.Tensor, shape) -> np.ndarray:
    """Magnitude, centre-cropped."""
    top, left = (x.shape[-2] - shape[-2]) // 2, (x.shape[-1] - shape[-1]) // 2
    return x.abs().numpy()[:, top:top + shape[-2], left:left + shape[-1]]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("volume", type=Path)
    p.add_argument("report", type=Path)
    p.add_argument("--score", type=Path, default=Path("score/score.onnx"))
    p.add_argument("--unet", type=Path, default=Path("unet/unet.onnx"))
    args = p.parse_args()
    score, unet = Score().eval(), Initialiser().eval()
    load(score, args.score)
    load(unet, args.unet)
    differences = [d for report in reports_of(args.volume, args.report) for d in compared(args.volume, report, unet, score)]
    if not differences:
        raise SystemExit("no method of the report can be repeated")
    raise SystemExit(0 if all(d < 0.01 for d in differences) else f"differs by {max(differences):.4f} dB")


def compared(volume: Path, report: dict, unet, score) -> list[float]:
    """By how many dB each method that can be repeated differs."""
    if not draws_as_closer(report["mask"]):
        raise SystemExit("train.physics draws another mask than closer")
    y, mask, scale, reference = measurement(volume, report)
    differences = []
    for method in report["methods"]:
        x = reconstruct(method, y, mask, unet, score)
        if x is None:
            print(f"{method['name']:12} left out")
            continue
        error = delivered(x * scale, reference.shape).astype(np.float64) - reference
        psnr = 10 * np.log10(float(reference.max()) ** 2 / np.mean(error**2))
        difference = psnr - method["volume"]["psnr"]
        differences.append(abs(difference))
        print(f"{method['name']:12} PyTorch {psnr:.4f} dB, closer {method['volume']['psnr']:.4f} dB, difference {difference:+.5f}")
    return differences


if __name__ == "__main__":
    main()
