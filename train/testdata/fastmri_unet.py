"""Made fastmri_unet.pt and .f32 once, with PyTorch and fastMRI 0.3.0:  python train/testdata/fastmri_unet.py [--check]

The .pt is the state_dict of a small fastmri.models.Unet with random weights. The .f32 holds, in float32, a complex image x
(2, 32, 48) and, after it, (32, 32): what fastMRI's own transform, model and inverse normalisation make of its central magnitude.
--check compares a full-size network of random weights, through ONNX Runtime, with PyTorch instead.
"""
import sys
from pathlib import Path

import numpy as np
import torch
from fastmri.models import Unet

HERE = Path(__file__).parent


def fastmri_magnitude(model, x):
    """As fastmri.data.transforms.UnetDataTransform and UnetModule.test_step do, for one complex image (ny, nx)."""
    side = min(x.shape)
    top, left = (x.shape[0] - side) // 2, (x.shape[1] - side) // 2
    image = x[top:top + side, left:left + side].abs()
    mean, std = image.mean(), image.std()
    normalised = ((image - mean) / (std + 1e-11)).clamp(-6, 6)
    return model(normalised[None, None])[0, 0] * std + mean


def smooth(ny, nx):
    """A complex image with some bright pixels beyond the clamp."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, ny), torch.linspace(-1, 1, nx), indexing="ij")
    image = torch.exp(-4 * (x**2 + y**2)) * torch.exp(1j * (2 * x + y)) + 0.05 * torch.randn(ny, nx, dtype=torch.complex64)
    image[ny // 2, nx // 2] = 40
    return image.to(torch.complex64)


@torch.no_grad()
def main():
    torch.manual_seed(1)
    if "--check" in sys.argv:
        import onnxruntime
        from train.convert_fastmri_unet import convert, read
        model, x = Unet(1, 1, chans=32, num_pool_layers=4).eval(), smooth(320, 368)
        torch.save(model.state_dict(), "/tmp/check.pt")
        session = onnxruntime.InferenceSession(convert(read(Path("/tmp/check.pt"))), providers=["CPUExecutionProvider"])
        got = session.run(None, {"x": torch.view_as_real(x).permute(2, 0, 1)[None].numpy()})[0][0]
        want = fastmri_magnitude(model, x)
        got = torch.from_numpy(np.hypot(*got))[:, 24:344]
        raise SystemExit(f"differs by {((got - want.abs()).norm() / want.norm()).item():.1e}")
    model, x = Unet(1, 1, chans=3, num_pool_layers=2).eval(), smooth(32, 48)
    torch.save(model.state_dict(), HERE / "fastmri_unet.pt")
    np.concatenate([torch.view_as_real(x).permute(2, 0, 1).numpy().ravel(), fastmri_magnitude(model, x).numpy().ravel()]).tofile(HERE / "fastmri_unet.f32")


if __name__ == "__main__":
    main()
