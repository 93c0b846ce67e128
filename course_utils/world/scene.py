"""Painting many small images at once: shapes as signed distances, laid over each other back to front.

A shape is a tensor of signed distances, negative inside. `Image.paint` turns it into a soft coverage of
about one and a half pixels at the edge and lays a colour over what is there. While painting, the image can
keep a mask for every named part: what is painted later hides what lies under it, in the masks as in the pixels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.utils import bicubic_matrix
from course_utils.world.factors import FACTORS, Choice, Factors

Field = Float[Tensor, "n height width"]  # a number for every pixel of every image
Colour = Float[Tensor, "#n 3 #height #width"]  # red, green, blue in [0, 1]

EDGE = 0.012  # softness of an edge; a pixel of a 64x64 image is 0.031 wide


class Painting:
    """A batch of images on the square x, y in [-1, 1] (y points down), painted back to front."""

    def __init__(self, n: int, size: int, *, masks: bool = False) -> None:
        axis = (torch.arange(size) + 0.5) * 2 / size - 1
        self.y, self.x = (grid.expand(n, size, size) for grid in torch.meshgrid(axis, axis, indexing="ij"))
        self.pixels = torch.zeros(n, 3, size, size)
        self.masks: dict[str, Field] | None = {} if masks else None

    def paint(self, distance: Field, colour: Colour, part: str, *, opacity=1.0, edge: float = EDGE) -> None:
        """Lays `colour` over every pixel where `distance` is negative, and books the pixels on `part`."""
        coverage = torch.sigmoid(-distance / edge) * opacity
        self.pixels = torch.lerp(self.pixels, colour, coverage[:, None])
        if self.masks is None:
            return
        for mask in self.masks.values():
            mask *= 1 - coverage
        if part not in self.masks:
            self.masks[part] = torch.zeros_like(coverage)
        self.masks[part] += coverage


def ellipse(x: Field, y: Field, cx, cy, a, b) -> Field:
    """Signed distance (exact for circles, close near the edge otherwise) to an ellipse with half-axes a and b."""
    radius = (((x - cx) / a) ** 2 + ((y - cy) / b) ** 2).sqrt()
    return (radius - 1) * (torch.minimum(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else min(a, b))


def box(x: Field, y: Field, cx, cy, a, b, *, corner: float = 0.0) -> Field:
    """Signed distance to a box with half-sides a and b and rounded corners."""
    dx, dy = (x - cx).abs() - a + corner, (y - cy).abs() - b + corner
    if corner == 0:
        return torch.maximum(dx, dy)
    outside = (dx.clamp(min=0) ** 2 + dy.clamp(min=0) ** 2).sqrt()
    return outside + torch.maximum(dx, dy).clamp(max=0) - corner


def polygon(x: Field, y: Field, *corners: tuple) -> Field:
    """Signed distance to a convex polygon; corners run clockwise on the screen (y points down)."""
    edges = []
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        ex, ey = x1 - x0, y1 - y0
        edges.append(((x - x0) * ey - (y - y0) * ex) / (ex**2 + ey**2) ** 0.5)
    return both(*edges)


def ring(x: Field, y: Field, cx, cy, radius, width) -> Field:
    """Signed distance to a circle drawn with a pen of the given half-width."""
    return (((x - cx) ** 2 + (y - cy) ** 2).sqrt() - radius).abs() - width


def union(*distances: Field) -> Field:
    """Inside any of the shapes."""
    return torch.stack(distances).amin(0)


def both(*distances: Field) -> Field:
    """Inside all of the shapes."""
    return torch.stack(distances).amax(0)


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
    return _drawn(torch.rand, seeds, (sum(STREAMS.values()),))


def sensor_noise(seeds: Int[Tensor, "n"], size: int) -> Float[Tensor, "n 3 size size"]:
    """Standard normal noise for every pixel of every scene."""
    return _drawn(torch.randn, seeds ^ 0x5DEECE66D, (3, size, size))


def _drawn(draw: Callable[..., Tensor], seeds: Int[Tensor, "n"], shape: tuple[int, ...]) -> Float[Tensor, "n ..."]:
    generator = torch.Generator()
    return torch.stack([draw(shape, generator=generator.manual_seed(seed)) for seed in seeds.tolist()])


class Draws:
    """Hands out one stream's numbers in order, a column at a time, for all scenes of a batch."""

    def __init__(self, numbers: Float[Tensor, "n numbers"], stream: str, size: int) -> None:
        before = list(STREAMS)[: list(STREAMS).index(stream)]
        start = sum(STREAMS[name] for name in before)
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
        """A smooth random field, mean 0 and spread about 1: coarse random grids, stretched to the image's size.

        Each finer grid weighs 0.6 times the one before it.
        """
        field, weight, spread = torch.zeros(()), 1.0, math.sqrt(12)  # of a uniform number
        for g in grids:
            grid, stretch = ((self.take(g * g) - 0.5) * spread).reshape(-1, g, g), bicubic_matrix(g, self.size)
            field = field + weight * (stretch @ grid @ stretch.T)
            weight *= 0.6
        return field


@dataclass
class Scenery:
    """A batch of scenes of one class while they are painted."""

    painting: Painting
    factors: Factors
    numbers: Tensor

    def draws(self, stream: str) -> Draws:
        return Draws(self.numbers, stream, self.painting.pixels.shape[-1])

    def amount(self, name: str) -> Tensor:
        """A factor's number, ready to be spread over the image: (n, 1, 1)."""
        return self.factors[name][:, None, None]

    def has(self, name: str, value: object = True) -> Tensor:
        """1.0 where the factor has the value, else 0.0: (n, 1, 1)."""
        factor = FACTORS[name]
        assert isinstance(factor, Choice)
        return (self.factors[name] == factor.values.index(value)).float()[:, None, None]

    def pose(self, *, tilt: float = 1.0) -> tuple[Field, Field]:
        """x and y as the main object sees them: shifted, turned, mirrored and scaled as its factors say."""
        x, y = self.painting.x - self.amount("x"), self.painting.y - self.amount("y")
        angle, size = self.amount("rotation") * tilt, self.amount("size")
        cos, sin = angle.cos(), angle.sin()
        return (x * cos + y * sin) / size * (1 - 2 * self.has("mirrored")), (y * cos - x * sin) / size
