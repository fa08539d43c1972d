"""Time five steps of CCDF's sampler on a 320x320 slice, one coil, one thread: in Go on the host, in Go as ONNX graphs, and as the
same loop in PyTorch eager with the same weights; and, by the same library on the same thread, the network alone and a matrix
product of 1536x1536:  python -m train.bench_sampler [--rounds 5]

They take turns, so that a busy machine is busy for all of them. Medians of the clock and of processor time, which other
processes disturb less. The last line is the ratio of the clock's.
"""
import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
STEPS, SIDE = 5, 320


def build(folder: str) -> str:
    """The Go benchmarks as a program."""
    binary = os.path.join(folder, "graph.test")
    subprocess.run(["go", "test", "-c", "-o", binary, "./score/graph"], cwd=ROOT, check=True)
    return binary


def go_round(binary: str, bench: str, *flags: str) -> dict[str, dict[str, float]]:
    """What one run each of the parts of a Go benchmark reports: seconds of the clock ("s"), and every other unit."""
    out = subprocess.run([binary, "-test.run=^$", f"-test.bench=^Benchmark{bench}$", "-test.benchtime=1x", *flags],
                         cwd=ROOT / "score/graph", check=True, stdout=subprocess.PIPE, text=True).stdout
    found = {}
    for name, values in re.findall(rf"^Benchmark{bench}/(\S+?)(?:-\d+)?\s+\d+\s+(.*)$", out, re.M):
        words = values.split()
        found[name] = {unit: float(number) for number, unit in zip(words[::2], words[1::2])}
        found[name]["s"] = found[name]["ns/op"] / 1e9
    return found


def pytorch(device="cpu", batch=1, half=False, compiled=False, side=SIDE, steps=STEPS, sigma=(0.2, 0.01)):
    """Returns a function that runs the loop once, or None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    from .export import load
    from .networks import Score

    model = Score().eval()
    load(model, ROOT / "score/score.onnx")
    model = model.to(device)
    if compiled:
        model = torch.compile(model)
    columns = torch.arange(side, device=device)
    mask = (columns % 3 == 0) | ((columns > side * 2 // 5) & (columns < side * 3 // 5))
    first, last = sigma
    sigmas = [first * (last / first) ** (i / (steps - 1)) for i in range(steps)] + [0.0]
    measured = torch.randn(side, side, dtype=torch.complex64, device=device)

    def step(x, sigma, after):
        g2 = sigma**2 - after**2
        with torch.autocast(device, dtype=torch.float16, enabled=half):
            denoised = model(x, sigma.expand(batch))
        x = x + g2 / sigma**2 * (denoised - x) + g2**0.5 * (after > 0) * torch.randn_like(x)
        z = torch.complex(x[:, 0], x[:, 1])
        k = torch.fft.fftshift(torch.fft.fft(torch.fft.ifftshift(z, dim=-1), norm="ortho"), dim=-1)
        k = torch.where(mask, measured, k)
        z = torch.fft.fftshift(torch.fft.ifft(torch.fft.ifftshift(k, dim=-1), norm="ortho"), dim=-1)
        return torch.stack((z.real, z.imag), 1)

    levels = [torch.tensor(v, device=device) for v in sigmas]

    @torch.inference_mode()
    def run():
        x = torch.randn(batch, 2, side, side, device=device)
        for now, after in zip(levels, levels[1:]):
            x = step(x, now, after)
        if device != "cpu":
            torch.cuda.synchronize()

    run()
    return run


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--rounds", type=int, default=5)
    rounds = p.parse_args().rounds
    eager = pytorch()
    if eager:
        import torch

        torch.set_num_threads(1)
    runs: dict[str, list[tuple[float, float]]] = {}
    work: dict[str, float] = {}  # GFLOP
    with tempfile.TemporaryDirectory() as folder:
        binary = build(folder)
        for _ in range(rounds):
            for name, v in go_round(binary, "Sampler").items():
                runs.setdefault(name, []).append((v["s"], v["cpu-s/op"]))
                work[name] = v.get("GFLOP/op", 0)
            if eager:
                start, cpu = time.perf_counter(), time.process_time()
                eager()
                runs.setdefault("pytorch-eager", []).append((time.perf_counter() - start, time.process_time() - cpu))
    median = {name: [statistics.median(v) for v in zip(*r)] for name, r in runs.items()}
    for name, (clock, cpu) in median.items():
        size = f"; {work[name]:.0f} GFLOP" if work.get(name) else ""
        print(f"{name:14} clock {clock:7.3f} s, processor {cpu:7.3f} s; {len(runs[name])} runs{size}")
    for i, which in enumerate(("clock", "processor time")):
        rate = {name: work[name] / median[name][i] for name in ("network", "product")}
        print(f"by {which}: the network is {100 * median['network'][i] / median['graph/K=5'][i]:.0f} % of graph/K=5; its convolutions run at "
              f"{rate['network']:.0f} GFLOP/s, the matrix product at {rate['product']:.0f}: {100 * rate['network'] / rate['product']:.0f} %")
    if eager:
        print(f"graph/pytorch-eager processor time ratio: {median['pytorch-eager'][1] / median['graph/K=5'][1]:.2f}")
        print(f"graph/pytorch-eager speed ratio: {median['pytorch-eager'][0] / median['graph/K=5'][0]:.2f}")
    else:
        print("graph/pytorch-eager speed ratio: not measured, PyTorch is not installed for this Python")


if __name__ == "__main__":
    main()
