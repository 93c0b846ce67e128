"""A free picture, pixel by pixel: the plainest canvas, and the one whose pictures look like noise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.canvas.base import Canvas
from course_utils.randomness import sample_generators


class PixelCanvas(Canvas):
    """Pictures whose pixels are the parameters; each step is clipped back into [0, 1].

    Args:
        batch: number of pictures, at least 1.
        size: height and width in pixels (one number for a square).
        channels: 3 for colours, 1 for greys.
        seed: of the noise to start from; picture i starts alike whatever the batch's size.
        contrast: standard deviation of that noise, around 0.5; `CONTRAST` if None.
        indices: the pictures' numbers where they are part of something larger; 0 … batch - 1 if None.

    Raises:
        ValueError: a batch, size or number of channels below 1.
    """

    CONTRAST = 0.05  # standard deviation of the noise to start from, around mid-grey

    def __init__(
        self,
        batch: int,
        size: int | tuple[int, int],
        *,
        channels: int = 3,
        seed: int = 0,
        contrast: float | None = None,
        indices: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        shape = picture_shape(batch, size, channels)
        contrast = self.CONTRAST if contrast is None else contrast
        noise = normal_noise(shape, seed, range(batch) if indices is None else indices)
        self.pixels = nn.Parameter((0.5 + contrast * noise).clamp(0, 1))

    def render(self) -> Float[Tensor, "batch channels height width"]:
        return self.pixels.clone()

    @torch.no_grad()
    def project(self) -> None:
        self.pixels.clamp_(0, 1)


def picture_shape(batch: int, size: int | tuple[int, int], channels: int) -> tuple[int, int, int, int]:
    """(batch, channels, height, width), or a ValueError."""
    height, width = (size, size) if isinstance(size, int) else size
    if min(batch, channels, height, width) < 1:
        raise ValueError(f"batch={batch}, channels={channels}, size={size} given, expected at least 1 of each.")
    return batch, channels, height, width


def normal_noise(shape: Sequence[int], seed: int, indices: Sequence[int]) -> Float[Tensor, "batch ..."]:
    """Standard normal numbers, drawn for each sample by a generator of its own."""
    generators = sample_generators(seed, indices, "canvas")
    return torch.stack([torch.randn(tuple(shape[1:]), generator=generator) for generator in generators])
