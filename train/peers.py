"""closer beside BART and PyTorch on the same file and masks:  python -m train.peers TEST.h5 --out DIR [--slices 4:8]

For every acceleration, every method reconstructs the same slices from the same masked k-space, each run in a process of its own
with the same number of threads. Rounds are interleaved, so that a busy machine is busy for all. BART is given k-space without
readout oversampling, as closer's methods are, and its regularisation is tuned on a slice of the validation patient. Everyone's
images are measured alike, and closer's report must say the same of its own. Writes DIR/peers.json and the table DIR/peers.md; run
again after an interruption, it goes on. Slow methods (score-pocs) have one round.

The processor time of closer's rows is of the whole program, with DICOM and report: the zero-filled row shows how much that is.
"""
import argparse
import base64
import json
import os
import platform
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

GRID = {  # of BART: λ in units of its own scaling of the data, iterations
    "T": [(lam, n) for lam in (0.005, 0.01, 0.02) for n in (100, 300)],
    "W": [(lam, n) for lam in (0.001, 0.003, 0.01, 0.03) for n in (50, 150)],
}
CLOSER = {  # name in the table: flags of closer recon
    "zero-filled": ["--method", "zero-filled"],
    "tv": ["--method", "tv"],
    "unet": ["--method", "unet"],
    "unet-dc": ["--method", "unet-dc"],
    "ccdf": ["--method", "ccdf"],
    "ccdf noise-free": ["--method", "ccdf", "--sampler", "noise-free", "--sigma-start", "0.03", "--steps", "3"],
    "score-pocs": ["--method", "score-pocs", "--num-scales", "1000"],
}
PYTORCH = {"pytorch ccdf": "ccdf", "pytorch score-pocs": "score-pocs"}
BART = {"bart tv": "T", "bart wavelet": "W"}
SLOW = ("score-pocs", "pytorch score-pocs")


def quality(reference, images) -> dict:
    """PSNR and SSIM of a volume as fastMRI's evaluate.py has them."""
    peak = reference.max()
    mse = np.mean((reference.astype(np.float64) - images) ** 2)
    ssim = [structural_similarity(r, x, data_range=peak) for r, x in zip(reference, images.astype(np.float32))]
    return {"psnr": float(10 * np.log10(float(peak) ** 2 / mse)), "ssim": float(np.mean(ssim))}


def timed(command, threads) -> dict:
    """Run a command; its clock and processor seconds and its largest resident memory."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "GOMAXPROCS": str(threads)}
    start, top = time.perf_counter(), 0
    process = subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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
        raise SystemExit(f"{command[0]} failed: {' '.join(map(str, command))}")
    return {"seconds": time.perf_counter() - start, "processor": usage.ru_utime + usage.ru_stime, "mib": top / 1024}


def write_cfl(path: Path, a):
    path.with_suffix(".hdr").write_text("# Dimensions\n" + " ".join(map(str, a.shape)) + "\n")
    a.astype(np.complex64).ravel("F").tofile(path.with_suffix(".cfl"))


def read_cfl(path: Path):
    shape = [int(n) for n in path.with_suffix(".hdr").read_text().splitlines()[1].split()]
    return np.fromfile(path.with_suffix(".cfl"), np.complex64).reshape(shape, order="F").squeeze()


class Problem:
    """The slices of one file under one mask, as closer draws it."""

    def __init__(self, args, volume: Path, slices: str | None, accel: int, work: Path):
        self.args, self.volume, self.work = args, volume, work
        self.options = ["--accel", accel, "--acs", ACS_FRACTION[accel], "--mask", "gaussian1d", "--mask-seed", 0, "--threads", args.threads]
        if slices:
            self.options += ["--slices", slices]
        report, _, _ = self.closer(CLOSER["zero-filled"])
        self.indices = [s["index"] for s in report["methods"][0]["slices"]]
        with h5py.File(volume) as f:
            k, self.reference = f["kspace"][()][self.indices], f[report["reference"]][()][self.indices]
        self.mask = np.unpackbits(np.frombuffer(base64.b64decode(report["mask"]["columns"]), np.uint8))[:k.shape[-1]].astype(bool)
        top = (k.shape[-2] - self.reference.shape[-2]) // 2
        self.y = fft2c(ifft2c(torch.from_numpy(k))[:, top:k.shape[-2] - top]).numpy() * self.mask

    def magnitude(self, x):
        side = (x.shape[-1] - self.reference.shape[-1]) // 2
        return np.abs(x)[..., side:x.shape[-1] - side]

    def closer(self, flags):
        """closer recon: the report, the cost of the process, the images."""
        out = self.work / "closer"
        cost = timed([self.args.closer, "recon", self.volume, "-o", out, *self.options, *flags], self.args.threads)
        report = json.loads((out / "report.json").read_text())
        with h5py.File(out / "reconstruction.h5") as f:
            images = f["reconstruction"][()]
        return report, cost, images

    def pytorch(self, method):
        archive, out = self.work / "y.npz", self.work / "x.npz"
        scale = np.percentile(ifft2c(torch.from_numpy(self.y)).abs().numpy(), 99.5, axis=(1, 2), method="inverted_cdf")[:, None, None].astype(np.float32)
        np.savez(archive, y=self.y / scale, mask=self.mask)
        cost = timed([sys.executable, "-m", "train.peers_loop", archive, out, method, "--threads", self.args.threads], self.args.threads)
        result = np.load(out)
        return {**cost, "seconds": float(result["seconds"].mean())}, self.magnitude(result["images"] * scale)

    def bart(self, kind, setting):
        """bart pics, a process for each slice; starting one takes about 10 ms."""
        k, s, x = (self.work / name for name in ("k", "s", "x"))
        write_cfl(s, np.ones((*self.y.shape[1:], 1, 1)))
        images, costs = [], []
        for y in self.y:
            write_cfl(k, y[:, :, None, None])
            costs.append(timed(["bart", "pics", "-S", "-i", setting[1], "-R", f"{kind}:3:0:{setting[0]}", k, s, x], self.args.threads))
            images.append(self.magnitude(read_cfl(x)))
        return {"seconds": statistics.mean(c["seconds"] for c in costs), "processor": sum(c["processor"] for c in costs),
                "mib": max(c["mib"] for c in costs)}, np.stack(images)

    def run(self, name, tuned) -> dict:
        """One round of a method: quality, seconds and processor seconds a slice, peak memory."""
        extra = {}
        if name in CLOSER:
            report, cost, images = self.closer(CLOSER[name])
            method = report["methods"][0]
            cost["seconds"], extra = method["seconds_per_slice"], {"nfe": method["nfe"]}
        elif name in PYTORCH:
            cost, images = self.pytorch(PYTORCH[name])
        else:
            cost, images = self.bart(BART[name], tuned[name])
            extra = {"lambda": tuned[name][0], "iterations": tuned[name][1]}
        found = quality(self.reference, images)
        if name in CLOSER and abs(found["psnr"] - method["volume"]["psnr"]) + abs(found["ssim"] - method["volume"]["ssim"]) > 1e-3:
            raise SystemExit(f"{name}: closer's report says {method['volume']}, its images {found}")
        return {**found, **cost, "processor": cost["processor"] / len(self.indices), **extra}


def tune(problem: Problem) -> dict:
    """(λ, iterations) of the highest PSNR for each of BART's methods, and the whole grid."""
    grid = {name: [(*setting, quality(problem.reference, problem.bart(kind, setting)[1])["psnr"]) for setting in GRID[kind]]
            for name, kind in BART.items()}
    return {name: max(rows, key=lambda r: r[2]) for name, rows in grid.items()} | {"grid": grid}


def remember(path: Path, make) -> dict:
    """What make returned, now or in an earlier run."""
    if not path.exists():
        value = make()
        path.write_text(json.dumps(value, indent=1))
    return json.loads(path.read_text())


def validation_volume(args, work: Path) -> Path:
    """One slice of the validation patient as a scan of the test file's kind: phase encode anterior-posterior, phase, noise."""
    image, scan = work / "validation.npy", work / "validation.h5"
    slices = np.load(args.data / "val.npz")["openms"]
    np.save(image, np.ascontiguousarray(slices[20:21].transpose(0, 2, 1)) / np.float32(170))
    timed([args.closer, "simulate", image, "-o", scan, "--phase", 1], args.threads)
    return scan


def measure(args, work: Path) -> list[dict]:
    rows = []
    for accel in args.accel:
        folder = args.out / f"accel-{accel}"
        folder.mkdir(parents=True, exist_ok=True)
        tuned = None
        if any(name in BART for name in args.methods):
            tuned = remember(folder / "tuned.json", lambda: tune(Problem(args, validation_volume(args, work), None, accel, work)))
        problem = Problem(args, args.volume, args.slices, accel, work)
        for round in range(args.rounds):
            for name in args.methods:
                if round > 0 and name in SLOW:
                    continue
                path = folder / f"{name.replace(' ', '-')}-{round}.json"
                row = remember(path, lambda: {"accel": accel, "method": name, "round": round, **problem.run(name, tuned)})
                rows.append(row)
                print(f"x{accel} {name}: {row['psnr']:.2f} dB, {row['seconds']:.2f} s a slice", flush=True)
    return rows


def table(rows) -> str:
    """One line a method and acceleration; times are medians over the rounds."""
    lines = ["| | method | PSNR dB | SSIM | s/slice | processor s/slice | peak MiB |", "|---|---|---|---|---|---|---|"]
    for accel, name in dict.fromkeys((r["accel"], r["method"]) for r in rows):
        runs = [r for r in rows if (r["accel"], r["method"]) == (accel, name)]
        median = {k: statistics.median(r[k] for r in runs) for k in ("psnr", "ssim", "seconds", "processor", "mib")}
        note = f" (λ {runs[0]['lambda']:g}, {runs[0]['iterations']} iterations)" if "lambda" in runs[0] else ""
        lines.append(f"| ×{accel} | {name}{note} | {median['psnr']:.2f} | {median['ssim']:.3f} | {median['seconds']:.2f} | "
                     f"{median['processor']:.2f} | {median['mib']:.0f} |")
    return "\n".join(lines)


def main():
    every = [*CLOSER, *BART, *PYTORCH]
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("volume", type=Path)
    p.add_argument("--data", type=Path, default=Path("../shared/data/slices"))
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--slices", help="from:to of the volume (default all)")
    p.add_argument("--accel", type=lambda s: [int(a) for a in s.split(",")], default=[4, 6])
    p.add_argument("--methods", type=lambda s: s.split(","), default=every, help=f"of {', '.join(every)}")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--closer", default="bin/closer")
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as work:
        rows = measure(args, Path(work))
    text = table(rows)
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "threads": args.threads, "load": os.getloadavg(),
               "bart": subprocess.run(["bart", "version"], capture_output=True, text=True).stdout.strip()}
    (args.out / "peers.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1))
    (args.out / "peers.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
