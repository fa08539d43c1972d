"""Time CCDF's sampler on a GPU, in Go as ONNX graphs of five steps and as the same loop in PyTorch, eager and compiled, on the same
card and weights:  python -m train.bench_gpu [--device cuda] [--batches 1,4,16] [--rounds 5]

Slices a second for each size of batch in fp32 and fp16, against the floor (operations of the convolutions over the card's rate of
matrix products), the PSNR that half precision costs on a phantom, and the copies between host and device as ONNX Runtime's profile
counts them. make gpu-runtime has to have been run, and PyTorch for the card to be installed. --device cpu rehearses it.
"""
import argparse
import glob
import json
import os
import statistics
import subprocess
import tempfile
import time

from .bench_sampler import build, go_round, pytorch


def matrix_rate(device: str, half: bool) -> float:
    """GFLOP/s of a large matrix product, the best of ten."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # fp32 is fp32, as in the graphs
    n = 8192 if device != "cpu" else 512
    a = torch.randn(n, n, device=device, dtype=torch.float16 if half and device != "cpu" else torch.float32)
    best = 0.0
    for _ in range(10):
        start = time.perf_counter()
        a @ a
        if device != "cpu":
            torch.cuda.synchronize()
        best = max(best, 2 * n**3 / (time.perf_counter() - start) / 1e9)
    return best


def copies(prefix: str) -> dict[str, dict]:
    """For each profiled graph: how often it ran, its nodes, the copies within a run and the providers that ran its nodes."""
    found = {}
    for path in sorted(glob.glob(prefix + "*.json")):
        nodes, providers, within, runs = 0, {}, {}, 0
        for event in json.load(open(path)):
            runs += event.get("name") == "model_run"
            if event.get("cat") != "Node" or not event["name"].endswith("_kernel_time"):
                continue
            kind, provider = event["args"]["op_name"], event["args"].get("provider", "?")
            nodes += 1
            providers[provider] = providers.get(provider, 0) + 1
            if kind.startswith("Memcpy"):
                within[kind] = within.get(kind, 0) + 1
        found[os.path.basename(path)] = {"runs": runs, "nodes": nodes, "copies": within, "providers": providers}
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--device", default="cuda")
    p.add_argument("--batches", default="1,4,16")
    p.add_argument("--side", type=int, default=320)
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--pytorch", default="eager,compiled", help="what to compare with")
    p.add_argument("--rounds", type=int, default=5)
    o = p.parse_args()
    sizes = [int(n) for n in o.batches.split(",")]
    try:
        import torch
    except ImportError:
        torch = None
    if o.device == "cuda":
        subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version,clocks.sm,power.limit", "--format=csv"], check=False)
    flags = [f"-device={o.device}", f"-side={o.side}", f"-steps={o.steps}", f"-batches={o.batches}"]
    with tempfile.TemporaryDirectory() as folder:
        binary = build(folder)
        rounds = [go_round(binary, "Batch", *flags) for _ in range(o.rounds)]
        go_round(binary, "Batch", *flags, f"-profile={folder}/profile")
        profiles = copies(folder + "/profile")
    work = rounds[0]["work"]["GFLOP/op"]
    for precision in ("fp32", "fp16"):
        rate = matrix_rate(o.device, precision == "fp16") if torch else float("nan")
        print(f"{precision}: matrix product {rate / 1e3:.1f} TFLOP/s; {work:.0f} GFLOP a slice, floor {1e3 * work / rate:.2f} ms a slice")
        for n in sizes:
            name = f"{precision}/batch={n}"
            ours = statistics.median(r[name]["slices/s"] for r in rounds)
            line = f"  batch {n:2}: graph {ours:8.2f} slices/s ({1e3 / ours:.2f} ms a slice), PSNR {rounds[0][name]['dB']:+.4f} dB"
            for mode in o.pytorch.split(",") if torch else ():
                try:
                    run = pytorch(o.device, n, precision == "fp16", mode == "compiled", o.side, o.steps, (0.02, 0.005))
                    seconds = []
                    for _ in range(o.rounds):
                        start = time.perf_counter()
                        run()
                        seconds.append(time.perf_counter() - start)
                    theirs = n / statistics.median(seconds)
                    line += f"; PyTorch {mode} {theirs:.2f} slices/s (graph {ours / theirs:.2f} times that)"
                except Exception as e:  # such as a half-precision kernel that the CPU lacks
                    line += f"; PyTorch {mode} failed: {str(e).splitlines()[0][:80]}"
            print(line, flush=True)
    for name, found in profiles.items():
        print(f"{name}: {found['runs']} runs, {found['nodes']} nodes on {found['providers']}, copies {found['copies'] or 'none'}")


if __name__ == "__main__":
    main()
