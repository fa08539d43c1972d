"""What a noise scan is worth: a phantom's coils with noise that they share, as raw data with and without a noise scan.

    noise.py write PHANTOM.h5 DIR          writes DIR/with.h5 and DIR/without.h5
    noise.py compare PHANTOM.h5 OUT OUT    prints by how many dB each method is nearer to what the coils have without noise, with the noise
                                           scan (the first OUT, a directory of closer recon) than without (the second)

The coils of both are combined otherwise, which shades the image: each is compared with the noise-free coils combined alike.
"""
import sys
from pathlib import Path

import h5py
import ismrmrd
import numpy as np

LEVEL = 0.02  # of the noise, of the brightest pixel


def coils(path):
    """k-space (slices, coils, ny, nx), its brightest pixel, and the mixing (coils, coils) of unit noise."""
    with h5py.File(path) as f:
        k = f["kspace"][()]
    n = k.shape[1]
    mixing = np.diag(np.linspace(0.5, 2, n)) @ (np.eye(n) + 0.5 * np.eye(n, k=-1) + 0.2j * np.eye(n, k=1))
    mixing /= np.sqrt(np.trace(mixing @ mixing.conj().T).real / n)
    return k, np.abs(image(k)).max(), mixing


def image(k):
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(k, axes=(-2, -1)), norm="ortho"), axes=(-2, -1))


def write(phantom, folder):
    k, top, mixing = coils(phantom)
    n, ny, nx = k.shape[1:]
    random = np.random.default_rng(7)
    noise = lambda count: LEVEL * top * mixing @ (random.standard_normal((n, count)) + 1j * random.standard_normal((n, count)))
    space = f"<matrixSize><x>{ny}</x><y>{nx}</y><z>1</z></matrixSize><fieldOfView_mm><x>{ny}</x><y>{nx}</y><z>5</z></fieldOfView_mm>"
    header = f"""<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><experimentalConditions><H1resonanceFrequency_Hz>63500000
</H1resonanceFrequency_Hz></experimentalConditions><encoding><encodedSpace>{space}</encodedSpace><reconSpace>{space}</reconSpace><encodingLimits>
<kspace_encoding_step_1><minimum>0</minimum><maximum>{nx - 1}</maximum><center>{nx // 2}</center></kspace_encoding_step_1></encodingLimits>
<trajectory>cartesian</trajectory></encoding></ismrmrdHeader>"""
    noisy = (k + np.stack([noise(ny * nx).reshape(n, ny, nx) for _ in k])).astype(np.complex64)
    for name in ("with", "without"):
        data = ismrmrd.Dataset(str(Path(folder) / f"{name}.h5"), mode="w")
        data.write_xml_header(header)
        for _ in range(16 * (name == "with")):
            a = ismrmrd.Acquisition.from_array((3 * noise(256)).astype(np.complex64))  # of another bandwidth
            a.set_flag(ismrmrd.ACQ_IS_NOISE_MEASUREMENT)
            data.append_acquisition(a)
        for s, c in np.ndindex(len(k), nx):
            a = ismrmrd.Acquisition.from_array(np.ascontiguousarray(noisy[s, :, :, c]))
            a.center_sample, a.idx.slice, a.idx.kspace_encode_step_1 = ny // 2, s, c
            data.append_acquisition(a)
        data.close()


def psnr(reference, x):
    scale = (x * reference).sum((1, 2), keepdims=True) / (x * x).sum((1, 2), keepdims=True)
    return 10 * np.log10(reference.max() ** 2 / np.mean((reference - scale * x) ** 2))


def compare(phantom, outs):
    k, _, mixing = coils(phantom)
    whitening = np.linalg.inv(np.linalg.cholesky(mixing @ mixing.conj().T))
    truth = [np.linalg.norm(image(np.einsum("ab,sbyx->sayx", w, k)), axis=1) for w in (whitening, np.eye(len(whitening)))]
    for path in sorted((Path(outs[0]) / "reconstruction").glob("*.h5")):
        found = []
        for out, reference in zip(outs, truth):
            with h5py.File(Path(out) / "reconstruction" / path.name) as f:
                found.append(psnr(reference, f["reconstruction"][()]))
        print(path.stem, f"{found[0] - found[1]:.2f}")


if __name__ == "__main__":
    write(*sys.argv[2:]) if sys.argv[1] == "write" else compare(sys.argv[2], sys.argv[3:])
