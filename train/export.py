"""Write a trained network as ONNX:  python -m train.export score|unet --checkpoint RUN/last.pt --out score/score.onnx

The graph is written node by node: Conv, Relu, Add, DepthToSpace and the few of the preconditioning, with batch, height and
width left open. Weights are stored as fp16 with a cast, which halves the file; runtimes fold the cast when they load it. The
file is then run against PyTorch, where ONNX Runtime is installed, and must agree. CARD.md beside it says what it was trained on.
"""
import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from . import card, checkpoint
from .networks import SIGMA_DATA, Initialiser, Score


class Graph:
    """Collects nodes and fp16 weights; every method returns the name of its result."""

    def __init__(self):
        self.nodes, self.weights, self.n = [], [], 0
        self.parameters = []  # of the model, in the order of their weights in the file

    def op(self, kind: str, *inputs: str, **attributes) -> str:
        self.n += 1
        self.nodes.append(helper.make_node(kind, list(inputs), [f"{kind}_{self.n}"], **attributes))
        return f"{kind}_{self.n}"

    def weight(self, value) -> str:
        self.n += 1
        self.parameters.append(value)
        self.weights.append(numpy_helper.from_array(value.detach().cpu().numpy().astype(np.float16), f"w{self.n}"))
        return self.op("Cast", f"w{self.n}", to=TensorProto.FLOAT)

    def constant(self, value, dtype=np.float32) -> str:
        self.n += 1
        self.weights.append(numpy_helper.from_array(np.asarray(value, dtype), f"c{self.n}"))
        return f"c{self.n}"

    def conv(self, layer, x: str) -> str:
        return self.op("Conv", x, self.weight(layer.weight), self.weight(layer.bias), kernel_shape=list(layer.kernel_size),
                       strides=list(layer.stride), pads=list(layer.padding) * 2)

    def linear(self, layer, x: str) -> str:
        return self.op("Gemm", x, self.weight(layer.weight), self.weight(layer.bias), transB=1)

    def shuffle(self, x: str) -> str:
        return self.op("DepthToSpace", x, blocksize=2, mode="CRD")

    def block(self, block, x: str) -> str:
        return self.op("Add", x, self.conv(block.second, self.op("Relu", self.conv(block.first, self.op("Relu", x)))))


def res_unet(g: Graph, net, x: str, level: str | None = None) -> str:
    """Mirrors networks.ResUNet.forward line by line."""
    h = g.conv(net.stem, x)
    skips = []
    for i, blocks in enumerate(net.encoder):
        if i > 0:
            skips.append(h)
            h = g.conv(net.down[i - 1], h)
        if level is not None:
            bias = g.linear(net.levels[i], g.op("Relu", g.linear(net.embed, level)))
            h = g.op("Add", h, g.op("Unsqueeze", bias, g.constant([2, 3], np.int64)))
        for block in blocks:
            h = g.block(block, h)
    for i in reversed(range(len(net.decoder))):
        h = g.op("Add", g.shuffle(g.conv(net.up[i], h)), skips[i])
        for block in net.decoder[i]:
            h = g.block(block, h)
    return g.shuffle(g.conv(net.head, g.op("Relu", h)))


def score_graph(g: Graph, model: Score) -> str:
    """Mirrors networks.Score.forward."""
    s = g.op("Unsqueeze", "sigma", g.constant([1, 2, 3], np.int64))
    total = g.op("Add", g.op("Mul", s, s), g.constant(SIGMA_DATA**2))
    root = g.op("Sqrt", total)
    level = g.op("Mul", g.op("Log", g.op("Unsqueeze", "sigma", g.constant([1], np.int64))), g.constant(0.25))
    out = res_unet(g, model.net, g.op("Div", "x", root), level)
    skip = g.op("Mul", "x", g.op("Div", g.constant(SIGMA_DATA**2), total))
    return g.op("Add", skip, g.op("Mul", out, g.op("Div", g.op("Mul", s, g.constant(SIGMA_DATA)), root)))


def build(model) -> tuple[Graph, str]:
    """The graph of a model and the name of its result."""
    g = Graph()
    if isinstance(model, Score):
        return g, score_graph(g, model)
    return g, g.op("Add", "x", res_unet(g, model.net, "x"))


@torch.no_grad()
def load(model, path: Path):
    """Copy the weights of an exported file into a model of the same shape: training can go on from what was shipped."""
    try:
        file = onnx.load(path)
    except (OSError, DecodeError) as e:
        raise SystemExit(f"{path} cannot be read as an exported network ({e})") from e
    stored = [numpy_helper.to_array(w) for w in file.graph.initializer if w.name.startswith("w")]
    parameters = build(model)[0].parameters
    if [w.shape for w in stored] != [tuple(p.shape) for p in parameters]:
        raise SystemExit(f"{path} holds another network than {type(model).__name__} of train/networks.py")
    for parameter, weight in zip(parameters, stored):
        parameter.copy_(torch.from_numpy(weight.astype(np.float32)))


def to_onnx(model, name: str) -> bytes:
    g, result = build(model)
    images = ["n", 2, "ny", "nx"]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, images)]
    if isinstance(model, Score):
        inputs.append(helper.make_tensor_value_info("sigma", TensorProto.FLOAT, ["n"]))
    g.nodes.append(helper.make_node("Identity", [result], ["denoised"]))
    output = helper.make_tensor_value_info("denoised", TensorProto.FLOAT, images)
    graph = helper.make_graph(g.nodes, name, inputs, [output], g.weights)
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="closer")
    onnx.checker.check_model(file)
    return file.SerializeToString()


@torch.no_grad()
def check(model, data: bytes) -> bool:
    """ONNX Runtime and PyTorch must agree on odd shapes and batches; fp16 weights are rounded in the model first. False where there
    is no ONNX Runtime."""
    try:
        import onnxruntime
    except ImportError:
        return False
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    for n, ny, nx in ((1, 64, 96), (3, 48, 32)):
        x, sigma = torch.randn(n, 2, ny, nx), torch.logspace(-2.5, 1.5, n)
        feed = {"x": x.numpy(), "sigma": sigma.numpy()} if isinstance(model, Score) else {"x": x.numpy()}
        want = model(x, sigma) if isinstance(model, Score) else model(x)
        got = torch.from_numpy(session.run(None, feed)[0])
        difference = float((got - want).norm() / want.norm())
        if not difference <= 1e-5:  # NaN neither
            raise SystemExit(f"ONNX and PyTorch differ by {difference:.2e} on {(n, ny, nx)}")
    return True


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("network", choices=("score", "unet"))
    p.add_argument("--checkpoint", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)
    args = p.parse_args()
    model = (Score() if args.network == "score" else Initialiser()).eval()
    state = checkpoint.read(args.checkpoint, args.network)
    checkpoint.restore(model, state["average"], args.checkpoint)
    model.half().float()
    if not all(p.isfinite().all() for p in model.parameters()):
        raise SystemExit(f"{args.checkpoint}: a weight is not finite in half precision")
    data = to_onnx(model, args.network)
    checked = check(model, data)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.replace(args.out, data)
    text = card.card(args.network, state, data, card.measured(args.checkpoint, state), checked)
    checkpoint.replace(args.out.parent / "CARD.md", text.encode())
    print(f"{args.out}: {len(data)} bytes, SHA-256 {checkpoint.sha256(data)}; {args.out.parent / 'CARD.md'} describes it")
    if not checked:
        print("ONNX Runtime is not installed here: the file was not compared with PyTorch")


if __name__ == "__main__":
    main()
