"""Train one network:  python -m train.fit score|unet --data DIR --out DIR --minutes M

The schedule is the clock: warm-up, then a cosine to zero over --minutes, summed over resumed runs, so that the same command
serves a laptop and a GPU. OUT/last.pt holds everything needed to go on; OUT/log.csv the learning curve.
"""
import argparse
import copy
import math
import time
from pathlib import Path

import numpy as np
import torch

from .data import Augment, Slices, measure, zero_filled
from .export import load, read_checkpoint
from .iterates import Iterates, Run, levels
from .networks import SIGMA_DATA, Initialiser, Score
from .physics import as_complex, channels, gaussian1d, project, smooth_phase
from .rows import append


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("network", choices=("score", "unet"))
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--start", type=Path, help="exported .onnx to begin from, when OUT holds no checkpoint")
    p.add_argument("--initial", type=Path, default=Path("unet/unet.onnx"), help="exported U-Net, whose images the score network is to improve")
    p.add_argument("--denoise", type=float, default=0.35, help="share of the score network's steps on white noise; the rest is on CCDF's iterates")
    p.add_argument("--minutes", type=float, default=60)
    p.add_argument("--batch", type=int, default=8, help="images of 128x128, or as many of another size as have that many pixels")
    p.add_argument("--sides", type=int, nargs="+", default=[64, 128, 224], help="of patches with white noise, one of them a step, so that a "
                   "network does not tell noise from aliasing by the size of its image")
    p.add_argument("--rows", type=int, default=64, help="of the U-Net's strips; the score network's have half and twice as many too")
    p.add_argument("--lr", type=float, default=6e-4)
    p.add_argument("--validate-every", type=float, default=5, help="minutes")
    p.add_argument("--train-on", nargs="*", default=[], metavar="GROUP", help="groups of the training split; none is all")
    p.add_argument("--few", type=int, help="train on so many slices alone, evenly spaced: what a network makes of little")
    p.add_argument("--validate-on", nargs="*", default=["openms"], metavar="GROUP", help="groups of the validation split; none is all")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return p.parse_args()


ITERATES_WEIGHT = 0.2  # of a logarithm, beside EDM's loss


def draw_sigma(n: int, rng: np.random.Generator) -> torch.Tensor:
    """Noise levels: two thirds where CCDF works (0.003-0.4), the rest over all that score-POCS visits (0.002-60)."""
    low, high = np.where(rng.random((n, 1)) < 0.67, np.log([[0.003, 0.4]]), np.log([[0.002, 60]])).T
    return torch.from_numpy(np.exp(rng.uniform(low, high)).astype(np.float32))


def denoise_loss(model, augment, args):
    """EDM's loss: E w(sigma) |D(x + sigma n, sigma) - x|^2 with w = (sigma^2 + sd^2) / (sigma sd)^2."""
    side = int(augment.rng.choice(args.sides))
    x = channels(augment.patches(max(1, round(args.batch * (128 / side) ** 2)), side)).to(args.device)
    sigma = draw_sigma(len(x), augment.rng).to(args.device)
    noisy = x + sigma.view(-1, 1, 1, 1) * torch.randn_like(x)
    weight = (sigma**2 + SIGMA_DATA**2) / (sigma * SIGMA_DATA) ** 2
    return (weight.view(-1, 1, 1, 1) * (model(noisy, sigma) - x) ** 2).mean()


def score_loss(augment, args):
    """White noise in the share args.denoise of the steps, the iterates of CCDF in the others."""
    iterates = Iterates(read(args.initial, Initialiser(), args.device), augment, args.batch, args.rows, args.device)

    def loss(model):
        if augment.rng.random() < args.denoise:
            return denoise_loss(model, augment, args)
        return ITERATES_WEIGHT * iterates.loss(model)

    return loss


def unet_loss(augment, args):
    """Charbonnier on the image and, as much again, on what data consistency leaves of the error."""

    def loss(model):
        clean, k, mask = (t.to(args.device) for t in augment.strips(args.batch, args.rows))
        out = model(channels(zero_filled(k)))
        target = channels(clean)
        consistent = channels(project(as_complex(out), k, mask))
        return sum(torch.sqrt((o - target) ** 2 + 1e-6).mean() for o in (out, consistent))

    return loss


def read(path: Path, model, device):
    """The network of an exported file, not to be trained."""
    load(model, path)
    return model.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)


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
def validate_score(model, slices: Slices, args) -> dict:
    """PSNR gained by denoising at the levels CCDF uses; PSNR of two settings of CCDF at x4, in 5 steps."""
    gain = {s: [] for s in (0.01, 0.03, 0.1, 0.3)}
    torch.manual_seed(0)
    for clean, _ in validation_slices(slices, 6):
        x = channels(clean).to(args.device)
        for s in gain:
            out = model(x + s * torch.randn_like(x), torch.tensor([s], device=args.device))
            gain[s].append(20 * math.log10(s) - 10 * math.log10(float(((out - x) ** 2).mean())))
    initial = read(args.initial, Initialiser(), args.device)
    reached = {"noise_free": [], "ve": []}
    for clean, k, mask in validation_measurements(slices):
        for name in reached:
            run = Run(initial, (clean, k, mask), name == "ve", levels(0.012 if name == "ve" else 0.16, 0.005, 5), args.device)
            while run.advance(run.ask(model)):
                pass
            reached[name].append(psnr(run.x.cpu(), clean))
    return {f"denoise_gain_db_{s}": float(np.mean(v)) for s, v in gain.items()} | {f"{k}_db": float(np.mean(v)) for k, v in reached.items()}


def validation_measurements(slices: Slices):
    """The slices of validation_slices measured at x4."""
    for clean, rng in validation_slices(slices, 12):
        mask = torch.from_numpy(gaussian1d(clean.shape[-1], 4, 0.08, rng))[None, None]
        yield clean, *measure(clean, mask, rng, noise=0.005)


@torch.no_grad()
def validate_unet(model, slices: Slices, args) -> dict:
    """PSNR of zero-filled, network, network + data consistency at x4."""
    rows = []
    for clean, k, mask in validation_measurements(slices):
        zf = zero_filled(k)
        out = as_complex(model(channels(zf).to(args.device))).cpu()
        rows.append([psnr(zf, clean), psnr(out, clean), psnr(project(out, k, mask), clean)])
    return dict(zip(("zero_filled_db", "unet_db", "unet_dc_db"), np.mean(rows, axis=0).tolist()))


@torch.no_grad()
def validation_loss(loss_of, model, slices: Slices, args) -> float:
    """The training loss on the validation slices, the same draws each time: what it leaves above the training loss is memorised."""
    state = torch.get_rng_state()
    torch.manual_seed(0)
    loss = loss_of(Augment(slices, np.random.default_rng(0)), args)
    mean = float(np.mean([float(loss(model)) for _ in range(64)]))
    torch.set_rng_state(state)
    return mean


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    model = (Score() if args.network == "score" else Initialiser()).to(args.device, memory_format=torch.channels_last)
    if args.start:
        load(model, args.start)
    average = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-4)
    step, spent = 0, 0.0
    if (args.out / "last.pt").exists():
        state = read_checkpoint(args.out / "last.pt", args.device)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["spent"]
    train, val = Slices(args.data, "train", tuple(args.train_on)), Slices(args.data, "val", tuple(args.validate_on))
    if args.few:
        train.keep(train.evenly(args.few))
    augment = Augment(train, np.random.default_rng([args.seed, step]))
    torch.manual_seed(args.seed + step)
    loss_of, validate = (score_loss, validate_score) if args.network == "score" else (unet_loss, validate_unet)

    loss_here = loss_of(augment, args)

    start, validated, losses = time.monotonic(), spent, []
    while True:
        minutes = spent + (time.monotonic() - start) / 60
        done = min(1.0, minutes / args.minutes)
        for group in optimizer.param_groups:
            group["lr"] = args.lr * min(1, (step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * done))
        with torch.autocast(torch.device(args.device).type, torch.bfloat16):
            loss = loss_here(model)
        if not torch.isfinite(loss):
            raise SystemExit(f"step {step}: the loss is {float(loss)}; {args.out}/last.pt is of before")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        losses.append(float(loss.detach()))
        with torch.no_grad():
            decay = min(0.999, (1 + step) / (10 + step))
            for a, m in zip(average.parameters(), model.parameters()):
                a.lerp_(m, 1 - decay)
        if done < 1 and minutes - validated < args.validate_every:
            continue
        validated = minutes
        row = {"step": step, "minutes": round(minutes, 2), "loss": float(np.mean(losses)),
               "validation_loss": validation_loss(loss_of, average, val, args), **validate(average, val, args)}
        losses = []
        print({k: round(v, 4) for k, v in row.items()}, flush=True)
        append(args.out / "log.csv", row)
        torch.save({"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict(),
                    "step": step, "spent": minutes}, args.out / "last.tmp")
        (args.out / "last.tmp").replace(args.out / "last.pt")
        if done >= 1:
            return


if __name__ == "__main__":
    main()
