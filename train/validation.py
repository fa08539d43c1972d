"""What a network makes of the validation slices, the same measurements each time."""
import math

import numpy as np
import torch

from .data import Slices, measure, zero_filled
from .iterates import Run, levels
from .physics import as_complex, channels, gaussian1d, project, smooth_phase


def psnr(x: torch.Tensor, reference: torch.Tensor) -> float:
    """Per slice, on magnitudes, range = maximum of the reference slice."""
    mse = ((x.abs() - reference.abs()) ** 2).mean()
    return float(10 * torch.log10(reference.abs().max() ** 2 / mse))


def validation_slices(slices: Slices, n: int, seed: int = 1):
    """n complex slices of the validation patient, evenly spaced, random phase, fixed seed."""
    rng = np.random.default_rng(seed)
    for i in slices.evenly(n):
        image = slices.magnitude(i)
        yield torch.from_numpy((image * smooth_phase(*image.shape, rng)).astype(np.complex64))[None], rng


@torch.no_grad()
def validate_score(model, slices: Slices, args, initial) -> dict:
    """PSNR gained by denoising at the levels CCDF uses; PSNR of two settings of CCDF at x4, in 5 steps."""
    gain = {s: [] for s in (0.01, 0.03, 0.1, 0.3)}
    for clean, _ in validation_slices(slices, 6):
        x = channels(clean).to(args.device)
        for s in gain:
            out = model(x + s * torch.randn_like(x), torch.tensor([s], device=args.device))
            gain[s].append(20 * math.log10(s) - 10 * math.log10(float(((out - x) ** 2).mean())))
    reached = {"noise_free": [], "ve": []}
    for measured in validation_measurements(slices):
        for name in reached:
            run = Run(initial, measured, name == "ve", levels(0.012 if name == "ve" else 0.16, 0.005, 5), args.device)
            reached[name].append(psnr(run.finish(model).cpu(), measured[0]))
    return {f"denoise_gain_db_{s}": float(np.mean(v)) for s, v in gain.items()} | {f"{k}_db": float(np.mean(v)) for k, v in reached.items()}


def validation_measurements(slices: Slices):
    """The slices of validation_slices measured at x4."""
    for clean, rng in validation_slices(slices, 12):
        mask = torch.from_numpy(gaussian1d(clean.shape[-1], 4, 0.08, rng))[None, None]
        yield clean, *measure(clean, mask, rng, noise=0.005)


@torch.no_grad()
def validate_unet(model, slices: Slices, args, _) -> dict:
    """PSNR of zero-filled, network, network + data consistency at x4."""
    rows = []
    for clean, k, mask, _ in validation_measurements(slices):
        zf = zero_filled(k)
        out = as_complex(model(channels(zf).to(args.device))).cpu()
        rows.append([psnr(zf, clean), psnr(out, clean), psnr(project(out, k, mask), clean)])
    return dict(zip(("zero_filled_db", "unet_db", "unet_dc_db"), np.mean(rows, axis=0).tolist()))
