"""Networks of the shipped classifiers: two residual nets and a plain convolutional one, small enough for a CPU.

`PocketNet` and `PhotoNet` are residual nets (He et al. 2016) for painted scenes and for small photographs. `JudgeNet`
shares nothing with them but its task: other kernels, no shortcuts, group normalisation and GELU. What it also
recognises does not hang on one architecture.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class PocketNet(nn.Module):
    """A small residual net with ReLUs: a stem, three blocks, each half as large as the one before, a linear head.

    For 64x64 images and width 16 the maps are stem (16, 32, 32), layer1 (32, 16, 16), layer2 (64, 8, 8),
    layer3 (96, 4, 4).
    """

    stem_stride = 2

    def __init__(self, classes: int, *, width: int = 16, size: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        kernel = 4 if self.stem_stride == 2 else 3
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, kernel, stride=self.stem_stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.layer1 = Block(width, 2 * width)
        self.layer2 = Block(2 * width, 4 * width)
        self.layer3 = Block(4 * width, 6 * width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(6 * width * (size // (8 * self.stem_stride)) ** 2, classes)

    def forward(self, x: Float[Tensor, "n 3 size size"]) -> Float[Tensor, "n classes"]:
        x = self.layer3(self.layer2(self.layer1(self.stem(x))))
        return self.head(self.dropout(x.flatten(1)))


class PhotoNet(PocketNet):
    """A `PocketNet` for small photographs: its stem keeps the size, since 32x32 pixels leave nothing to give away.

    For 32x32 images and width 40 the maps are stem (40, 32, 32), layer1 (80, 16, 16), layer2 (160, 8, 8),
    layer3 (240, 4, 4).
    """

    stem_stride = 1


class Block(nn.Module):
    """Half the size, then two 3x3 convolutions beside a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.halve = nn.AvgPool2d(2)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.relu2 = nn.ReLU()

    def forward(self, x: Float[Tensor, "n inputs h w"]) -> Float[Tensor, "n outputs h/2 w/2"]:
        x = self.halve(x)
        residual = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        return self.relu2(residual + self.shortcut(x))


class JudgeNet(nn.Module):
    """A plain convolutional net: four stages of two convolutions and a max pooling, and a linear head."""

    def __init__(self, classes: int, *, width: int = 20, size: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        stages, inputs, map_size = [], 3, size // 2
        for kernel, stride, outputs in ((5, 2, width), (3, 1, 2 * width), (3, 1, 4 * width), (3, 1, 6 * width)):
            stages.append(
                nn.Sequential(
                    nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2),
                    nn.GroupNorm(4, outputs), nn.GELU(),
                    nn.Conv2d(outputs, outputs, 3, padding=1),
                    nn.GroupNorm(4, outputs), nn.GELU(),
                    nn.MaxPool2d(2),
                )
            )  # fmt: skip
            inputs, map_size = outputs, map_size // 2
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(inputs * map_size**2, classes)

    def forward(self, x: Float[Tensor, "n 3 size size"]) -> Float[Tensor, "n classes"]:
        return self.head(self.dropout(self.stages(x).flatten(1)))


NETS = {"PocketNet": PocketNet, "PhotoNet": PhotoNet, "JudgeNet": JudgeNet}
