"""closer beside BART and PyTorch on the same file and masks:  python -m train.peers TEST.h5 --out DIR

For every acceleration, every method reconstructs the same slices from the same masked k-space, each run in a process of its own, on
the same cores with the same number of threads. BART is given k-space without readout oversampling, as closer's methods are, and
its regularisation is tuned on a slice of the validation patient. Everyone's images are measured alike, and closer's report must say
the same of its own. score-POCS, which takes minutes a slice, has one slice and comes last; the page says where the others are on
that very slice. Writes DIR/peers.json and, after every measurement, the page DIR/table.md. Run again after an interruption, it goes
on; with other programs, networks or settings it begins anew.
"""
import argparse
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from . import peers_page, peers_programs
from .peers_programs import BART, FAST, SLOW, Problem, timed, tune

# Seconds a slice on one core of an EPYC, roughly: they only weigh what is left to do.
WEIGHT = {"zero-filled": 0.2, "tv": 2, "unet": 0.5, "unet-dc": 0.5, "ccdf": 6, "ccdf noise-free": 1.5, "bart tv": 4, "bart tv 100": 1.5,
          "bart wavelets": 2, "pytorch ccdf": 9, "score-pocs": 550, "pytorch score-pocs": 850, "tuning": 35}


def validation_volume(args, work: Path) -> Path:
    """One slice of the validation patient as a scan of the test file's kind: phase encode anterior-posterior, phase, noise."""
    image, scan = work / "validation.npy", work / "validation.h5"
    slices = np.load(args.data / "val.npz")["openms"]
    np.save(image, np.ascontiguousarray(slices[20:21].transpose(0, 2, 1)) / np.float32(170))
    timed([args.closer, "simulate", image, "-o", scan, "--phase", 1], args.threads)
    return scan


def fingerprint(args) -> str:
    """Of everything that a measurement depends on: it is taken again where one of them is another."""
    digest = hashlib.sha256(repr((args.slices, args.slow_slice, args.threads, args.levels)).encode())
    here = Path(__file__).parent
    for path in [args.volume, args.closer, Path(peers_programs.__file__), here / "peers_loop.py", here.parent / "score/score.onnx", here.parent / "unet/unet.onnx"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def plan(args) -> list[tuple[int, str, int]]:
    """What is to be measured, (acceleration, method, round), the slow methods last; "tuning" is of BART."""
    fast, slow = ([name for name in args.methods if (name in SLOW) == of] for of in (False, True))
    tuning = ["tuning"] * any(name in BART for name in fast)
    return ([(accel, name, round) for accel in args.accel for round in range(args.rounds) for name in tuning * (round == 0) + fast]
            + [(accel, name, 0) for accel in args.accel if accel in args.slow_accel for name in slow])


class Measurements:
    """Rows that were measured, each kept in a file of its own."""

    def __init__(self, args, work: Path):
        self.args, self.work, self.problems = args, work, {}
        self.folder = args.out / f"rows-{fingerprint(args)}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, accel, name, round) -> Path:
        return self.folder / f"x{accel}-{name.replace(' ', '-')}-{round}.json"

    def get(self, *what) -> dict | None:
        path = self.path(*what)
        return json.loads(path.read_text()) if path.exists() else None

    def problem(self, accel, slices) -> Problem:
        if (accel, slices) not in self.problems:
            self.problems = {(accel, slices): Problem(self.args, self.args.volume, slices, accel, self.work)}  # one at a time: memory
        return self.problems[accel, slices]

    def make(self, accel, name, round) -> dict:
        if name == "tuning":
            row = tune(Problem(self.args, validation_volume(self.args, self.work), "", accel, self.work))
        else:
            slices = f"{self.args.slow_slice}:{self.args.slow_slice + 1}" if name in SLOW else self.args.slices
            problem = self.problem(accel, slices)
            found = problem.run(name, self.get(accel, "tuning", 0))
            row = {"accel": accel, "method": name, "round": round, **found, "input": problem.report["input"], "load": os.getloadavg()[0]}
        temporary = self.path(accel, name, round).with_suffix(".tmp")
        temporary.write_text(json.dumps(row, indent=1))
        temporary.rename(self.path(accel, name, round))
        return row


def measure(args, work: Path):
    todo, kept = plan(args), Measurements(args, work)
    weight = lambda step: WEIGHT[step[1]] * (args.count if step[1] in FAST else args.levels / 1000 if step[1] in SLOW else 1)
    missing = [step for step in todo if kept.get(*step) is None]
    print(f"{len(todo) - len(missing)} of {len(todo)} measurements are there already: about {sum(map(weight, missing)) / 60:.0f} min to go", flush=True)
    start, spent = time.monotonic(), 0
    for i, step in enumerate(missing):
        row = kept.make(*step)
        spent += weight(step)
        left = (time.monotonic() - start) / spent * sum(map(weight, missing[i + 1:]))
        accel, name, _ = step
        found = f"{row['psnr']:.2f} dB, {row['seconds']:.2f} s a slice" if name != "tuning" else "of BART is done"
        print(f"{len(todo) - len(missing) + i + 1} of {len(todo)}  ×{accel} {name}: {found}; about {left / 60:.0f} min left", flush=True)
        write(args, kept, todo)
    write(args, kept, todo)


def write(args, kept: Measurements, todo):
    """Write the page of what there is so far."""
    rows = [row for step in todo if step[1] != "tuning" and (row := kept.get(*step))]
    tuned = {accel: t for accel, name, _ in todo if name == "tuning" and (t := kept.get(accel, name, 0))}
    (args.out / "peers.json").write_text(json.dumps({"machine": peers_page.machine(), "threads": args.threads, "rows": rows, "tuned": tuned}, indent=1))
    (args.out / "table.md").write_text(peers_page.page(args, rows, tuned))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda s: [int(a) for a in s.split(",")]
    p.add_argument("volume", type=Path)
    p.add_argument("--data", type=Path, default=Path("../shared/data/slices"), help="folder with val.npz, on which BART is tuned")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--slices", default="4:8", help="from:to of the volume (default %(default)s)")
    p.add_argument("--accel", type=numbers, default=[2, 4, 6])
    p.add_argument("--methods", default=",".join((*FAST, "score-pocs")), help=f"all, or of {', '.join((*FAST, *SLOW))} (default all but the last)")
    p.add_argument("--slow-slice", type=int, help="the slice for score-pocs (default the second)")
    p.add_argument("--slow-accel", type=numbers, default=[4, 6], help="accelerations for score-pocs (default 4,6)")
    p.add_argument("--levels", type=int, default=1000, help="noise levels of score-pocs (default %(default)s)")
    p.add_argument("--rounds", type=int, default=1, help="times are medians over the rounds; score-pocs has one (default %(default)s)")
    p.add_argument("--threads", type=int, default=1, help="and cores, of every program (default %(default)s)")
    p.add_argument("--closer", type=Path, default=Path("bin/closer"))
    args = p.parse_args()
    args.methods = [*FAST, *SLOW] if args.methods == "all" else args.methods.split(",")
    if unknown := set(args.methods) - {*FAST, *SLOW}:
        p.error(f"no method {', '.join(unknown)}")
    try:
        first, end = map(int, args.slices.split(":"))
    except ValueError:
        p.error(f"--slices {args.slices} is not from:to")
    for path in (args.volume, args.closer):
        if not path.exists():
            p.error(f"{path} does not exist")
    args.count = end - first
    if args.slow_slice is None:
        args.slow_slice = min(first + 1, end - 1)
    if not first <= args.slow_slice < end:
        p.error(f"slice {args.slow_slice} is not among {args.slices}")
    with tempfile.TemporaryDirectory() as work:
        measure(args, Path(work))
    print(f"\n{(args.out / 'table.md').read_text()}\nThe page is {args.out / 'table.md'}, its numbers {args.out / 'peers.json'}.")


if __name__ == "__main__":
    main()
