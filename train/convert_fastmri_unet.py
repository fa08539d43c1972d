"""Turn fastMRI's U-Net into an initialiser for closer:  python -m train.convert_fastmri_unet STATE_DICT.pt -o fastmri_unet.onnx

STATE_DICT.pt is the state_dict of fastmri.models.Unet with one channel in and out, as fastMRI publishes it (for example
knee_sc_leaderboard_state_dict.pt), or a Lightning checkpoint of its UnetModule. The result takes and gives complex images,
x (n, 2, ny, nx) -> image, and does inside what fastMRI's UnetDataTransform does outside: crop to the central square, magnitude,
normalise by mean and standard deviation, clamp to +-6, and back. The phase, and what lies outside the square, are those of x. Use it
with closer's --unet-network. Neither PyTorch nor fastMRI is needed.

The weights are stored in single precision, with --fp16 in half: half the file, about 1e-3 of difference.
"""
import argparse
import hashlib
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STORAGES = {"FloatStorage": np.float32, "HalfStorage": np.float16, "DoubleStorage": np.float64, "LongStorage": np.int64}
SLOPE, EPSILON = 0.2, 1e-5  # of fastMRI's LeakyReLU and InstanceNorm2d
CLAMP, STD_EPSILON = 6.0, 1e-11  # of UnetDataTransform


class Reader(pickle.Unpickler):
    """Reads what torch.save writes, tensors as NumPy arrays; every other class in the file is refused."""

    def __init__(self, archive: zipfile.ZipFile):
        name = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
        self.archive, self.folder = archive, name.removesuffix("data.pkl")
        super().__init__(archive.open(name))

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self.tensor
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"the file holds a {module}.{name}; expected tensors alone")

    def persistent_load(self, identity):
        _, dtype, key, _, _ = identity
        return np.frombuffer(self.archive.read(f"{self.folder}data/{key}"), dtype)

    @staticmethod
    def tensor(storage, offset, size, stride, *_):
        return np.lib.stride_tricks.as_strided(storage[offset:], size, [s * storage.itemsize for s in stride]).copy()


def read(path: Path) -> dict[str, np.ndarray]:
    """The state dict of fastmri.models.Unet."""
    if not zipfile.is_zipfile(path):
        raise SystemExit(f"{path} is not what torch.save writes since PyTorch 1.6; load and save it there once")
    with zipfile.ZipFile(path) as archive:
        state = Reader(archive).load()
    state = state.get("state_dict", state)
    state = {name.removeprefix("unet."): value for name, value in state.items()}
    first, last = state.get("down_sample_layers.0.layers.0.weight"), [v for k, v in state.items() if k.endswith(".1.weight")]
    if first is None or len(last) != 1 or first.shape[1] != 1 or last[0].shape[0] != 1:
        raise SystemExit(f"{path} is not a fastmri.models.Unet with one channel in and out")
    return state


class Graph:
    """Collects the nodes; every method returns the name of its result."""

    def __init__(self, state: dict[str, np.ndarray], dtype):
        self.state, self.dtype, self.nodes, self.constants = state, dtype, [], []

    def op(self, kind: str, *inputs: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [f"{kind}_{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def constant(self, value, dtype=np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def weight(self, name: str) -> str:
        stored = self.constant(self.state.pop(name), self.dtype)
        return stored if self.dtype == np.float32 else self.op("Cast", stored, to=TensorProto.FLOAT)

    def normalised(self, x: str, channels: int) -> str:
        """InstanceNorm2d and LeakyReLU."""
        x = self.op("InstanceNormalization", x, self.constant(np.ones(channels)), self.constant(np.zeros(channels)), epsilon=EPSILON)
        return self.op("LeakyRelu", x, alpha=SLOPE)

    def block(self, x: str, name: str) -> str:
        """fastMRI's ConvBlock."""
        for i in (0, 4):
            channels = len(self.state[f"{name}.layers.{i}.weight"])
            x = self.normalised(self.op("Conv", x, self.weight(f"{name}.layers.{i}.weight"), pads=[1] * 4), channels)
        return x

    def up(self, x: str, name: str) -> str:
        """fastMRI's TransposeConvBlock."""
        channels = self.state[f"{name}.layers.0.weight"].shape[1]
        return self.normalised(self.op("ConvTranspose", x, self.weight(f"{name}.layers.0.weight"), strides=[2, 2]), channels)

    def unet(self, x: str) -> str:
        """fastMRI's Unet.forward; sides that the poolings divide, as closer gives them, need no padding."""
        pools = sum(name.startswith("up_transpose_conv.") for name in self.state)
        skips = []
        for i in range(pools):
            skips.append(self.block(x, f"down_sample_layers.{i}"))
            x = self.op("AveragePool", skips[-1], kernel_shape=[2, 2], strides=[2, 2])
        x = self.block(x, "conv")
        for i in range(pools):
            x = self.op("Concat", self.up(x, f"up_transpose_conv.{i}"), skips.pop(), axis=1)
            x = self.block(x, f"up_conv.{i}.0" if i == pools - 1 else f"up_conv.{i}")
        last = f"up_conv.{pools - 1}.1"
        return self.op("Conv", x, self.weight(f"{last}.weight"), self.weight(f"{last}.bias"))

    def square(self) -> tuple[str, str, str]:
        """(start, end, rest): the corners of the central square of x, and the rows and columns after it."""
        size = self.op("Shape", "x", start=2)
        start = self.op("Div", self.op("Sub", size, self.op("ReduceMin", size)), self.constant([2], np.int64))
        end = self.op("Add", start, self.op("ReduceMin", size))
        return start, end, self.op("Sub", size, end)

    def initialiser(self) -> str:
        """x -> image, both complex."""
        start, end, rest = self.square()
        x = self.op("Slice", "x", start, end, self.constant([2, 3], np.int64))
        magnitude = self.op("ReduceL2", x, axes=[1])
        mean = self.op("ReduceMean", magnitude, axes=[1, 2, 3])
        centred = self.op("Sub", magnitude, mean)
        count = self.op("Cast", self.op("Size", self.op("Gather", magnitude, self.constant(0, np.int64))), to=TensorProto.FLOAT)
        variance = self.op("Div", self.op("ReduceSumSquare", centred, axes=[1, 2, 3]), self.op("Sub", count, self.constant(1)))
        std = self.op("Sqrt", variance)
        clean = self.op("Div", centred, self.op("Add", std, self.constant(STD_EPSILON)))
        clean = self.unet(self.op("Clip", clean, self.constant(-CLAMP), self.constant(CLAMP)))
        clean = self.op("Add", self.op("Mul", clean, std), mean)
        phase = self.op("Div", x, self.op("Max", magnitude, self.constant(1e-20)))
        change = self.op("Sub", self.op("Mul", clean, phase), x)
        none = self.constant([0, 0], np.int64)
        return self.op("Add", "x", self.op("Pad", change, self.op("Concat", none, start, none, rest, axis=0)))


def convert(state: dict[str, np.ndarray], dtype=np.float32) -> bytes:
    """The ONNX file of a state dict."""
    g = Graph(dict(state), dtype)
    g.nodes.append(helper.make_node("Identity", [g.initialiser()], ["image"]))
    if g.state:
        raise SystemExit(f"weights that fastMRI's U-Net does not have: {', '.join(g.state)}")
    x, image = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2, "ny", "nx"]) for name in ("x", "image"))
    graph = helper.make_graph(g.nodes, "fastmri-unet", [x], [image], g.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="closer")
    onnx.checker.check_model(model)
    return model.SerializeToString()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("state_dict", type=Path)
    p.add_argument("-o", "--out", type=Path, required=True)
    p.add_argument("--fp16", action="store_true")
    args = p.parse_args()
    data = convert(read(args.state_dict), np.float16 if args.fp16 else np.float32)
    args.out.write_bytes(data)
    print(f"{args.out}: {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
