"""Draw learning curves, decibels as the gain since the first line:  python -m train.curves OUT.png RUN/log.csv [RUN/log.csv …]"""
import sys
from pathlib import Path

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

from .rows import read


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    out, logs = sys.argv[1], [Path(p) for p in sys.argv[2:]]
    figure, axes = plt.subplots(len(logs), 2, figsize=(11, 3.4 * len(logs)), squeeze=False, constrained_layout=True)
    for (loss, quality), path in zip(axes, logs):
        rows = read(path)
        if not rows:
            sys.exit(f"{path} has no line")
        steps = [r["step"] for r in rows]
        for name in rows[0]:
            values = [r[name] for r in rows]
            if name.endswith("loss"):
                loss.plot(steps, values, label=name)
            elif name not in ("step", "minutes"):
                quality.plot(steps, [v - values[0] for v in values], label=f"{name}: {values[0]:.2f} to {values[-1]:.2f}")
        for axis, label in ((loss, "loss"), (quality, "validation, dB gained")):
            axis.set(title=path.parent.name, xlabel="step", ylabel=label)
            axis.grid(alpha=0.3)
            axis.legend(fontsize=8)
        if all(r["loss"] > 0 and r["validation_loss"] > 0 for r in rows):
            loss.set_yscale("log")
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    main()
