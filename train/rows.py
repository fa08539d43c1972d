"""Measurements as lines of a CSV file that grows, and the program that makes them."""
import csv
import io
import json
import subprocess
import tempfile
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
    lines = path.read_bytes()[:whole(path)].decode().splitlines()
    return [{k: number(v) for k, v in row.items()} for row in csv.DictReader(lines)]


def whole(path: Path) -> int:
    """Where the last line that was written to its end ends: a full disk, or a kill, leaves half a line."""
    return path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0


def configuration(reports: dict[str, dict], options: list[str]) -> str:
    """What figures of closer are of: each volume by name and SHA-256, the options, each network by SHA-256.

    reports holds one report of closer for each volume's name, of a method that runs every network.
    """
    volumes = [f"{name} {report['input']['sha256'][:12]}" for name, report in sorted(reports.items())]
    networks = {f"{m['name']} {m['sha256'][:12]}" for r in reports.values() for method in r["methods"] for m in method["models"]}
    return "; ".join(filter(None, [*volumes, " ".join(options), *sorted(networks)]))


def resume(path: Path, configuration: str) -> list[dict]:
    """The lines so far. Ends the program where one was measured of another configuration: a table must not mix them."""
    rows = read(path)
    for other in sorted({row.get("configuration", "unknown") for row in rows} - {configuration}):
        raise SystemExit(f"{path} has figures of ({other}), not of ({configuration}): give another --out")
    return rows


def closer(program: str, *arguments):
    """Run closer. Ends the program where it fails, which it says why itself."""
    try:
        status = subprocess.run([program, *arguments], stdout=subprocess.DEVNULL).returncode
    except OSError as e:
        raise SystemExit(f"{program} cannot be run: {e.strerror}") from e
    if status:
        raise SystemExit(f"{program} {arguments[0]} failed")


def recon(program: str, volume: Path, *options: str) -> dict:
    """The report of closer recon."""
    with tempfile.TemporaryDirectory() as out:
        return recon_to(out, program, volume, *options)


def recon_to(out: str, program: str, volume: Path, *options: str) -> dict:
    """The same, whose other results are wanted too: they are in the folder out."""
    closer(program, "recon", volume, "-o", out, *options)
    return json.loads((Path(out) / "report.json").read_text())


def append(path: Path, *rows: dict):
    """Add lines with the keys of the first one, below a header when the file is new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    end, text = whole(path), io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    if end == 0:
        writer.writeheader()
    writer.writerows(rows)
    with open(path, "ab") as f:
        f.truncate(end)
        f.write(text.getvalue().encode())
