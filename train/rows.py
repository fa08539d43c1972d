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


def append(path: Path, *rows: dict):
    """Add lines with the keys of the first one, below a header when the file is new."""
    with open(path, "a", newline="") as f:
        writer = csv.DictWriter(f, rows[0])
        if f.tell() == 0:
            writer.writeheader()
        writer.writerows(rows)
