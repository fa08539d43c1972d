"""The published sampling loop in PyTorch, with our networks:  python -m train.peers_loop INPUT.npz OUT.npz ccdf|score-pocs

The loop is score-MRI's (Chung and Ye, MedIA 2022, "real" single-coil variant; github.com/HJ-harry/score-MRI, inference_real.py):
predictor, data consistency, Langevin corrector, data consistency, with the FFT of PyTorch and the network called from Python at
each step. For ccdf it starts at the U-Net's image, noised, and has no corrector, as closer's `--sampler ve`. INPUT holds
y (n, ny, nx) complex, normalised, and mask (nx); OUT gets images and seconds, one a slice.
"""
import argparse
import time
from pathlib import Path

import numpy as np
import torch

from .export import load
from .networks import Initialiser, Score
from .physics import as_complex, channels, ifft2c, project

ROOT = Path(__file__).parent.parent
SNR = 0.16
SCHEDULES = {  # as closer's of the same name (cmd/closer/wire.go): highest and lowest level
    "ccdf": (0.02, 0.005),
    "score-pocs": (50, 0.01),
}


def noise(x):
    return torch.complex(torch.randn(x.shape), torch.randn(x.shape))


def sample(denoise, x, levels, consistent, corrector: bool):
    """Reverse diffusion (VE) over levels, the last of which is 0; the last step adds no noise."""
    score = lambda x, sigma: (denoise(x, sigma) - x) / sigma**2
    for sigma, following in zip(levels, levels[1:]):
        g2 = sigma**2 - following**2
        x = x + g2 * score(x, sigma) + (following > 0) * g2**0.5 * noise(x)
        x = consistent(x)
        if corrector and following > 0:
            s, z = score(x, following), noise(x)
            step = 2 * (SNR * z.norm() / s.norm()) ** 2
            x = consistent(x + step * s + (2 * step) ** 0.5 * z)
    return x


@torch.inference_mode()
def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("input", type=Path)
    p.add_argument("output", type=Path)
    p.add_argument("method", choices=SCHEDULES)
    p.add_argument("--levels", type=int, default=1000, help="of score-pocs; ccdf has 20")
    p.add_argument("--threads", type=int, default=2)
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    net, unet = Score().eval(), Initialiser().eval()
    load(net, ROOT / "score/score.onnx")
    load(unet, ROOT / "unet/unet.onnx")
    denoise = lambda x, sigma: as_complex(net(channels(x), torch.full((1,), float(sigma))))
    archive = np.load(args.input)
    levels = [*np.geomspace(*SCHEDULES[args.method], 20 if args.method == "ccdf" else args.levels).tolist(), 0]
    mask = torch.from_numpy(archive["mask"])[None, None]
    images, seconds = [], []
    for y in torch.from_numpy(archive["y"]).split(1):
        start = time.perf_counter()
        x = levels[0] * noise(y)
        if args.method == "ccdf":
            x = x + as_complex(unet(channels(ifft2c(y))))
        x = sample(denoise, x, levels, lambda x: project(x, y, mask), corrector=args.method == "score-pocs")
        seconds.append(time.perf_counter() - start)
        images.append(x[0].numpy())
    np.savez(args.output, images=np.stack(images), seconds=np.array(seconds))


if __name__ == "__main__":
    main()
