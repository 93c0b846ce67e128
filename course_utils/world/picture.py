"""Painting many small pictures at once: shapes as signed distances, laid over each other back to front.

A shape is a tensor of signed distances, negative inside. `Picture.paint` turns it into a soft coverage of
about one and a half pixels at the edge and lays a colour over what is there. While painting, the picture can
keep a mask for every named part: what is painted later hides what lies under it, in the masks as in the pixels.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Field = Float[Tensor, "n height width"]  # a number for every pixel of every picture
Colour = Float[Tensor, "#n 3 #height #width"]  # red, green, blue in [0, 1]

EDGE = 0.012  # softness of an edge; a pixel of a 64x64 picture is 0.031 wide


class Picture:
    """A batch of pictures on the square x, y in [-1, 1] (y points down), painted back to front."""

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


@cache
def _upsampling(cells: int, size: int) -> Tensor:
    """The matrix that stretches `cells` values smoothly over `size` pixels."""
    one = F.interpolate(torch.eye(cells)[None, None], size=(size, cells), mode="bicubic", align_corners=False)
    return one[0, 0]


def smooth_noise(grids: list[Tensor], size: int) -> Field:
    """Value noise: coarse random grids (n, cells, cells), stretched to the picture's size and added up.

    Each finer grid weighs 0.6 times the one before it; the result has mean 0 and a spread of about 1.
    """
    field, weight = torch.zeros(()), 1.0
    for grid in grids:
        stretch = _upsampling(grid.shape[-1], size)
        field = field + weight * (stretch @ grid @ stretch.T)
        weight *= 0.6
    return field
