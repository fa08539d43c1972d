import h5py
import numpy as np
import torch

from train import ahead, lesions, margins, volumes
from train.data import Slices
from train.physics import ifft2c

from .case import Case, anatomy


class Sweeps(Case):
    def test_what_cannot_run_is_said_in_a_line(self):
        out = self.folder / "new/margins.csv"
        self.call(margins.main, self.folder / "a.h5", "--out", out, "--closer", self.folder / "closer")
        self.assertIn("closer cannot be run: No such file", str(self.ended))
        self.call(margins.main, self.folder / "a.h5", "--out", out, "--closer", "false")
        self.assertEqual(self.ended, "false validate failed")
        self.call(ahead.main, "ccdf", self.folder, "unet", self.folder)
        self.assertIn("report.json", str(self.ended))


class Volumes(Case):
    def volume(self, *options):
        self.call(volumes.main, "--data", self.folder, "--split", "val", "--group", "site", "--out", self.folder / "volumes", *options)

    def test_a_volume_that_is_not_square(self):
        self.npz("val.npz", site=(170 * anatomy(3, 96, 128)).astype(np.uint8))
        self.volume()
        with h5py.File(self.folder / "volumes/val_site_phase.h5") as f:
            self.assertEqual(f["kspace"].shape, (3, 96, 128))
            header = f["ismrmrd_header"][()].decode()
        self.assertEqual(header.count("<x>96</x><y>128</y>"), 2)  # encoded and reconstructed: rows are readout
        self.assertEqual(header.count("<x>165</x><y>220</y>"), 2)  # mm, of square pixels

    def test_what_is_no_volume(self):
        self.npz("val.npz", site=(170 * anatomy(3)).astype(np.uint8))
        self.npz("val2.npz", site=(170 * anatomy(3, 64, 64)).astype(np.uint8))
        self.volume()
        self.assertIn("slices of one size", str(self.ended))
        self.volume("--slices", 0)
        self.assertEqual(self.ended, 2)


class Lesions(Case):
    def test_discs_lie_apart_in_tissue(self):
        tissue = np.zeros((120, 100), bool)
        tissue[20:90, 30:80] = True
        drawn = lesions.discs(tissue, 2, np.random.default_rng(0))
        self.assertEqual(set(np.unique(drawn)), {0, 1})
        self.assertEqual(drawn.sum() % 13, 0)  # pixels of each
        self.assertGreaterEqual(drawn.sum() // 13, 3)
        self.assertEqual((drawn[:18].sum(), drawn[:, :28].sum()), (0, 0))

    def test_only_the_discs_are_added(self):
        self.npz("test.npz", site=(170 * anatomy(5, 96, 128)).astype(np.uint8))
        reference = volumes.chosen(Slices(self.folder, "test"), 2)
        added = np.zeros_like(reference)
        added[0, 40:44, 50:54], added[1, 60, 60] = 0.1, 0.2
        k, brighter = (volumes.simulated(x, True, 0.01, 1, 0) for x in (reference, reference + added))
        np.testing.assert_allclose(abs(ifft2c(torch.from_numpy(brighter - k)).numpy()), added, atol=1e-6)
        self.assertAlmostEqual(np.linalg.norm(brighter - k), np.linalg.norm(added), places=4)  # of equal noise
