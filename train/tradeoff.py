"""What CCDF's start and steps cost and give:  python -m train.tradeoff VOLUME.h5 --out doc/tradeoff.csv

Runs `closer recon` for every sampler, starting level and number of steps, so that the figures are the program's own; one line of
the CSV each, which says what it is of. An interrupted sweep goes on where it stopped; one of another volume, other options or other
networks needs another CSV. A picture is drawn beside the CSV; `make figures` puts the table and the picture into the documents.
"""
import argparse
import itertools
from pathlib import Path

from .rows import append, configuration, read, recon, resume

SAMPLERS = ("ve", "ddim", "second-order", "noise-free")
STARTS = (0.008, 0.0122, 0.02, 0.04, 0.08, 0.16, 0.3, 0.5)
STEPS = (2, 3, 5, 10, 20, 50)


def ccdf(args, *options: str) -> dict:
    """The report of ccdf with the sweep's options and these."""
    return recon(args.closer, args.volume, "--method", "ccdf", *args.options, *options)


def measure(args, sampler: str, start: float, steps: int) -> dict:
    """The report's figures of one setting."""
    method = ccdf(args, "--sampler", sampler, "--sigma-start", str(start), "--steps", str(steps))["methods"][0]
    return {"sampler": sampler, "sigma_start": start, "steps": steps, "nfe": method["nfe"], "psnr": method["volume"]["psnr"],
            "ssim": method["volume"]["ssim"], "seconds_per_slice": method["seconds_per_slice"]}


def sweep(args) -> list[dict]:
    """Measure what the CSV lacks, fewest steps first."""
    # One step of one slice, run before anything is believed, tells which volume and networks these are.
    of = configuration({args.volume.stem: ccdf(args, "--slices", "0:1", "--steps", "1")}, args.options)
    known = {(r["sampler"], r["sigma_start"], int(r["steps"])) for r in resume(args.out, of)}
    for steps, start, sampler in itertools.product(STEPS, STARTS, SAMPLERS):
        if (sampler, start, steps) in known:
            continue
        append(args.out, {"configuration": of, **measure(args, sampler, start, steps)})
    return read(args.out)


def table(rows: list[dict]) -> str:
    """PSNR, one line for each sampler and start, one column for each number of steps; the best of each sampler in bold."""
    value = {(r["sampler"], r["sigma_start"], int(r["steps"])): r["psnr"] for r in rows}
    lines = ["| sampler | σ_start | " + " | ".join(f"{n} steps" for n in STEPS) + " |", "|---|---|" + "---|" * len(STEPS)]
    for sampler, start in itertools.product(SAMPLERS, STARTS):
        best = max(v for k, v in value.items() if k[0] == sampler)
        cells = [value.get((sampler, start, n)) for n in STEPS]
        text = ("–" if v is None else f"**{v:.2f}**" if v == best else f"{v:.2f}" for v in cells)
        lines.append(f"| {sampler} | {start:g} | " + " | ".join(text) + " |")
    return "\n".join(lines)


def picture(rows: list[dict], path: Path):
    """One panel a sampler: PSNR against NFE, one line for each starting level; what is over 3 dB below the best is cut off."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    best = max(r["psnr"] for r in rows)
    figure, axes = plt.subplots(1, len(SAMPLERS), figsize=(13, 3.6), sharey=True, constrained_layout=True)
    for axis, sampler in zip(axes, SAMPLERS):
        for start in STARTS:
            line = sorted((r["nfe"], r["psnr"]) for r in rows if r["sampler"] == sampler and r["sigma_start"] == start)
            axis.plot(*zip(*line), marker="o", markersize=3, label=f"{start:g}")
        axis.set(title=sampler, xlabel="NFE", xscale="log", ylim=(best - 3.2, best + 0.2))
        axis.set_xticks(STEPS, [str(n) for n in STEPS])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("PSNR, dB")
    axes[0].legend(title="σ_start", fontsize=8, loc="upper left")
    figure.savefig(path, dpi=110)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("volume", type=Path)
    p.add_argument("--closer", default="bin/closer")
    p.add_argument("--out", type=Path, required=True)
    args, args.options = p.parse_known_args()
    rows = sweep(args)
    print(table(rows))
    picture(rows, args.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
