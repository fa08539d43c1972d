"""Time five steps of CCDF's sampler on a 320x320 slice, one coil, one thread: in Go on the host, in Go as ONNX graphs, and as the
same loop in PyTorch eager with the same weights:  python -m train.bench_sampler [--rounds 5]

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


def go_round(binary: str) -> dict[str, tuple[float, float]]:
    """Clock and processor seconds of one run each of BenchmarkSampler's parts."""
    out = subprocess.run([binary, "-test.run=^$", "-test.bench=Sampler", "-test.benchtime=1x"], cwd=ROOT / "score/graph",
                         check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^BenchmarkSampler/(\S+?)(?:-\d+)?\s+\d+\s+(\S+) ns/op\s+(\S+) cpu-s/op", out, re.M)
    return {name: (float(ns) / 1e9, float(cpu)) for name, ns, cpu in found}


def pytorch():
    """Returns a function that runs the loop once, or None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    from .export import load
    from .networks import Score

    torch.set_num_threads(1)
    model = Score().eval()
    load(model, ROOT / "score/score.onnx")
    columns = torch.arange(SIDE)
    mask = (columns % 3 == 0) | ((columns > SIDE * 2 // 5) & (columns < SIDE * 3 // 5))
    sigmas = [0.2 * (0.01 / 0.2) ** (i / (STEPS - 1)) for i in range(STEPS)] + [0.0]
    measured = torch.randn(SIDE, SIDE, dtype=torch.complex64)

    @torch.inference_mode()
    def run():
        x = torch.randn(1, 2, SIDE, SIDE)
        for sigma, after in zip(sigmas, sigmas[1:]):
            g2 = sigma**2 - after**2
            x = x + g2 / sigma**2 * (model(x, torch.full((1,), sigma)) - x) + g2**0.5 * (after > 0) * torch.randn_like(x)
            z = torch.complex(x[:, 0], x[:, 1])
            k = torch.fft.fftshift(torch.fft.fft(torch.fft.ifftshift(z, dim=-1), norm="ortho"), dim=-1)
            k = torch.where(mask, measured, k)
            z = torch.fft.fftshift(torch.fft.ifft(torch.fft.ifftshift(k, dim=-1), norm="ortho"), dim=-1)
            x = torch.stack((z.real, z.imag), 1)

    run()
    return run


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--rounds", type=int, default=5)
    rounds = p.parse_args().rounds
    eager = pytorch()
    seconds: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        binary = os.path.join(folder, "graph.test")
        subprocess.run(["go", "test", "-c", "-o", binary, "./score/graph"], cwd=ROOT, check=True)
        for _ in range(rounds):
            for name, value in go_round(binary).items():
                seconds.setdefault(name, []).append(value)
            if eager:
                start, cpu = time.perf_counter(), time.process_time()
                eager()
                seconds.setdefault("pytorch-eager", []).append((time.perf_counter() - start, time.process_time() - cpu))
    median = {name: [statistics.median(v) for v in zip(*runs)] for name, runs in seconds.items()}
    for name, (clock, cpu) in median.items():
        print(f"{name:14} {clock:7.3f} s, processor {cpu:7.3f} s for {STEPS} steps; {len(seconds[name])} runs")
    if eager:
        print(f"graph/pytorch-eager processor time ratio: {median['pytorch-eager'][1] / median['graph/K=5'][1]:.2f}")
        print(f"graph/pytorch-eager speed ratio: {median['pytorch-eager'][0] / median['graph/K=5'][0]:.2f}")
    else:
        print("graph/pytorch-eager speed ratio: not measured, PyTorch is not installed for this Python")


if __name__ == "__main__":
    main()
