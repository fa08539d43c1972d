"""The page of train.peers: what was measured, how, and where closer is ahead and where not. Every figure in it is one of the rows."""
import datetime
import os
import platform
import re
import statistics
import subprocess
import textwrap
from importlib.metadata import version
from pathlib import Path

from .peers_programs import BART, CLOSER, FAST, GRID, PYTORCH, SLOW, bart_command, closer_options, method_flags
from .physics import ACS_FRACTION

TITLE = {"unet": "U-Net", "unet-dc": "U-Net, data-consistent", "tv": "TV", "ccdf": "CCDF (VE, 20 steps)", "ccdf noise-free": "CCDF (noise-free, 3 steps)",
         "score-pocs": "score-POCS", "bart tv": "BART TV", "bart tv 100": "BART TV, 100 iterations", "bart wavelets": "BART ℓ1-wavelets",
         "pytorch ccdf": "PyTorch, the loop of CCDF (VE)", "pytorch score-pocs": "PyTorch, the loop of score-POCS"}
AHEAD = 3  # times as fast as BART's TV is the aim


def machine() -> dict:
    """The hardware and the versions of what is beside closer."""
    read = lambda path, pattern: (re.search(pattern, Path(path).read_text()) or ["", "unknown"])[1]
    bart = subprocess.run(["bart", "version"], capture_output=True, text=True).stdout.strip()
    return {"processor": read("/proc/cpuinfo", r"model name\s*:\s*(.+)"), "cores": os.cpu_count(), "gib": int(read("/proc/meminfo", r"MemTotal:\s*(\d+)")) / 2**20,
            "bart": bart, "pytorch": version("torch"), "python": platform.python_version()}


def title(name: str) -> str:
    return TITLE.get(name, name)


def by_method(rows) -> dict:
    """(acceleration, method) -> its row, with the median of its costs over the rounds."""
    found = {}
    for row in rows:
        found.setdefault((row["accel"], row["method"]), []).append(row)
    return {key: runs[0] | {cost: statistics.median(r[cost] for r in runs) for cost in ("seconds", "processor", "mib")} for key, runs in found.items()}


def grid(head: list[str], lines: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines])


def cells(rows: list[dict | None]) -> list[str]:
    """PSNR / SSIM of each row, the best of each in bold."""
    there = [row for row in rows if row]
    show = lambda row, key, digits: f"**{row[key]:.{digits}f}**" if row[key] == max(r[key] for r in there) else f"{row[key]:.{digits}f}"
    return [f"{show(row, 'psnr', 2)} / {show(row, 'ssim', 3)}" if row else "–" for row in rows]


def main_table(found, accels) -> str:
    names = [name for name in FAST if any((accel, name) in found for accel in accels)]
    columns = {accel: cells([found.get((accel, name)) for name in names]) for accel in accels}
    lines = []
    for i, name in enumerate(names):
        rows = {accel: found.get((accel, name)) for accel in accels}
        there = [row for row in rows.values() if row]
        seconds = lambda row: f"{row['seconds']:.2f} ({row['processor']:.2f})" if row else "–"
        lines.append([title(name), *(cell for accel in accels for cell in (columns[accel][i], seconds(rows[accel]))), f"{max(r['mib'] for r in there):.0f}"])
    return grid(["", *(cell for accel in accels for cell in (f"×{accel}: dB / SSIM", "s/slice (processor)")), "peak MiB"], lines)


def slow_table(found, accels, args) -> str:
    """Everyone on the slice of the slow methods."""
    lines = []
    on = lambda accel, name: (row := found.get((accel, name))) and row["slices"][str(args.slow_slice)] | {k: row[k] for k in ("seconds", "nfe") if k in row}
    names = [name for name in (*FAST, *SLOW) if any((accel, name) in found for accel in accels)]
    columns = {accel: cells([on(accel, name) for name in names]) for accel in accels}
    for i, name in enumerate(names):
        seconds = lambda accel: f"{row['seconds']:.2f}" if (row := on(accel, name)) else "–"
        nfe = {str(row["nfe"]) for accel in accels if (row := on(accel, name)) and "nfe" in row}
        lines.append([title(name), ", ".join(nfe) or "–", *(cell for accel in accels for cell in (columns[accel][i], seconds(accel)))])
    return grid(["", "network evaluations", *(cell for accel in accels for cell in (f"×{accel}: dB / SSIM", "s/slice"))], lines)


def beside_bart(found, accels) -> str:
    """Ours less BART's, and how many times as fast."""
    lines = []
    for ours in ("ccdf noise-free", "ccdf", "unet-dc", "tv"):
        for bart in BART:
            pairs = [(found.get((accel, ours)), found.get((accel, bart))) for accel in accels]
            if any(a and b for a, b in pairs):
                lines.append([f"{title(ours)} – {title(bart)}", *(compared(a, b) if a and b else "–" for a, b in pairs)])
    return grid(["", *(f"×{accel}" for accel in accels)], lines) if lines else ""


def compared(a, b) -> str:
    return f"{a['psnr'] - b['psnr']:+.2f} dB, {a['ssim'] - b['ssim']:+.3f}, {b['seconds'] / a['seconds']:.1f} × ({b['processor'] / a['processor']:.1f} ×)"


def verdict(found, accels) -> list[str]:
    """Where closer is ahead of BART and where it is not, a sentence each."""
    said = []
    for accel in accels:
        get = lambda name: found.get((accel, name))
        ours, tv = get("ccdf noise-free"), get("bart tv")
        if ours and tv:
            ahead = "**ahead**" if ours["psnr"] > tv["psnr"] and tv["seconds"] >= AHEAD * ours["seconds"] else "**not ahead**"
            said.append(f"×{accel}: {title('ccdf noise-free')} is {ahead} of BART's TV at its best λ as we aim to be, in PSNR and {AHEAD} times as fast: "
                        f"{compared(ours, tv)}.")
        for name in ("ccdf noise-free", "ccdf"):
            lacks = []
            for bart in BART:
                if (a := get(name)) and (b := get(bart)):
                    below = [f"is {b['psnr'] - a['psnr']:.2f} dB below"] * (a["psnr"] < b["psnr"])
                    slower = [f"takes {a['seconds'] / b['seconds']:.1f} times as long as"] * (a["seconds"] > b["seconds"])
                    lacks += [" and ".join(below + slower) + " " + title(bart)] * bool(below or slower)
            if lacks:
                said.append(f"×{accel}, not ahead: {title(name)} {'; '.join(lacks)}.")
        networks = [row for name in ("unet", "unet-dc", "ccdf", "ccdf noise-free") if (row := get(name))]
        if networks and (ours := get("tv")) and ours["psnr"] > (best := max(networks, key=lambda r: r["psnr"]))["psnr"]:
            said.append(f"×{accel}: our own TV is {ours['psnr'] - best['psnr']:.2f} dB above the best of the methods with networks, {title(best['method'])}.")
        if (ours := get("ccdf")) and (torch := get("pytorch ccdf")):
            said.append(f"×{accel}: closer's loop takes {ours['seconds'] / torch['seconds']:.2f} of PyTorch's time with the same network and levels, and "
                        f"{ours['mib'] / torch['mib']:.2f} of its memory; the two are {abs(ours['psnr'] - torch['psnr']):.2f} dB apart, having other noise.")
    memory = [max((row["mib"] for (_, name), row in found.items() if name in names), default=0) for names in (("ccdf noise-free", "ccdf"), BART)]
    if all(memory):
        said.append(f"Memory: BART's programs peak at {memory[1]:.0f} MiB, closer's CCDF at {memory[0]:.0f}.")
    return said


def wrapped(text: str) -> str:
    """Text in lines; tables and commands as they are."""
    if text.startswith(("|", "    ")):
        return text
    fill = lambda line: textwrap.fill(line, 132, subsequent_indent="  " if line.startswith("- ") else "", break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(fill, text.split("\n")))


def facts(args, rows, tuned) -> str:
    """Data, hardware, versions, and how things were measured."""
    of, scan, accels = machine(), rows[0]["input"], sorted({row["accel"] for row in rows})
    simulated = ", **simulated from real images**: differences of 0.1 dB on a few slices of one patient mean little" if scan["simulated"] else ""
    (ny, nx), loads = scan["matrix"], [row["load"] for row in rows]
    masks = ", ".join(f"×{accel} with {100 * ACS_FRACTION[accel]:.0f} % of the centre" for accel in accels)
    said = [f"**Data**: slices {args.slices} (half open) of `{args.volume.name}`, {ny} × {nx}, {scan['coils']} coil{'s' * (scan['coils'] > 1)}{simulated}. "
            f"No network has seen the patient. Gaussian 1-D masks, seed 0: {masks}.",
            f"**Machine**: {of['processor']}, {of['cores']} cores, {of['gib']:.0f} GiB; load {min(loads):.1f} to {max(loads):.1f}, 1 being ours."]
    ours = [row for row in rows if "software" in row]
    if ours:
        runtime = next((row["software"]["onnxruntime"] for row in ours if row["software"]["onnxruntime"]), "not used")
        networks = sorted({(m["name"], m["sha256"][:12]) for row in ours for m in row["models"]})
        said.append(f"**closer** {ours[0]['software']['version']}, ONNX Runtime {runtime}, networks {', '.join(f'`{name}` {sha}' for name, sha in networks) or 'none'}.")
    if tuned:
        tried = lambda kind: ", ".join(f"{lam:g}" for lam in sorted({row[0] for t in tuned.values() for row in t["grids"][kind]}))
        grids = "; ".join(f"{what} {tried(kind)}, each × {' and '.join(map(str, GRID[kind][1]))}" for kind, what in (("T", "TV"), ("W", "wavelets")))
        said.append(f"**BART** {of['bart']}, λ and iterations by the highest PSNR on one slice of the validation patient; tried λ of {grids}.")
    said += [f"**PyTorch** {of['pytorch']}, Python {of['python']}: `train/peers_loop.py`, score-MRI's sampling loop with our networks at closer's noise levels.",
             f"Seconds are those of the clock while the reconstruction runs (median of {args.rounds}); in brackets those of the processor from the program's start to "
             "its end, which for closer includes DICOM and report (see zero-filled)."]
    return "\n".join("- " + fact for fact in said)


def commands(args, rows, tuned) -> str:
    """What was run."""
    names = dict.fromkeys(row["method"] for row in rows)
    lines = [["closer recon", args.volume.name, "-o out", *closer_options(args, accel, args.slices), "METHOD"] for accel in dict.fromkeys(row["accel"] for row in rows)]
    lines += [["METHOD of", name + ":", *method_flags(args, name)] for name in names if name in CLOSER]
    lines += [[f"×{accel} {name}:", *bart_command(BART[name][0], t[name]), "KSPACE ONES IMAGE"] for accel, t in tuned.items() for name in BART]
    lines += [["python -m train.peers_loop Y.npz X.npz", PYTORCH[name], "--threads", args.threads, "--levels", args.levels] for name in names if name in PYTORCH]
    return "\n".join("    " + " ".join(map(str, line)) for line in lines)


def edges(tuned) -> str:
    """Which λ are at the edge of what was tried."""
    tried = lambda t, name: [row[0] for row in t["grids"][BART[name][0]]]
    found = [f"×{accel} {title(name)} (λ {t[name][0]:g})" for accel, t in tuned.items() for name in BART if t[name][0] in (min(tried(t, name)), max(tried(t, name)))]
    return "At the edge of the λ that were tried, so that another might do better: " + ", ".join(found) + "." if found else ""


def page(args, rows, tuned) -> str:
    found, many = by_method(rows), "s" * (args.threads > 1)
    accels = [accel for accel in args.accel if any(row["accel"] == accel for row in rows)]
    slow = [accel for accel in accels if any((accel, name) in found for name in SLOW)]
    parts = ["# closer beside BART, PyTorch and score-MRI's loop",
             f"`make bench-peers` (`train/peers.py`) wrote this page on {datetime.date.today()}: the same slices from the same masked k-space, each run in a process of "
             f"its own on the same {args.threads} core{many} with {args.threads} thread{many}; everyone's images measured by fastMRI's definitions, which closer's "
             "reports must repeat."]
    if rows:
        parts += [facts(args, rows, tuned), main_table(found, accels)]
    if slow:
        parts += [f"## score-POCS, {args.levels} levels, slice {args.slow_slice} alone",
                  f"It takes minutes a slice, so it has one, and here is where the others are on that very slice (their seconds are the mean of slices {args.slices}).",
                  slow_table(found, slow, args)]
    if beside := beside_bart(found, accels):
        parts += ["## Against BART",
                  "PSNR and SSIM of ours less BART's, and how many times as fast ours is: by the clock, and by the processor with program start, DICOM and report.",
                  beside, "\n".join("- " + sentence for sentence in verdict(found, accels))]
    parts += ["## Commands", commands(args, rows, tuned), edges(tuned)]
    return "\n\n".join(wrapped(part) for part in parts if part) + "\n"
