"""The numbers of fastMRI's own evaluate.py, from the installed Python package fastmri.

    fastmri_evaluate.py TARGETS PREDICTIONS singlecoil|multicoil   folders, as evaluate.py takes them
    fastmri_evaluate.py                                            raw arrays, named on standard input as for evaluate.py beside this

Prints JSON. Where PyTorch is absent, evaluate.py still runs as it is installed: the one function it takes from fastmri.data.transforms
is center_crop, which works on numpy arrays, and its text is compiled out of that file without the rest.
"""

import __future__
import argparse
import ast
import importlib.util
import json
import pathlib
import sys
import types

import numpy as np


def load():
    try:
        from fastmri import evaluate

        return evaluate
    except ModuleNotFoundError as e:
        if e.name != "torch":
            raise
    root = pathlib.Path(importlib.util.find_spec("fastmri").origin).parent
    path = root / "data" / "transforms.py"
    tree = ast.parse(path.read_text())
    tree.body = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "center_crop"]
    transforms = types.ModuleType("fastmri.data.transforms")
    # The annotations name torch: they are kept as text.
    exec(compile(tree, str(path), "exec", __future__.annotations.compiler_flag), vars(transforms))
    package, data = types.ModuleType("fastmri"), types.ModuleType("fastmri.data")
    package.data, data.transforms = data, transforms
    sys.modules.update({"fastmri": package, "fastmri.data": data, "fastmri.data.transforms": transforms})
    spec = importlib.util.spec_from_file_location("fastmri.evaluate", root / "evaluate.py")
    evaluate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(evaluate)
    return evaluate


evaluate = load()


def folders(targets, predictions, challenge):
    args = argparse.Namespace(
        target_path=pathlib.Path(targets), predictions_path=pathlib.Path(predictions), acquisition=None, acceleration=None
    )
    m = evaluate.evaluate(args, "reconstruction_rss" if challenge == "multicoil" else "reconstruction_esc")
    mean, std = m.means(), m.stddevs()  # what it prints; where runstats is not compiled, SSIM is an array of one, which it cannot print
    return {k.lower(): {"mean": np.asarray(mean[k]).item(), "two_std": 2 * np.asarray(std[k]).item()} for k in mean}


def arrays(case):
    target, recons = (np.fromfile(case[k], "<f4").reshape(case["shape"]) for k in ("reference", "reconstruction"))
    crop = evaluate.transforms.center_crop
    try:  # as evaluate.evaluate does
        target = crop(target, (target.shape[-1], target.shape[-1]))
    except ValueError:
        return None
    recons = crop(recons, (target.shape[-1], target.shape[-1]))
    return {name.lower(): np.asarray(f(target, recons)).item() for name, f in evaluate.METRIC_FUNCS.items()}


answer = folders(*sys.argv[1:]) if len(sys.argv) > 1 else [arrays(case) for case in json.load(sys.stdin)]
json.dump(answer, sys.stdout, default=float)
