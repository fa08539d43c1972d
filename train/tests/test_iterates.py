from unittest import mock

import numpy as np
import torch

from train import data
from train.data import Augment, Slices
from train.iterates import FEW, Iterates

from .case import Case


class Gain(torch.nn.Module):
    """D(x, level) = tanh(gain x), which counts how often it is asked. It is no convolution, so that columns that were not measured change."""

    def __init__(self, gain: float):
        super().__init__()
        self.gain, self.asked = torch.nn.Parameter(torch.tensor(gain)), 0

    def forward(self, x, level):
        self.asked += 1
        return torch.tanh(self.gain * x)


class WholeRuns(Case):
    def run_of(self, gain: float, seed: int) -> tuple[Gain, torch.Tensor]:
        """A model and its loss over a whole run, the same run for every gain."""
        model = Gain(gain)
        augment = Augment(Slices(self.folder, "train"), np.random.default_rng(seed))
        return model, Iterates(lambda x: x, augment, 1, 32, "cpu").whole(model)

    def test_the_gradient_goes_through_every_step(self):
        self.npz("train.npz")
        asked = set()
        for coils, seeds in ((1, range(6)), (4, range(2))):
            with mock.patch.object(data, "COILS", np.array([coils])):
                for seed in seeds:
                    model, loss = self.run_of(0.7, seed)
                    loss.backward()
                    asked.add(model.asked)
                    with torch.no_grad():
                        above, below = (self.run_of(0.7 + h, seed)[1] for h in (0.01, -0.01))
                    torch.testing.assert_close(model.gain.grad, (above - below) / 0.02, rtol=0.02, atol=0)
        self.assertEqual(asked, set(FEW.tolist()))
