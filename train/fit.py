"""Train one network:  python -m train.fit score|unet --data DIR --out DIR --minutes M

The schedule is the clock: warm-up, then a cosine to zero over --minutes, summed over resumed runs, so that the same command
serves a laptop and a GPU. OUT/last.pt holds everything needed to go on; OUT/log.csv the learning curve. SIGTERM, or Ctrl-C, ends
with a checkpoint.
"""
import argparse
import copy
import math
import signal
import time
from pathlib import Path

import numpy as np
import torch

from . import checkpoint
from .data import Augment, Slices, on, patients, start
from .export import load
from .iterates import Iterates
from .networks import MULTIPLE, SIGMA_DATA, Initialiser, Score
from .physics import as_complex, channels, project
from .rows import append
from .validation import validate_score, validate_unet


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("network", choices=("score", "unet"))
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--start", type=Path, help="exported .onnx to begin from, when OUT holds no checkpoint")
    p.add_argument("--initial", type=Path, default=Path("unet/unet.onnx"), help="exported U-Net, whose images the score network is to improve")
    p.add_argument("--denoise", type=float, default=0.25, help="share of the score network's steps on white noise; the rest is on CCDF's runs")
    p.add_argument("--whole", type=float, default=0.6, help="share of the other steps through whole runs of few steps; the rest is on single iterates")
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
    args = p.parse_args()
    sizes = [*args.sides, args.rows // 2 if args.network == "score" else args.rows]
    if not args.minutes > 0 or args.batch < 1 or not 0 <= args.denoise <= 1 or not 0 <= args.whole <= 1 or (args.few is not None and args.few < 1):
        p.error("--minutes, --batch and --few begin above 0, and --denoise and --whole are shares")
    if any(n < 1 or n % MULTIPLE for n in sizes):
        p.error(f"--sides and --rows are multiples of {MULTIPLE}, the score network's --rows of {2 * MULTIPLE}")
    return args


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


def score_loss(augment, args, initial):
    """White noise in the share args.denoise of the steps, CCDF after the initial network in the others."""
    iterates = Iterates(initial, augment, args.batch, args.rows, args.device)

    def loss(model):
        if augment.rng.random() < args.denoise:
            return denoise_loss(model, augment, args)
        return ITERATES_WEIGHT * (iterates.whole if augment.rng.random() < args.whole else iterates.loss)(model)

    return loss


def unet_loss(augment, args, _):
    """Charbonnier on the image and, as much again, on what data consistency leaves of the error."""

    def loss(model):
        clean, *measured = on(args.device, augment.strips(args.batch, args.rows))
        out = model(channels(start(*measured)))
        target = channels(clean)
        consistent = channels(project(as_complex(out), *measured))
        return sum(torch.sqrt((o - target) ** 2 + 1e-6).mean() for o in (out, consistent))

    return loss


def read(path: Path, model, device):
    """The network of an exported file, not to be trained."""
    load(model, path)
    return model.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)


@torch.no_grad()
def validation(model, slices: Slices, args, initial) -> dict:
    """The training loss on the validation slices, what it leaves above the training loss being memorised, and what they gain.

    The draws are the same each time, and training's own go on as if there had been none.
    """
    loss_of, validate = (score_loss, validate_score) if args.network == "score" else (unet_loss, validate_unet)
    with torch.random.fork_rng([args.device] if args.device.startswith("cuda") else []):
        torch.manual_seed(0)
        loss = loss_of(Augment(slices, np.random.default_rng(0)), args, initial)
        mean = float(np.mean([float(loss(model)) for _ in range(64)]))
        torch.manual_seed(0)
        return {"validation_loss": mean, **validate(model, slices, args, initial)}


def data(args) -> tuple[Slices, Slices, dict[str, int]]:
    """The slices to train on and to validate on, and how many patients each split names."""
    named = patients(args.data)
    train, val = Slices(args.data, "train", tuple(args.train_on)), Slices(args.data, "val", tuple(args.validate_on))
    if args.few:
        train.keep(train.evenly(args.few))
    for split, slices in (("train", train), ("val", val)):
        print(f"{split}: {len(slices)} slices; patients that the files name: {named[split] or 'none'}", flush=True)
    if not named["train"] or not named["val"]:
        print("whether train and val have a patient in common is not known", flush=True)
    return train, val, named


class Training:
    """A network on its way: what a checkpoint holds."""

    def __init__(self, args, model, history: list[dict]):
        self.args, self.model, self.average, self.history = args, model, copy.deepcopy(model), history
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-4)
        self.step, self.minutes = 0, 0.0

    def state(self) -> dict:
        return {"model": self.model.state_dict(), "average": self.average.state_dict(), "optimizer": self.optimizer.state_dict(),
                "step": self.step, "spent": self.minutes, "history": self.history}

    def resume(self, state: dict):
        for model, weights in ((self.model, state["model"]), (self.average, state["average"])):
            checkpoint.restore(model, weights, self.args.out / "last.pt")
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.minutes, self.history = state["step"], state["spent"], state.get("history", [])  # older checkpoints have none

    def advance(self, loss_here, done: float) -> float:
        """One step at the learning rate of the share done of the schedule; its loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.args.lr * min(1, (self.step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * done))
        with torch.autocast(torch.device(self.args.device).type, torch.bfloat16):
            loss = loss_here(self.model)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        slope = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if not torch.isfinite(loss + slope):  # before it reaches the weights
            raise SystemExit(f"step {self.step}: the loss is {float(loss)}, its gradient {float(slope)}; {self.args.out}/last.pt is of before")
        self.optimizer.step()
        self.step += 1
        with torch.no_grad():
            decay = min(0.999, (1 + self.step) / (10 + self.step))
            for a, m in zip(self.average.parameters(), self.model.parameters()):
                a.lerp_(m, 1 - decay)
        return float(loss.detach())


def begin(args) -> tuple[Training, Slices, Slices, torch.nn.Module | None]:
    """Training at its start or where OUT/last.pt left it, the slices, and the initial network of the score network."""
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise SystemExit(f"--out {args.out} is no folder to write to ({e.strerror})") from e
    model = (Score() if args.network == "score" else Initialiser()).to(args.device, memory_format=torch.channels_last)
    initial = read(args.initial, Initialiser(), args.device) if args.network == "score" else None
    last = args.out / "last.pt"
    state = checkpoint.read(last, args.network, args.device) if last.exists() else None
    if state:
        args.start = None  # it goes on from what it made of it
    if args.start:
        load(model, args.start)
    train, val, named = data(args)
    this = checkpoint.stretch(args, train, val, named)
    training = Training(args, model, [this])
    if state:
        training.resume(state)
        differs = checkpoint.changed(training.history[-1], this) if training.history else []
        if differs:
            training.history.append(this)
        print("; ".join([f"{last} goes on at step {training.step}, after {training.minutes:.1f} minutes", *differs]), flush=True)
    return training, train, val, initial


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    stopped = []

    def stop(number, _):
        stopped.append(number)
        signal.signal(number, signal.SIG_DFL)  # the second one does not wait

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    training, train, val, initial = begin(args)
    if training.minutes >= args.minutes:  # another step would make another network of what was exported
        print(f"nothing is left of {args.minutes:g} minutes")
        return
    augment = Augment(train, np.random.default_rng([args.seed, training.step]))
    torch.manual_seed(args.seed + training.step)
    loss_here = (score_loss if args.network == "score" else unet_loss)(augment, args, initial)

    before, start, validated, losses = training.minutes, time.monotonic(), training.minutes, []
    while True:
        training.minutes = before + (time.monotonic() - start) / 60
        done = min(1.0, training.minutes / args.minutes)
        losses.append(training.advance(loss_here, done))
        if done < 1 and not stopped and training.minutes - validated < args.validate_every:
            continue
        validated = training.minutes
        if training.history:
            training.history[-1].update(step=training.step, minutes=training.minutes)
        ending = done >= 1 or bool(stopped)
        checkpoint.persist(args.out / "last.pt", lambda path: checkpoint.save(path, training.state()), ending)
        if stopped and done < 1:
            raise SystemExit(f"stopped after {training.minutes:.1f} of {args.minutes:g} minutes: the same command goes on")
        row = {"step": training.step, "minutes": round(training.minutes, 2), "loss": float(np.mean(losses)),
               **validation(training.average, val, args, initial)}
        losses = []
        print({k: round(v, 4) for k, v in row.items()}, flush=True)
        checkpoint.persist(args.out / "log.csv", lambda path: append(path, row), ending)
        if ending:
            return


if __name__ == "__main__":
    main()
