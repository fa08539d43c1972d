"""The figures of README and doc, made anew:  python -m train.figures VOLUMES --out doc/figures.csv

Runs `closer recon` for every scan and method of each table below, so that the figures are the program's own; one line of the CSV each,
which says what it is of. VOLUMES is the folder of simulated scans that `make figures` fills. An interrupted run goes on where it stopped;
one of other networks needs another CSV. `python -m train.documents` puts the tables into the documents.
"""
import argparse
import itertools
from pathlib import Path
from typing import Callable, NamedTuple

from .margins import RUNS
from .physics import ACS_FRACTION
from .rows import append, configuration, read, recon, resume

FLAIR = "fastmri/singlecoil_val/brain_axflair_sc.h5"  # below --data; a patient that no network has seen
AXT1 = "fastmri/multicoil_test/brain_axt1_mc_undersampled.h5"


def mask(accel: int, kind: str = "gaussian1d") -> list[str]:
    return ["--accel", str(accel), "--acs", f"{ACS_FRACTION[accel]:.2f}", "--mask", kind, "--seed", "0"]


SCANS = {  # as the tables name them: the volume, below --data or in VOLUMES, and flags of closer recon
    "×2": (FLAIR, mask(2)),
    "×4": (FLAIR, mask(4)),
    "×6": (FLAIR, mask(6)),
    "×4 equispaced": (FLAIR, mask(4, "equispaced")),
    "×4 random": (FLAIR, mask(4, "random")),
    "phantom ×4": ("phantom.h5", mask(4)),
    "two slices": (FLAIR, [*mask(4), "--slices", "4:6"]),
    "4 coils": ("test_openms_phase_4coils.h5", mask(4)),
    "8 coils": ("test_openms_phase_8coils.h5", mask(4)),
    "8 coils, equispaced": ("test_openms_phase_8coils.h5", mask(4, "equispaced")),
    "train (5 patients, 12 slices)": ("train_openms_phase.h5", mask(4)),
    "val (1 patient, 6 slices)": ("val_openms_phase.h5", mask(4)),
    "test (1 patient, 12 slices)": ("test_openms_phase.h5", mask(4)),
    "8 coils, both axes, real": ("sigpy.h5", ["--held-out", "0.05"]),
    "4 coils, columns": (AXT1, ["--held-out", "0.05", "--slices", "0:1"]),
}
BASE = ("zero-filled", "tv", "unet", "unet-dc", "ccdf")
METHODS = {BASE: [], **{titles: flags for titles, flags in RUNS.items() if flags}, ("ccdf, from tv",): ["--initial", "tv"]}


# What a cell says of a row of the CSV, beside those of the other methods of its table.

def quality(row: dict, column: dict[str, dict]) -> str:
    return bold(f"{row['psnr']:.2f} / {row['ssim']:.3f}".replace("/ 0.", "/ ."), row["psnr"] == max(r["psnr"] for r in column.values()))


def gain(row: dict, column: dict[str, dict]) -> str:
    zero_filled = column["zero-filled"]
    return f"{row['psnr']:.2f}" + (f" ({row['psnr'] - zero_filled['psnr']:+.2f})" if row is not zero_filled else "")


def held_out(row: dict, column: dict[str, dict]) -> str:
    return bold(f"{row['held_out']:.3f} / {row['residual']:.3f}", row["held_out"] == min(r["held_out"] for r in column.values()))


def bold(text: str, best: bool) -> str:
    return f"**{text}**" if best else text


def evaluations(row: dict, _) -> str:
    return f"{row['nfe']:.0f}"


def seconds(row: dict, _) -> str:
    return f"{row['seconds']:.2g}"


def share(row: dict, _) -> str:
    return f"{100 * row['in_networks']:.0f} %" if row["in_networks"] else "–"


class Table(NamedTuple):
    """Columns have a head, a scan, and what its cells say; lines are methods."""
    columns: list[tuple[str, str, Callable]]
    methods: list[str]


def columns(cell: Callable, *scans: str) -> list[tuple[str, str, Callable]]:
    return [(scan, scan, cell) for scan in scans]


CCDF = ["ccdf", *(titles[-1] for titles, flags in RUNS.items() if flags and "denoised" not in flags)]
DENOISED = ["ccdf, denoised", "ccdf, denoised, from unet-tv"]
TABLES = {
    "quality": Table([*columns(quality, "×2", "×4", "×6", "×4 equispaced", "×4 random", "phantom ×4"), ("NFE", "two slices", evaluations),
                      ("s/slice", "two slices", seconds), ("in networks", "two slices", share)], [*BASE[:-1], *CCDF]),
    "coils": Table(columns(quality, "4 coils", "8 coils", "8 coils, equispaced"), ["tv", "unet-dc", *CCDF[:4], "ccdf, from tv", *DENOISED]),
    "splits": Table(columns(gain, *(scan for scan in SCANS if "patient" in scan)), ["zero-filled", "unet", "unet-dc", "ccdf"]),
    "held-out": Table(columns(held_out, "8 coils, both axes, real", "4 coils, columns"), [*BASE, "ccdf, from tv", *DENOISED]),
}


def path(args, scan: str) -> Path:
    volume = SCANS[scan][0]
    return (args.data if "/" in volume else args.volumes) / volume


def report(args, scan: str, *options: str) -> dict:
    """closer's report of a scan."""
    return recon(args.closer, path(args, scan), *SCANS[scan][1], *options)


def measured_of(args) -> str:
    """The configuration: one step of one slice of each volume tells which volumes and networks these are."""
    volumes = {path(args, scan): scan for scan in SCANS}
    first = lambda scan: report(args, scan, "--slices", "0:1", "--method", "ccdf", "--steps", "1")
    return configuration({file.stem: first(scan) for file, scan in volumes.items()}, [])


def said(scan: str, flags: list[str]) -> str:
    return " ".join([*SCANS[scan][1], *flags])


def measure(args, scan: str, titles: tuple[str, ...], flags: list[str]) -> list[dict]:
    """One run of closer: a row for each of its methods."""
    title = {title.split(",")[0]: title for title in titles}
    methods = report(args, scan, *(option for name in title for option in ("--method", name)), *flags)["methods"]
    return [{"scan": scan, "method": title[m["name"]], "flags": said(scan, flags), **{key: m.get("volume", {}).get(key) for key in ("psnr", "ssim")}, "held_out": m.get("held_out_error"),
             "residual": m["dc_residual"]["rms"], "nfe": m["nfe"], "seconds": m["seconds_per_slice"], "in_networks": m["network_seconds"] / m["seconds"]}
            for m in methods]


def sweep(args):
    """Measure what the CSV lacks."""
    of = measured_of(args)
    known = {(r["scan"], r["method"], r["flags"]) for r in resume(args.out, of)}
    for table, (titles, flags) in itertools.product(TABLES.values(), METHODS.items()):
        wanted = tuple(title for title in titles if title in table.methods)
        for scan in dict.fromkeys(scan for _, scan, _ in table.columns):
            if wanted and (scan, wanted[-1], said(scan, flags)) not in known:
                append(args.out, *({"configuration": of, **row} for row in measure(args, scan, wanted, flags)))


def table(rows: list[dict], name: str) -> str:
    """A table in Markdown."""
    shown, methods = TABLES[name]
    of = {scan: {r["method"]: r for r in rows if r["scan"] == scan and r["method"] in methods} for _, scan, _ in shown}
    lines = ["| | " + " | ".join(head for head, _, _ in shown) + " |", "|---|" + "---|" * len(shown)]
    for method in methods:
        cells = (cell(of[scan][method], of[scan]) for _, scan, cell in shown)
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("volumes", type=Path)
    p.add_argument("--data", type=Path, default=Path("../shared/data"))
    p.add_argument("--closer", default="bin/closer")
    p.add_argument("--out", type=Path, required=True)
    args = p.parse_args()
    sweep(args)
    for name in TABLES:
        print(f"{name}\n{table(read(args.out), name)}\n")


if __name__ == "__main__":
    main()
