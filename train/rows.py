"""Measurements as lines of a CSV file that grows."""
import csv
from pathlib import Path


def number(text: str):
    try:
        return float(text)
    except ValueError:
        return text


def read(path: Path) -> list[dict]:
    """The lines so far, with numbers as floats."""
    if not path.exists():
        return []
    with open(path, newline="") as f:
        return [{k: number(v) for k, v in row.items()} for row in csv.DictReader(f)]


def configuration(reports: dict[str, dict], options: list[str]) -> str:
    """What figures of closer are of: each volume by name and SHA-256, the options, each network by SHA-256.

    reports holds one report of closer for each volume's name, of a method that runs every network.
    """
    volumes = [f"{name} {report['input']['sha256'][:12]}" for name, report in sorted(reports.items())]
    networks = {f"{m['name']} {m['sha256'][:12]}" for r in reports.values() for method in r["methods"] for m in method["models"]}
    return "; ".join([*volumes, " ".join(options), *sorted(networks)])


def resume(path: Path, configuration: str) -> list[dict]:
    """The lines so far. Ends the program where one was measured of another configuration: a table must not mix them."""
    rows = read(path)
    for other in sorted({row.get("configuration", "unknown") for row in rows} - {configuration}):
        raise SystemExit(f"{path} has figures of ({other}), not of ({configuration}): give another --out")
    return rows


def append(path: Path, *rows: dict):
    """Add lines with the keys of the first one, below a header when the file is new."""
    with open(path, "a", newline="") as f:
        writer = csv.DictWriter(f, rows[0])
        if f.tell() == 0:
            writer.writeheader()
        writer.writerows(rows)
