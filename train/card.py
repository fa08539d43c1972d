"""The model card of a network from its own checkpoint: what it was trained on and for how long, without names of patients, files or groups."""
from pathlib import Path

from .checkpoint import sha256
from .rows import read

TITLES = {"score": ("Score network", "Denoiser D(x, σ) for complex MR images: x (n, 2, ny, nx) real and imaginary part, σ (n) → denoised."),
          "unet": ("U-Net", "Initialiser G(Aᴴy): zero-filled complex image x (n, 2, ny, nx) → dealiased image.")}


def measured(checkpoint: Path, state: dict) -> dict:
    """The line of the learning curve beside a checkpoint that was measured at it; empty where there is none."""
    return next((row for row in read(checkpoint.parent / "log.csv")[::-1] if row["step"] == state["step"]), {})


def counted(data: dict) -> str:
    """Slices and patients, in words."""
    return f"{data['slices']} slices (patients that the files name: {data['patients'] or 'none'})"


def stretches(history: list[dict]) -> list[str]:
    """One line of Markdown for each stretch of training."""
    lines, step, minutes = [], 0, 0.0
    for s in history:
        options = " ".join(f"--{k.replace('_', '-')} {' '.join(map(str, v)) if isinstance(v, list) else v}" for k, v in s["options"].items() if v is not None)
        beginning = f"from the network `{s['start']}`, whose own data are in this one too, " if s.get("start") else "" if step else "from random weights, "
        after = f", on what the U-Net `{s['initial']}` leaves" if s["initial"] else ""
        lines.append(f"  - {beginning}steps {step} to {s['step']}, {s['minutes'] - minutes:.1f} minutes on {s['device']}{after}: `{options}`; "
                     f"trained on {counted(s['data'])}, validated on {counted(s['validation'])}")
        step, minutes = s["step"], s["minutes"]
    return lines


def card(network: str, state: dict, data: bytes, row: dict, checked: bool) -> str:
    """Markdown; row is what validation measured, checked whether ONNX Runtime agrees with PyTorch."""
    title, what = TITLES[network]
    history = state.get("history") or []
    training = "\n".join([f"{state['spent']:.1f} minutes, {state['step']} steps (`python -m train.fit {network}`):", *stretches(history)]) if history else \
        f"{state['spent']:.1f} minutes, {state['step']} steps; the checkpoint is of a program that did not note on what"
    values = ", ".join(f"{k} {v:.4g}" for k, v in row.items() if k not in ("step", "minutes")) or "the learning curve has no line of this checkpoint"
    return f"""# {title}

{what} Sides divisible by 16. `train/networks.py`, fp16 weights.

- **Data**: magnitude slices with simulated smooth phase and noise, of one coil or rings of four and eight, Gaussian and fastMRI's masks of
  columns, ×2–×8. Whose they are, and what their licence or consent allows with them and with this network, train.fit does not know: say so
  here before you pass it on.
- **Training**: {training}
- **Validation** (log.csv, mean of slices): {values}
- **ONNX Runtime**: {'agrees with PyTorch' if checked else 'was not installed at the export: not compared with PyTorch'}
- **SHA-256**: `{sha256(data)}`
- **Limits**: figures in this project's documents are of other networks. For research only.
"""
