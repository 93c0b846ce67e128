"""How well a map finds a part whose exact place is known: three scores, each in [0, 1], one for each picture."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

HALF = 0.5  # of a pixel: a mask's pixel belongs to the part when at least half of it shows the part


def pointing_game(
    maps: Float[Tensor, "batch height width"], truth: Float[Tensor, "batch height width"]
) -> Float[Tensor, "batch"]:
    """Whether the map is largest inside the part; where several pixels tie for the maximum, the share inside.

    Args:
        maps: larger where the picture matters more, of any scale.
        truth: masks of the part in [0, 1].

    Raises:
        ValueError: maps and masks of different shapes, NaN, or a part that covers no pixel.

    Source: Zhang et al. 2018 (excitation backpropagation), without their tolerance of 15 pixels.
    """
    inside = _checked(maps, truth)
    top = maps == maps.amax((1, 2), keepdim=True)
    return (top & inside).sum((1, 2)) / top.sum((1, 2))


def relevance_mass(
    maps: Float[Tensor, "batch height width"], truth: Float[Tensor, "batch height width"]
) -> Float[Tensor, "batch"]:
    """The share of the map's positive sum that lies inside the part; 0 for a map without any.

    A pixel that shows the part by half counts by half.

    Args, Raises: as `pointing_game`.

    Source: Arras, Osman & Samek 2022 (CLEVR-XAI, relevance mass accuracy).
    """
    _checked(maps, truth)
    positive = maps.clamp_min(0)
    total = positive.sum((1, 2))
    return (positive * truth).sum((1, 2)) / total.where(total > 0, 1)


def intersection_over_union(
    maps: Float[Tensor, "batch height width"], truth: Float[Tensor, "batch height width"], threshold: float = 0.5
) -> Float[Tensor, "batch"]:
    """Shared pixels over all pixels, of the part and of where the map is above `threshold` times its maximum.

    Fix the threshold beforehand, on other pictures: chosen on the same ones, it flatters.

    Args:
        maps, truth: as `pointing_game`.
        threshold: as a share of each map's maximum, at least 0 and below 1.

    Raises:
        ValueError: as `pointing_game`, or a threshold outside [0, 1).
    """
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold={threshold} given, expected a share of the maximum of at least 0 and below 1.")
    inside = _checked(maps, truth)
    above = maps > threshold * maps.amax((1, 2), keepdim=True).clamp_min(0)
    return (above & inside).sum((1, 2)) / (above | inside).sum((1, 2))


def _checked(maps: Tensor, truth: Tensor) -> Bool[Tensor, "batch height width"]:
    """Which pixels belong to the part."""
    if maps.shape != truth.shape:
        raise ValueError(
            f"maps of shape {tuple(maps.shape)} and masks of shape {tuple(truth.shape)} given, expected the same."
        )
    if maps.isnan().any():
        raise ValueError("the maps hold NaN (not a number): there is nothing to score.")
    inside = truth >= HALF
    if (empty := ~inside.any(2).any(1)).any():
        raise ValueError(f"the part covers no pixel of picture {int(empty.nonzero()[0])}: leave such pictures out.")
    return inside
