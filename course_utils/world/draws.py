"""Every random number of a scene, drawn before anything is painted.

A scene has one seed. From it come all of its numbers, in named streams with a fixed place each, so that changing
one factor of a scene (`PaintedWorld.counterfactual`) leaves every other number, and so every other pixel, as it was.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.world.picture import Colour, Field, smooth_noise

GRIDS = (4, 8, 16)  # cells of the noise octaves
# How many numbers each stream holds. A stream that runs out raises, so that nothing is ever drawn twice.
STREAMS = {"factors": 40, "background": 420, "scenery": 1250, "object": 1100, "berries": 40, "clutter": 60, "front": 30}


def scene_seeds(seed: int, n: int) -> Int[Tensor, "n"]:
    """One 63-bit seed for each of scenes 0 … n-1; scene i gets the same one whatever n is (splitmix64)."""
    mask = (1 << 64) - 1
    seeds = []
    for index in range(n):
        z = (seed * 0x9E3779B97F4A7C15 + (index + 1) * 0xD1B54A32D192ED03) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        seeds.append((z ^ (z >> 31)) >> 1)
    return torch.tensor(seeds, dtype=torch.int64)


def draw_numbers(seeds: Int[Tensor, "n"]) -> Float[Tensor, "n numbers"]:
    """Uniform numbers in [0, 1), a row for each scene, holding all its streams one after the other."""
    numbers = torch.empty(len(seeds), sum(STREAMS.values()))
    generator = torch.Generator()
    for row, seed in zip(numbers, seeds.tolist(), strict=True):
        torch.rand(row.shape, generator=generator.manual_seed(seed), out=row)
    return numbers


def sensor_noise(seeds: Int[Tensor, "n"], size: int) -> Float[Tensor, "n 3 size size"]:
    """Standard normal noise for every pixel of every scene."""
    noise = torch.empty(len(seeds), 3, size, size)
    generator = torch.Generator()
    for picture, seed in zip(noise, seeds.tolist(), strict=True):
        torch.randn(picture.shape, generator=generator.manual_seed(seed ^ 0x5DEECE66D), out=picture)
    return noise


class Draws:
    """Hands out one stream's numbers in order, a column at a time, for all scenes of a batch."""

    def __init__(self, numbers: Float[Tensor, "n numbers"], stream: str, size: int) -> None:
        start = 0
        for name, length in STREAMS.items():
            if name == stream:
                break
            start += length
        self.name, self.size = stream, size
        self.numbers, self.used = numbers[:, start : start + STREAMS[stream]], 0

    def take(self, count: int) -> Float[Tensor, "n count"]:
        """The next `count` uniform numbers of every scene."""
        if self.used + count > self.numbers.shape[1]:
            raise RuntimeError(f"the stream {self.name!r} holds {self.numbers.shape[1]} numbers; make it longer")
        self.used += count
        return self.numbers[:, self.used - count : self.used]

    def uniform(self, low: float, high: float) -> Float[Tensor, "n 1 1"]:
        return low + (high - low) * self.take(1)[:, :, None]

    def chance(self, probability: float) -> Float[Tensor, "n 1 1"]:
        """1.0 with the given probability, else 0.0."""
        return (self.take(1)[:, :, None] < probability).float()

    def colour(self, red: float, green: float, blue: float, jitter: float = 0.06) -> Colour:
        """A colour near the given one, each channel up to `jitter` away."""
        base = torch.tensor([red, green, blue])
        return (base + (2 * self.take(3) - 1) * jitter)[:, :, None, None]

    def any_colour(self, low: float = 0.05, high: float = 0.95) -> Colour:
        return (low + (high - low) * self.take(3))[:, :, None, None]

    def noise(self, grids: tuple[int, ...] = GRIDS) -> Field:
        """A smooth random field, mean 0 and spread about 1."""
        spread = math.sqrt(12)  # of a uniform number
        cells = [((self.take(g * g) - 0.5) * spread).reshape(-1, g, g) for g in grids]
        return smooth_noise(cells, self.size)
