"""What the checks share: a folder that vanishes, files as a site has them, and commands with what they say."""
import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import h5py
import numpy as np


def anatomy(n=1, ny=40, nx=48, seed=0) -> np.ndarray:
    """Slices (n, ny, nx) with a bright disc and some texture, 1.0 at most."""
    y, x = np.mgrid[-1:1:ny * 1j, -1:1:nx * 1j]
    texture = np.random.default_rng(seed).random((n, ny, nx))
    return ((x**2 + y**2 < 0.7) * (0.5 + 0.5 * texture)).astype(np.float32)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def npz(self, name: str, **groups):
        np.savez(self.folder / name, **(groups or {"site": (170 * anatomy(4, seed=len(name))).astype(np.uint8)}))

    def h5(self, name: str, patient="", **datasets):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as f:
            for key, value in datasets.items():
                f[key] = value
            f.attrs["patient_id"] = patient
        return path

    def call(self, main, *arguments) -> str:
        """What a command prints; how it ended, when not by itself, is in self.ended."""
        self.ended, said = None, io.StringIO()
        with mock.patch.object(sys, "argv", ["command", *map(str, arguments)]), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                main()
            except SystemExit as e:
                self.ended = e.code
        return said.getvalue()
