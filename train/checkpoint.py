"""RUN/last.pt: the state of training, and its history for the model card, without names of patients, files or groups.

The history is one entry for each stretch of training with the same options, data and networks: a run that goes on with others says so.
"""
import hashlib
import io
import os
import time
from pathlib import Path

import torch

APART = ("network", "data", "out", "start", "initial", "train_on", "validate_on", "validate_every", "threads", "device")  # not of the options


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def stretch(args, train, val, patients: dict[str, int]) -> dict:
    """What training is about to be of."""
    sums = str([int(image.sum(dtype=float)) for image in train.images]).encode()
    return {"options": {k: v for k, v in vars(args).items() if k not in APART},
            "data": {"slices": len(train), "patients": patients["train"], "digest": sha256(sums)[:12]},
            "validation": {"slices": len(val), "patients": patients["val"]},
            "start": args.start and sha256(args.start.read_bytes()),
            "initial": sha256(args.initial.read_bytes()) if args.network == "score" else None,
            "device": torch.cuda.get_device_name(args.device) if args.device.startswith("cuda") else args.device}


def changed(before: dict, after: dict) -> list[str]:
    """What differs between two stretches, in words."""
    flat = lambda s: {**s["options"], **{k: s[k] for k in ("data", "validation", "initial", "device")}}
    old, new = flat(before), flat(after)
    return [f"{k} was {old.get(k)}, is {v}" for k, v in new.items() if old.get(k) != v]


def read(path: Path, network: str, device="cpu") -> dict:
    """What train.fit left of a network. Ends the program where it is of the other one, or damaged."""
    try:  # PyTorch 1 cannot read the numbers among the weights in the way that runs no code of the file
        state = torch.load(path, map_location=device, **({} if torch.__version__ < "2" else {"weights_only": True}))
        levels = any(name.startswith("net.embed") for name in state["average"])
    except Exception as e:  # PyTorch passes on whatever a damaged archive made its parts raise
        raise SystemExit(f"{path} cannot be read as a checkpoint of train.fit ({str(e).splitlines()[0]})") from e
    if levels != (network == "score"):
        raise SystemExit(f"{path} is of the {'score network' if levels else 'U-Net'}: {network} needs another folder")
    return state


def restore(model, weights: dict, path: Path):
    """Copy weights of the checkpoint at path into a model. Ends the program where the checkpoint's has other layers."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as e:
        raise SystemExit(f"{path} is of a network of another shape than train/networks.py has: begin in another folder") from e


def replace(path: Path, data: bytes):
    """Write a file whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    temporary.replace(path)


def save(path: Path, state: dict):
    data = io.BytesIO()
    torch.save(state, data)
    replace(path, data.getbuffer())


def persist(path: Path, write, patient: bool):
    """write(path); where there is no room, say so and leave it to the next time, or, at the end of training, wait for room."""
    while True:
        try:
            return write(path)
        except OSError as e:
            print(f"{path} cannot be written ({e.strerror}); " + ("waiting for that" if patient else "training goes on"), flush=True)
            if not patient:
                return None
            time.sleep(10)
