"""Prints the golden values of golden_test.go:  python3 gen.py [path of fastMRI's subsample.py]

numpy's legacy generator is frozen by its authors, so any numpy gives these. The masks of fastMRI are drawn by its own file
when a path is given (facebookresearch/fastMRI 91f2df4), else by the lines below that repeat it.
"""
import numpy as np


def go(mask):
    return "".join("1" if on else "0" for on in mask)


def score_mri(size, acc, cf, seed):
    """get_mask(type='gaussian1d') of HJ-harry/score-MRI 8359aae utils.py."""
    np.random.seed(seed)
    mask = np.zeros(size)
    nsamp, mean, std = size // acc, size // 2, size * (15.0 / 128)
    center = int(size * cf)
    idx = np.random.normal(loc=mean, scale=std, size=int(nsamp * 1.2)).astype(int)
    mask[np.clip(idx, 0, size - 1)] = 1
    start = size // 2 - center // 2
    mask[start:start + center] = 1
    return mask


def fastmri(kind, cols, acc, cf, seed):
    rng = np.random.RandomState(seed)
    rng.randint(1)  # choose_acceleration
    low = round(cols * cf)
    if kind == "random":
        mask = rng.uniform(size=cols) < (cols / acc - low) / (cols - low)
    elif kind == "equispaced":
        mask = np.zeros(cols)
        mask[rng.randint(0, high=round(acc))::acc] = 1
    else:
        step = (acc * (low - cols)) / (low * acc - cols)
        offset = rng.randint(0, high=round(step))
        mask = np.zeros(cols)
        mask[np.around(np.arange(offset, cols - 1, step)).astype(np.uint)] = 1
    pad = (cols - low + 1) // 2
    mask[pad:pad + low] = 1
    return mask


def main():
    y, x = np.mgrid[0:3, 0:4]
    k = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(y + 1 + 1j * x * x), norm="ortho"))
    print("fft2", ", ".join(f"{v.real:.6f}{v.imag:+.6f}i" for v in k.ravel()))
    for size, acc, cf, seed in ((320, 4, 0.08, 0), (368, 6, 0.06, 7)):
        print("score-mri", size, acc, cf, seed, go(score_mri(size, acc, cf, seed)))
    name = tuple(map(ord, "file1000000.h5"))
    for kind, cols, acc, cf, seed in (("random", 368, 4, 0.08, 0), ("random", 372, 8, 0.04, name), ("equispaced", 368, 4, 0.08, 3),
                                      ("equispaced_fraction", 368, 4, 0.08, 3), ("equispaced_fraction", 372, 8, 0.04, name)):
        print(kind, cols, acc, cf, seed if isinstance(seed, int) else "file1000000.h5", go(fastmri(kind, cols, acc, cf, seed)))


main()
