#!/usr/bin/env python3
"""Measure a running closer server over a folder of fastMRI volumes. Needs Python 3.9 or later and nothing else.

    python3 doc/validate_fastmri.py singlecoil_val --to http://127.0.0.1:8080 --accel 4,8 --acs 0.08,0.04 --method unet --method ccdf

Sends every .h5 below the folders at every acceleration, waits, and prints from the jobs' reports the table of `closer validate`: mean ±
2·std over volumes as fastMRI's evaluate.py. A file that the server has already had with the same recipe is the same job, so that an
interrupted run only has to be started again. --acquisition counts volumes of these acquisitions only; where Python has h5py, the others
are not even sent.
"""

import argparse
import base64
import hashlib
import json
import math
import pathlib
import statistics
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

try:
    import h5py
except ImportError:
    h5py = None

CALM = (429, 503)  # the server asks for patience


class Refused(Exception):
    """What the server says is wrong with a call."""


class Server:
    def __init__(self, url, key):
        self.url = url.rstrip("/")
        self.headers = {"Authorization": "Bearer " + key} if key else {}

    def call(self, path, body=None, headers=None):
        """Return the JSON that a call answers; body is a file that is streamed."""
        while True:
            if body:
                body.seek(0)
            request = urllib.request.Request(self.url + path, data=body, headers={**self.headers, **(headers or {})})
            try:
                with urllib.request.urlopen(request) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as e:
                if e.code not in CALM:
                    raise Refused(f"{e.code} {problem(e)}")
                time.sleep(float(e.headers.get("Retry-After") or 1))
            except urllib.error.URLError as e:
                raise SystemExit(f"no server answers at {self.url} ({e.reason}); run again when there is one, and what is done stays done")

    def send(self, path, recipe):
        """Send a volume, and return its job."""
        digest = hashlib.sha256()
        with open(path, "rb") as f:
            while block := f.read(1 << 20):
                digest.update(block)
            sha = base64.b64encode(digest.digest()).decode()
            headers = {
                "Content-Type": "application/x-hdf5",
                "Content-Length": str(path.stat().st_size),
                "Content-Digest": f"sha-256=:{sha}:",
            }
            return self.call("/api/v1/scans?" + urllib.parse.urlencode(recipe), f, headers)["job"]

    def wait(self, job):
        """Return the job when it is over."""
        while (state := self.call("/api/v1/jobs/" + job))["state"] in ("queued", "running"):
            time.sleep(0.5)
        return state


def wanted(path, acquisitions):
    """Whether a volume may be of one of the acquisitions, before it is sent; what cannot be read is left to the server."""
    if not acquisitions or h5py is None:
        return True
    try:
        with h5py.File(path) as f:
            name = f.attrs.get("acquisition", "")
    except OSError:
        return True
    return (name.decode() if isinstance(name, bytes) else name) in acquisitions


def problem(error):
    try:
        return json.load(error)["detail"]
    except (ValueError, KeyError):
        return error.reason


def spread(values):
    """Mean ± 2·sample standard deviation, as evaluate.py prints them."""
    if not values or any(v is None for v in values):
        return "–"
    std = f"{2 * statistics.stdev(values):.4g}" if len(values) > 1 else "–"
    return f"{statistics.fmean(values):.4g} ± {std}"


def decibel(quality):
    """PSNR; JSON has no infinity for an image equal to its reference."""
    return math.inf if quality["psnr"] is None and quality["nmse"] == 0 else quality["psnr"]


def table(reports):
    """Print one row for each protocol, reference, acceleration and method, from pairs of nominal acceleration and report."""
    rows = {}
    for accel, r in sorted(reports, key=lambda x: x[0]):
        accel = 0 if r["mask"] and r["mask"]["kind"] == "acquired" else accel
        for m in r["methods"]:
            if "volume" in m or "held_out_error" in m:
                rows.setdefault((r["protocol"], r["reference"], accel, m["name"]), []).append(m)
    if not rows:
        print("no volume has a reference, so there are no metrics")
        return
    held = any("held_out_error" in m for ms in rows.values() for m in ms)
    lines = [("accel", "protocol", "reference", "method", "volumes", "PSNR dB", "SSIM", "NMSE", *["held-out error"] * held, "s/slice")]
    for (protocol, reference, accel, method), ms in sorted(rows.items(), key=lambda row: row[0][:3]):
        volumes = [m["volume"] for m in ms if "volume" in m]
        lines.append((
            f"{accel:g}" if accel else "acquired", protocol, reference, method, str(len(ms)), spread([decibel(v) for v in volumes]),
            spread([v["ssim"] for v in volumes]), spread([v["nmse"] for v in volumes]),
            *[spread([m["held_out_error"] for m in ms if "held_out_error" in m])] * held,
            f"{statistics.fmean(m['seconds_per_slice'] for m in ms):.2f}",
        ))
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def numbers(text):
    return [float(x) for x in text.split(",")]


def volumes(path, entered):
    """The file itself, or every .h5 below the folder, through links too, but no folder twice: links may lead in circles."""
    if not path.is_dir():
        return [path]
    if path.resolve() in entered:
        return []
    entered.add(path.resolve())
    return [f for p in sorted(path.iterdir()) if p.is_dir() or p.suffix == ".h5" for f in volumes(p, entered)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", nargs="+", type=pathlib.Path)
    p.add_argument("--to", default="http://127.0.0.1:8080", help="the server")
    p.add_argument("--key", type=pathlib.Path, help="file with the key that the server wants")
    p.add_argument("--method", action="append", default=[], help="repeatable (default the server's)")
    p.add_argument("--accel", type=numbers, default=[4.0], help="for example 2,4,6")
    p.add_argument("--acs", type=numbers, default=[0.08], help="one for all accelerations, or one for each")
    p.add_argument("--acquisition", type=lambda s: s.split(","), help="for example AXT2,AXFLAIR (default all)")
    p.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="any other flag of closer recon, for example mask=random")
    a = p.parse_args()
    if len(a.acs) not in (1, len(a.accel)):
        p.error(f"{len(a.acs)} ACS fractions for {len(a.accel)} accelerations")
    files = sorted({f for folder in a.folder if folder.exists() for f in volumes(folder, set())})
    if not files:
        p.error(f"there is no .h5 file below {', '.join(map(str, a.folder))}")
    files = [f for f in files if wanted(f, a.acquisition)]
    server = Server(a.to, a.key.read_text().strip() if a.key else None)
    more = [tuple(s.split("=", 1)) for s in a.set] + [("method", m) for m in a.method]

    jobs, failed = [], 0
    for f in files:
        for i, accel in enumerate(a.accel):
            recipe = [("accel", accel), ("acs", a.acs[min(i, len(a.acs) - 1)]), *more]
            try:
                jobs.append((f.name, accel, server.send(f, recipe)))
            except Refused as e:
                failed += 1
                print(f"{f.name} ×{accel:g}: {e}", file=sys.stderr)
                continue
            print(f"sent {len(jobs)} of {len(files) * len(a.accel)}  {f.name} ×{accel:g}", file=sys.stderr)
    reports, start = [], time.monotonic()
    for i, (name, accel, job) in enumerate(jobs, 1):
        state = server.wait(job)
        if state["state"] == "done":
            report = server.call(f"/api/v1/jobs/{job}/report", headers={"Accept": "application/json"})
            if not a.acquisition or report["input"]["acquisition"] in a.acquisition:
                reports.append((accel, report))
        else:
            failed += 1
            print(f"{name} ×{accel:g}: {state['state']}: {state.get('error', '')}", file=sys.stderr)
        left = (time.monotonic() - start) / i * (len(jobs) - i)
        print(f"done {i} of {len(jobs)}, about {left:.0f} s left", file=sys.stderr)
    if not reports and not failed:
        raise SystemExit(f"none of the volumes is of acquisition {' or '.join(a.acquisition)}")
    table(reports)
    if failed:
        raise SystemExit(f"{failed} reconstructions failed and are missing from the table")


if __name__ == "__main__":
    main()
