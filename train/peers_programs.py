"""The programs that train.peers puts side by side, each run in a process of its own on the same slices under the same mask."""
import base64
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import torch
from skimage.metrics import structural_similarity

from .physics import ACS_FRACTION, fft2c, ifft2c

CLOSER = {  # name in the table: flags of closer recon
    "zero-filled": ["--method", "zero-filled"],
    "tv": ["--method", "tv"],
    "unet": ["--method", "unet"],
    "unet-dc": ["--method", "unet-dc"],
    "ccdf": ["--method", "ccdf", "--sampler", "ve"],
    "ccdf noise-free": ["--method", "ccdf", "--sampler", "noise-free", "--sigma-start", "0.08", "--steps", "3"],
    "score-pocs": ["--method", "score-pocs"],
}
PYTORCH = {"pytorch ccdf": "ccdf", "pytorch score-pocs": "score-pocs"}
BART = {"bart tv": ("T", None), "bart tv 100": ("T", 100), "bart wavelets": ("W", None)}  # and iterations; None: tuned too
GRID = {"T": ((0.0025, 0.005, 0.01), (100, 300)), "W": ((0.0003, 0.001, 0.003), (50, 150))}  # λ in BART's own scaling of the data; iterations
GROWTHS = 3  # of the grid of λ, where the best is at its edge
SLOW = ("score-pocs", "pytorch score-pocs")
FAST = (*(name for name in CLOSER if name not in SLOW), *BART, "pytorch ccdf")


def closer_options(args, accel: int, slices: str) -> list[str]:
    """Flags of closer recon beside those of the method; slices "" are all."""
    options = ["--accel", accel, "--acs", f"{ACS_FRACTION[accel]:.2f}", "--mask", "gaussian1d", "--mask-seed", 0, "--threads", args.threads]
    return list(map(str, options)) + (["--slices", slices] if slices else [])


def method_flags(args, name: str) -> list[str]:
    return CLOSER[name] + (["--num-scales", str(args.levels)] if name in SLOW else [])


def bart_command(kind: str, setting) -> list[str]:
    return ["bart", "pics", "-S", "-i", str(setting[1]), "-R", f"{kind}:3:0:{setting[0]}"]


def quality(reference, images) -> dict:
    """PSNR and SSIM of a volume as fastMRI's evaluate.py has them."""
    peak = reference.max()
    mse = np.mean((reference.astype(np.float64) - images) ** 2)
    ssim = [structural_similarity(r, x, data_range=peak) for r, x in zip(reference, images.astype(np.float32))]
    return {"psnr": float(10 * np.log10(float(peak) ** 2 / mse)), "ssim": float(np.mean(ssim))}


def timed(command, threads: int) -> dict:
    """Run a command on the last cores, one a thread; its clock and processor seconds and its largest resident memory."""
    command, cores = list(map(str, command)), sorted(os.sched_getaffinity(0))[-threads:]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "GOMAXPROCS": str(threads)}
    with tempfile.TemporaryFile() as complaints:
        start, top = time.perf_counter(), 0
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=complaints,
                                   preexec_fn=lambda: os.sched_setaffinity(0, cores))
        while True:  # getrusage would count this program's own memory too, which the child has until it is another program
            try:
                top = max(top, int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1]))
            except TypeError:  # it has just ended
                pass
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            time.sleep(0.01)
        if status != 0:
            complaints.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{complaints.read().decode(errors='replace')[-2000:]}")
    return {"seconds": time.perf_counter() - start, "processor": usage.ru_utime + usage.ru_stime, "mib": top / 1024}


def write_cfl(path: Path, a):
    path.with_suffix(".hdr").write_text("# Dimensions\n" + " ".join(map(str, a.shape)) + "\n")
    a.astype(np.complex64).ravel("F").tofile(path.with_suffix(".cfl"))


def read_cfl(path: Path):
    shape = [int(n) for n in path.with_suffix(".hdr").read_text().splitlines()[1].split()]
    return np.fromfile(path.with_suffix(".cfl"), np.complex64).reshape(shape, order="F").squeeze()


class Problem:
    """Slices of one file, all of them where slices is "", under one mask, as closer draws it."""

    def __init__(self, args, volume: Path, slices: str, accel: int, work: Path):
        self.args, self.volume, self.work = args, volume, work
        self.options = closer_options(args, accel, slices)
        self.report, _, _ = self.closer("zero-filled")
        self.indices = [s["index"] for s in self.report["methods"][0]["slices"]]
        with h5py.File(volume) as f:
            k, self.reference = f["kspace"][()][self.indices], f[self.report["reference"]][()][self.indices]
        self.mask = np.unpackbits(np.frombuffer(base64.b64decode(self.report["mask"]["columns"]), np.uint8))[:k.shape[-1]].astype(bool)
        top = (k.shape[-2] - self.reference.shape[-2]) // 2
        self.y = fft2c(ifft2c(torch.from_numpy(k))[:, top:k.shape[-2] - top]).numpy() * self.mask

    def magnitude(self, x):
        side = (x.shape[-1] - self.reference.shape[-1]) // 2
        return np.abs(x)[..., side:x.shape[-1] - side]

    def closer(self, name):
        """closer recon: the report, the cost of the process, the images."""
        out = self.work / f"closer-{self.volume.stem}"  # of each input its own: closer refuses one that has the results of another
        cost = timed([self.args.closer, "recon", self.volume, "-o", out, *self.options, *method_flags(self.args, name)], self.args.threads)
        report = json.loads((out / "report.json").read_text())
        with h5py.File(out / "reconstruction.h5") as f:
            images = f["reconstruction"][()]
        return report, cost, images

    def pytorch(self, method):
        archive, out = self.work / "y.npz", self.work / "x.npz"
        scale = np.percentile(ifft2c(torch.from_numpy(self.y)).abs().numpy(), 99.5, axis=(1, 2), method="inverted_cdf")[:, None, None].astype(np.float32)
        np.savez(archive, y=self.y / scale, mask=self.mask)
        cost = timed([sys.executable, "-m", "train.peers_loop", archive, out, method, "--threads", self.args.threads, "--levels", self.args.levels],
                     self.args.threads)
        result = np.load(out)
        return {**cost, "seconds": float(result["seconds"].mean())}, self.magnitude(result["images"] * scale)

    def bart(self, kind, setting):
        """bart pics, a process for each slice; starting one takes about 10 ms."""
        k, s, x = (self.work / name for name in ("k", "s", "x"))
        write_cfl(s, np.ones((*self.y.shape[1:], 1, 1)))
        images, costs = [], []
        for y in self.y:
            write_cfl(k, y[:, :, None, None])
            costs.append(timed([*bart_command(kind, setting), k, s, x], self.args.threads))
            images.append(self.magnitude(read_cfl(x)))
        return {"seconds": statistics.mean(c["seconds"] for c in costs), "processor": sum(c["processor"] for c in costs),
                "mib": max(c["mib"] for c in costs)}, np.stack(images)

    def run(self, name, tuned) -> dict:
        """One round of a method: quality of all slices and of each, seconds and processor seconds a slice, peak memory."""
        extra = {}
        if name in CLOSER:
            report, cost, images = self.closer(name)
            method = report["methods"][0]
            cost["seconds"], extra = method["seconds_per_slice"], {"nfe": method["nfe"], "models": method["models"], "software": report["software"]}
        elif name in PYTORCH:
            cost, images = self.pytorch(PYTORCH[name])
        else:
            cost, images = self.bart(BART[name][0], tuned[name])
            extra = {"setting": tuned[name][:2]}
        found = quality(self.reference, images)
        if name in CLOSER and abs(found["psnr"] - method["volume"]["psnr"]) + abs(found["ssim"] - method["volume"]["ssim"]) > 1e-3:
            raise SystemExit(f"{name}: closer's report says {method['volume']}, its images {found}")
        each = {i: quality(self.reference[k:k + 1], images[k:k + 1]) for k, i in enumerate(self.indices)}
        return {**found, **cost, "processor": cost["processor"] / len(self.indices), "slices": each, **extra}


def tune(problem: Problem) -> dict:
    """(λ, iterations, PSNR) of the highest PSNR for each of BART's methods, and the grid of each kind, which grows while the best is at its edge."""
    grids = {}
    for kind, (lambdas, iterations) in GRID.items():
        measured = lambda lam: [(lam, n, quality(problem.reference, problem.bart(kind, (lam, n))[1])["psnr"]) for n in iterations]
        rows = [row for lam in lambdas for row in measured(lam)]
        for _ in range(GROWTHS):
            best, least, most = max(rows, key=lambda row: row[2])[0], min(rows)[0], max(rows)[0]
            if least < best < most:
                break
            rows += measured(float(f"{least / 2.5 if best == least else most * 2.5:.2g}"))
        grids[kind] = sorted(rows)
    return {name: max((row for row in grids[kind] if n in (None, row[1])), key=lambda row: row[2]) for name, (kind, n) in BART.items()} | {"grids": grids}
