"""By how much CCDF is ahead of its own U-Net:  python -m train.margins VOLUME.h5 [VOLUME.h5 …] --out doc/margins.csv

Runs `closer validate` for every seed, of mask and samplers, so that the figures are the program's own; one line of the CSV for each
volume, acceleration, seed and method, which says what it is of; a table of the differences is printed. An interrupted run
goes on where it stopped; one of other volumes or networks needs another CSV.
"""
import argparse
import json
import statistics
import tempfile
from pathlib import Path

from .physics import ACS_FRACTION
from .rows import append, closer, configuration, read, resume

ACCELERATIONS = (2, 4, 6)
MASKS = ["--accel", ",".join(map(str, ACCELERATIONS)), "--acs", ",".join(str(ACS_FRACTION[a]) for a in ACCELERATIONS)]
RUNS = {  # methods of one run, as the table names them: flags of closer validate
    ("zero-filled", "unet", "unet-dc", "ccdf"): [],
    ("ccdf, 3 steps",): ["--steps", "3"],
    ("ccdf, from unet-tv",): ["--initial", "unet-tv"],
    ("ccdf, 3 steps from unet-tv",): ["--initial", "unet-tv", "--steps", "3"],
    ("ccdf, VE, 20 steps",): ["--sampler", "ve"],
    ("ccdf, denoised",): ["--sampler", "denoised"],
    ("ccdf, denoised, from unet-tv",): ["--sampler", "denoised", "--initial", "unet-tv"],
    ("ccdf, denoised, 3 steps from unet-tv",): ["--sampler", "denoised", "--initial", "unet-tv", "--steps", "3"],
}


def validate(args, out: str, *options: str):
    """Run closer on all volumes."""
    closer(args.closer, "validate", *args.volumes, "-o", out, *options)


def measured_of(args) -> str:
    """The configuration: one step of one slice of each volume tells which volumes and networks these are."""
    with tempfile.TemporaryDirectory() as out:
        validate(args, out, "--method", "ccdf", "--slices", "0:1", "--steps", "1")
        units = json.loads((Path(out) / "report.json").read_text())["units"]
    return configuration({Path(u["file"]).stem: u["report"] for u in units}, MASKS)


def measure(args, seed: int, methods: tuple[str, ...], flags: list[str]) -> list[dict]:
    """One run over all volumes and accelerations."""
    named = [option for m in methods for option in ("--method", m.split(",")[0])]
    with tempfile.TemporaryDirectory() as out:
        validate(args, out, *MASKS, "--mask-seed", str(seed), "--seed", str(seed), *named, *flags)
        rows = [row for row in read(Path(out) / "report.csv") if row["scope"] == "volume"]
    title = {m.split(",")[0]: m for m in methods}
    return [{"seed": seed, "volume": Path(r["file"]).stem, "accel": int(r["accel_nominal"]), "method": title[r["method"]],
             "psnr": r["psnr"], "ssim": r["ssim"]} for r in rows]


def sweep(args) -> list[dict]:
    """Measure what the CSV lacks, seed by seed."""
    of = measured_of(args)
    known = {(r["seed"], r["method"]) for r in resume(args.out, of)}
    for seed in range(args.seeds):
        for methods, flags in RUNS.items():
            if (seed, methods[-1]) in known:
                continue
            append(args.out, *({"configuration": of, **row} for row in measure(args, seed, methods, flags)))
    return read(args.out)


def deviation(values: list[float]) -> float:
    """Sample standard deviation (n−1), as closer has it; 0 of a single value."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def table(rows: list[dict]) -> str:
    """Mean PSNR of the seeds, and what each CCDF gains over the U-Net and the data-consistent U-Net, ± its deviation between seeds."""
    value = {(r["volume"], r["accel"], r["method"], r["seed"]): r["psnr"] for r in rows}
    seeds = sorted({r["seed"] for r in rows})
    lines = ["| volume | acceleration | zero-filled | unet | unet-dc | method | PSNR | − unet | − unet-dc |", "|---|---|---|---|---|---|---|---|---|"]
    for volume in sorted({r["volume"] for r in rows}):
        for accel in ACCELERATIONS:
            of = lambda method: [value[volume, accel, method, s] for s in seeds]
            base = [f"{statistics.mean(of(m)):.2f}" for m in ("zero-filled", "unet", "unet-dc")]
            for method in [methods[-1] for methods in RUNS]:
                gains = [[a - b for a, b in zip(of(method), of(other))] for other in ("unet", "unet-dc")]
                text = [f"{statistics.mean(g):+.2f} ± {deviation(g):.2f}" for g in gains]
                lines.append(f"| {volume} | ×{accel} | {' | '.join(base)} | {method} | {statistics.mean(of(method)):.2f} | {' | '.join(text)} |")
    return "\n".join(lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("volumes", nargs="+")
    p.add_argument("--closer", default="bin/closer")
    p.add_argument("--seeds", type=int, default=5)
    p.add_argument("--out", type=Path, required=True)
    args = p.parse_args()
    print(table(sweep(args)))


if __name__ == "__main__":
    main()
