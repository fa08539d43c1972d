"""One residual U-Net used twice: as the denoiser D(x, sigma) of the score prior and as the initialiser G(A^H y).

Convolutions, ReLU, additions and one depth-to-space only: ONNX Runtime fuses these on every device. The exported network takes any
height and width divisible by MULTIPLE, and here as in closer zeros behind rows and columns fill up others. The noise level enters as
a bias per channel at every resolution.
"""
import torch
from torch import nn

WIDTHS = (48, 96, 128, 160)
BLOCKS = 2
MULTIPLE = 16  # stem and three downsamplings, each by 2
SIGMA_DATA = 0.25  # RMS of one channel (real or imaginary) of a training image


class Block(nn.Module):
    """x + conv(relu(conv(relu(x))))."""

    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, x):
        return x + self.second(torch.relu(self.first(torch.relu(x))))


class ResUNet(nn.Module):
    """(n, 2, ny, nx) -> (n, 2, ny, nx); level (n, 1), when there is one, conditions every resolution."""

    def __init__(self, widths=WIDTHS, blocks=BLOCKS, conditioned=False):
        super().__init__()
        self.stem = nn.Conv2d(2, widths[0], 2, stride=2)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in zip(widths, widths[1:]))
        self.up = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in zip(widths, widths[1:]))
        self.encoder = nn.ModuleList(nn.ModuleList(Block(w) for _ in range(blocks)) for w in widths)
        self.decoder = nn.ModuleList(nn.ModuleList(Block(w) for _ in range(blocks)) for w in widths[:-1])
        self.head = nn.Conv2d(widths[0], 8, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)
        if conditioned:
            self.embed = nn.Linear(1, 64)
            self.levels = nn.ModuleList(nn.Linear(64, w) for w in widths)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x, level=None):
        ny, nx = x.shape[-2:]
        x = nn.functional.pad(x, (0, -nx % MULTIPLE, 0, -ny % MULTIPLE))
        with torch.autocast(x.device.type, enabled=False):  # bf16 would round away noise below 0.4 % of the signal
            h = self.stem(x.float())
        skips = []
        for i, blocks in enumerate(self.encoder):
            if i > 0:
                skips.append(h)
                h = self.down[i - 1](h)
            if level is not None:
                h = h + self.levels[i](torch.relu(self.embed(level)))[:, :, None, None]
            for block in blocks:
                h = block(h)
        for i in reversed(range(len(self.decoder))):
            h = self.shuffle(self.up[i](h)) + skips[i]
            for block in self.decoder[i]:
                h = block(h)
        return self.shuffle(self.head(torch.relu(h)))[..., :ny, :nx]


class Score(nn.Module):
    """D(x, sigma) with the preconditioning of EDM (Karras et al. 2022, table 1). x (n, 2, ny, nx), sigma (n,)."""

    def __init__(self, **shape):
        super().__init__()
        self.net = ResUNet(conditioned=True, **shape)

    def forward(self, x, sigma):
        s = sigma.view(-1, 1, 1, 1)
        total = s * s + SIGMA_DATA**2
        level = sigma.log().view(-1, 1) / 4
        out = self.net(x / total.sqrt(), level)
        return x * (SIGMA_DATA**2 / total) + out.float() * (s * SIGMA_DATA / total.sqrt())


class Initialiser(nn.Module):
    """G(A^H y) = A^H y + net(A^H y): the zero-filled image in, the dealiased image out, both (n, 2, ny, nx)."""

    def __init__(self, **shape):
        super().__init__()
        self.net = ResUNet(**shape)

    def forward(self, x):
        return x + self.net(x).float()
