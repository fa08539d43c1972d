"""The metrics of fastMRI's evaluate.py, by their definitions, for TestEvaluateAgreesWithPython.

Reads from standard input a JSON list of {"reference": PATH, "reconstruction": PATH, "shape": [slices, ny, nx]}, raw little-endian
float32 files, and prints a JSON list of their metrics. evaluate.py calls the same numpy and scikit-image functions on the same
float32 arrays, so single and double precision are used where it uses them.
"""

import json
import sys

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def center_crop(volume, ny, nx):
    y0, x0 = (volume.shape[-2] - ny) // 2, (volume.shape[-1] - nx) // 2
    return volume[..., y0 : y0 + ny, x0 : x0 + nx]


def nmse(ref, rec):
    return np.linalg.norm(ref - rec) ** 2 / np.linalg.norm(ref) ** 2


def measure(ref, rec):
    n = min(ref.shape[-2:])  # evaluate.py takes the width; it refuses images wider than tall
    ref, rec = (center_crop(v, n, ref.shape[-1]) for v in (ref, rec))
    peak = ref.max()
    slices = [
        {
            "psnr": peak_signal_noise_ratio(r, x, data_range=peak),
            "ssim": structural_similarity(r, x, data_range=peak),
            "ssim_double": structural_similarity(r.astype(float), x.astype(float), data_range=float(peak)),
            "nmse": nmse(r, x),
            "psnr_slice": peak_signal_noise_ratio(r, x, data_range=r.max()),
        }
        for r, x in zip(ref, rec)
    ]
    return {
        "psnr": peak_signal_noise_ratio(ref, rec, data_range=peak),
        "ssim": sum(s["ssim"] for s in slices) / len(slices),
        "nmse": nmse(ref, rec),
        "slices": slices,
    }


cases = [
    measure(*(np.fromfile(c[k], "<f4").reshape(c["shape"]) for k in ("reference", "reconstruction")))
    for c in json.load(sys.stdin)
]
json.dump(cases, sys.stdout, default=float)
