import unittest

import numpy as np
import torch

from train import iterates, physics
from train.data import FASTMRI, measure, start, zero_filled

N, COILS, NY, NX = 2, 4, 16, 48


def random(*shape) -> torch.Tensor:
    return torch.complex(torch.randn(shape), torch.randn(shape))


class MasksOfFastMRI(unittest.TestCase):
    def drawn(self, kind: str, accel: int) -> np.ndarray:
        rng = np.random.default_rng(accel)
        return np.stack([physics.fastmri1d(368, accel, 0.08, rng, kind) for _ in range(200)])

    def test_the_centre_is_sampled(self):
        for kind in FASTMRI:
            self.assertTrue(self.drawn(kind, 4)[:, 170:199].all(), kind)

    def test_sampled_columns(self):
        for accel in (2, 4, 6, 8):
            for kind, tolerance in (("random", 3), ("equispaced_fraction", 1)):
                self.assertAlmostEqual(self.drawn(kind, accel).sum(1).mean(), 368 / accel, delta=tolerance, msg=kind)

    def test_equispaced_columns_have_one_distance_and_any_offset(self):
        masks = self.drawn("equispaced", 4)[:, :168]
        self.assertEqual({tuple(np.unique(np.diff(np.flatnonzero(m)))) for m in masks}, {(4,)})
        self.assertEqual({np.flatnonzero(m)[0] for m in masks}, {0, 1, 2, 3})


class SeveralCoils(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        self.rng = np.random.default_rng(0)
        self.maps = torch.from_numpy(np.stack([physics.ring(COILS, NY, NX, self.rng) for _ in range(N)]))
        mask = np.stack([physics.gaussian1d(NX, 4, 0.08, self.rng)[None] for _ in range(N)])
        self.clean = random(N, NY, NX)
        _, self.mask, _ = self.measured = measure(self.clean, torch.from_numpy(mask), self.rng, noise=0, maps=self.maps)

    def test_maps_are_normalised_and_differ(self):
        torch.testing.assert_close((self.maps.abs() ** 2).sum(1), torch.ones(N, NY, NX))
        self.assertGreater(float(self.maps.abs().std(1).mean()), 0.05)

    def test_zero_filling_is_the_adjoint_of_the_measurement(self):
        y = random(N, COILS, NY, NX) * self.mask
        torch.testing.assert_close(torch.vdot(self.measured[0].flatten(), y.flatten()),
                                   torch.vdot(self.clean.flatten(), zero_filled(y, self.maps).flatten()))

    def test_what_agrees_with_the_measurement_stays(self):
        torch.testing.assert_close(physics.project(self.clean, *self.measured), self.clean)

    def test_runs_of_several_coils_settle(self):
        """Coils that are a wave each see the neighbours of every column that is acquired, and so tell the whole image."""
        waves = torch.exp(2j * np.pi * torch.arange(COILS)[:, None, None] * torch.arange(NX) / NX) / COILS**0.5
        mask = torch.arange(NX).remainder(3).ne(1).expand(N, 1, NX)
        measured = measure(self.clean, mask, self.rng, noise=0, maps=waves.expand(N, COILS, NY, NX).to(torch.complex64))
        begun = start(*measured)
        self.assertLess(float((begun - self.clean).norm()), 0.1 * float((zero_filled(measured[0], measured[2]) - self.clean).norm()))
        run = iterates.Run(torch.zeros_like, (self.clean, *measured), False, [0.3, 0.1], "cpu")
        once = physics.project(torch.zeros_like(self.clean), *measured)
        self.assertLess(float((run.x - self.clean).norm()), 0.1 * float((once - self.clean).norm()))
        estimate = random(N, NY, NX)
        self.assertTrue(run.advance(run.x))
        self.assertFalse(run.advance(estimate))
        torch.testing.assert_close(run.x, physics.project(estimate, *measured))

    def test_consistency_is_not_expansive_and_of_one_coil_a_projection(self):
        a, b = random(N, NY, NX), random(N, NY, NX)
        moved = physics.project(a, *self.measured) - physics.project(b, *self.measured)
        self.assertLess(float(moved.norm()), float((a - b).norm()))
        one = torch.ones(N, 1, NY, NX, dtype=torch.complex64)
        y = random(N, NY, NX) * self.mask[:, 0]
        torch.testing.assert_close(physics.project(a, y[:, None], self.mask, one), physics.project(a, y, self.mask[:, 0]))


if __name__ == "__main__":
    unittest.main()
