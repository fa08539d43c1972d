"""By how much one method is ahead of another, slice by slice:  python -m train.ahead METHOD OUT[,OUT…] OTHER OUT[,OUT…]

Each OUT is a directory that `closer recon` wrote, with report.json. The lead is of NMSE, in dB: other than PSNR of a volume it does not
depend on the brightest pixel of the other slices that a run had.
"""
import json
import math
import statistics
import sys
from pathlib import Path


def nmse(method: str, folders: str) -> dict[int, float]:
    """NMSE of each slice that any of the reports has."""
    try:
        reports = [json.loads((Path(f) / "report.json").read_text()) for f in folders.split(",")]
    except OSError as e:
        sys.exit(str(e))
    return {s["index"]: s["nmse"] for r in reports for m in r["methods"] if m["name"] == method for s in m["slices"]}


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    method, folders, other, others = sys.argv[1:]
    ours, theirs = nmse(method, folders), nmse(other, others)
    if not ours or ours.keys() != theirs.keys():
        sys.exit(f"{method} has the slices {sorted(ours)}, {other} has {sorted(theirs)}")
    leads = {i: 10 * math.log10(theirs[i] / ours[i]) for i in sorted(ours)}
    for i, lead in leads.items():
        print(f"slice {i:3}  {lead:+.2f} dB")
    values = list(leads.values())
    print(f"{method} is ahead of {other} on {sum(v > 0 for v in values)} of {len(values)} slices, by {statistics.mean(values):+.2f} dB on average "
          f"({min(values):+.2f} to {max(values):+.2f})")


if __name__ == "__main__":
    main()
