"""The images that CCDF really hands to the score network, to train on besides clean images with white noise.

After the U-Net and data consistency the error is what is left of the aliasing, in the columns that were not measured, and the network's
own earlier estimates shape the next iterate. Steps of long runs are trained on by themselves: an iterate is taken as given, and the
estimate of it, made consistent, is to be the image (Ross et al., DAgger, AISTATS 2011, collects a policy's own inputs as this does). Short
runs are trained on as wholes: what a step is to estimate is then what the later ones make most of (Aggarwal et al., MoDL, IEEE TMI 2019).
"""

import numpy as np
import torch

from .data import Augment, on, start
from .physics import as_complex, channels, project, settle

STEPS = np.array([2, 3, 5, 10, 20])
FEW = np.array([2, 3, 3, 4])  # of a whole run, each as likely: all of its activations are held
SETTLING_START = 20  # gradient steps of the image that the initial network is given, as score's settlingStart
WAITING = 8  # runs under way at once: consecutive training steps are then of different slices


def levels(start: float, end: float, steps: int) -> list[float]:
    """closer's geometric descent from start to end, or staying at a lower start, steps values; a 0 follows them."""
    return np.geomspace(start, min(start, end), steps).tolist()


class Run:
    """One run of CCDF on slices, (clean, k-space, mask, maps), a step at a time: the network is asked at x and level, and advance makes the
    next iterate. A noise-free run asks in another quarter turn of the phase at each step."""

    def __init__(self, initial, measured, noisy: bool, descent: list[float], device: str):
        self.clean, self.k, self.mask, self.maps = on(device, measured)
        self.noisy = noisy  # the paper's VE; else noise-free, whose own error stands for the noise
        self.levels = [*descent, 0.0]
        self.turn = 1
        with torch.no_grad():
            x = as_complex(initial(channels(start(self.k, self.mask, self.maps, SETTLING_START))))
        self.x = x + descent[0] * complex_noise(x) if noisy else self.settle(x)

    def ask(self, model) -> torch.Tensor:
        """D(x, level)."""
        level = torch.full((len(self.x),), self.levels[0], device=self.x.device)
        return as_complex(model(channels(self.turn * self.x), level)) / self.turn

    def consistent(self, x: torch.Tensor) -> torch.Tensor:
        return project(x, self.k, self.mask, self.maps)

    def settle(self, x: torch.Tensor) -> torch.Tensor:
        return settle(x, self.k, self.mask, self.maps)

    def advance(self, estimate: torch.Tensor) -> bool:
        """Take one step with the network's estimate D(x, level); False when that was the last."""
        sigma, following = self.levels[:2]
        keep = following / sigma
        if self.noisy:
            g2 = max(0, sigma**2 - following**2)  # a descent that stays at its start falls by rounding errors, or rises
            noise = np.sqrt(g2) * complex_noise(estimate) if following > 0 else 0
            self.x = self.consistent(keep**2 * self.x + (1 - keep**2) * estimate + noise)
        else:
            towards = self.settle if following > 0 else self.consistent
            self.x = keep**2 * self.x + (1 - keep**2) * towards(estimate)
            self.turn *= 1j
        del self.levels[0]
        return len(self.levels) > 1

    def finish(self, model) -> torch.Tensor:
        """The image at the end of the run."""
        while self.advance(self.ask(model)):
            pass
        return self.x


def complex_noise(like: torch.Tensor) -> torch.Tensor:
    """White noise of deviation 1 in each channel."""
    return torch.complex(torch.randn(like.shape, device=like.device), torch.randn(like.shape, device=like.device))


def error(x: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """E log |x - clean|^2: every slice counts by its decibels."""
    return torch.view_as_real(x - clean).square().mean((1, 2, 3)).add(1e-8).log().mean()


class Iterates:
    """An endless stream of CCDF's runs and their loss."""

    def __init__(self, initial, augment: Augment, n: int, rows: int, device: str):
        self.initial, self.augment, self.n, self.rows, self.device = initial, augment, n, rows, device
        self.runs = []

    def new(self) -> Run:
        """A run of a sampler, a start, a number of steps and a height of strips at random; of each number of steps as many iterates."""
        rng = self.augment.rng
        noisy = rng.random() < 0.25
        low, high = (0.01, 0.04) if noisy else (0.02, 0.6)
        start, end = np.exp(rng.uniform(np.log([low, 0.005]), np.log([high, 0.02]))).tolist()
        steps = int(rng.choice(STEPS, p=1 / STEPS / sum(1 / STEPS)))
        return Run(self.initial, self.strips(self.n), noisy, levels(start, end, steps), self.device)

    def strips(self, n: float):
        """Strips of one height of three, as many as have the pixels of n of the middle one."""
        rows = int(self.augment.rng.choice(self.rows * np.array([1, 2, 4]) // 2))
        return self.augment.strips(max(1, int(n * self.rows / rows)), rows)

    def whole(self, model) -> torch.Tensor:
        """The error at the end of a short noise-free run, through all of its steps and their data consistency."""
        rng = self.augment.rng
        start, end = np.exp(rng.uniform(np.log([0.1, 0.008]), np.log([0.4, 0.015]))).tolist()
        steps = int(rng.choice(FEW))
        run = Run(self.initial, self.strips(self.n / steps), False, levels(start, end, steps), self.device)
        return error(run.finish(model), run.clean)

    def loss(self, model) -> torch.Tensor:
        """The error of DC(D(x, sigma)) at one iterate, which then advances: every step counts alike."""
        if len(self.runs) < WAITING:
            self.runs.append(self.new())
        i = int(self.augment.rng.integers(len(self.runs)))
        run = self.runs[i]
        estimate = run.ask(model)
        loss = error(run.consistent(estimate), run.clean)
        if not run.advance(estimate.detach()):
            del self.runs[i]
        return loss
