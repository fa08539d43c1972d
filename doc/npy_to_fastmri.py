#!/usr/bin/env python3
"""K-space in a .npy file as a scan in the fastMRI layout:  python3 doc/npy_to_fastmri.py KSPACE.npy SCAN.h5

KSPACE is one slice (coils, rows, columns), complex, 0 where nothing was acquired. The mask of k-space's own shape says that both axes
are phase encode, so that single samples count, not columns. Needs h5py and numpy.
"""
import sys

import h5py
import numpy as np

source, target = sys.argv[1:]
k = np.load(source)
with h5py.File(target, "w") as f:
    f["kspace"], f["mask"] = k[None].astype(np.complex64), (k != 0).any(0)
print(f"{target}: {k.shape[0]} coils, {k.shape[1]} × {k.shape[2]}, {(k != 0).any(0).mean():.1%} of the samples")
