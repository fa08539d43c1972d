import h5py
import numpy as np

from train import ahead, margins, volumes

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
