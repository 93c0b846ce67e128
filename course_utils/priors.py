"""Penalties on images: one number for each, bigger is worse; the loop subtracts it from the score.

    visualize(classifier, "logits:volcano", priors=[30 * total_variation, 5 * l1])

All are means over the image, so that a weight means the same at every size. They see `canvas.variable()`, which for
free images is the image itself, in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from numbers import Real

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from course_utils.validation import full_precision

GREY = 0.5  # where l1 and l2 measure from: an image without any content


class Prior:
    """A penalty with a weight: `10 * total_variation` is ten times as strict.

    Attributes:
        name: of the penalty.
        weight: what it is multiplied with, at least 0.

    Raises:
        ValueError: a weight that is negative or not finite: a penalty that rewards is an objective.
    """

    def __init__(self, measure: Callable[[Tensor], Tensor], weight: float = 1.0) -> None:
        self.measure, self.name, self.weight = measure, measure.__name__, float(weight)
        self.__doc__ = measure.__doc__
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ValueError(f"weight {weight:g} given for {self.name}, expected at least 0: priors are subtracted.")

    @full_precision()
    def __call__(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch"]:
        return self.weight * self.measure(images)

    def __mul__(self, weight: object) -> Prior:
        return Prior(self.measure, self.weight * float(weight)) if isinstance(weight, Real) else NotImplemented

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"{self.weight:g} · {self.name}"


@Prior
def l1(images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch"]:
    """Mean distance from mid-grey: prefers few coloured pixels. A penalty on contrast, not on frequencies."""
    return (images - GREY).abs().flatten(1).mean(1)


@Prior
def l2(images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch"]:
    """Mean squared distance from mid-grey: prefers weak colours everywhere, whatever their frequencies."""
    return (images - GREY).square().flatten(1).mean(1)


@Prior
def total_variation(images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch"]:
    """Mean difference between neighbours, across and down: prefers even areas, and allows sharp edges.

    Source: Rudin, Osher & Fatemi 1992, in its anisotropic form; for inverting networks Mahendran & Vedaldi 2015.
    """
    down, across = images.diff(dim=2), images.diff(dim=3)
    return down.abs().flatten(1).mean(1) + across.abs().flatten(1).mean(1)


@Prior
def high_frequency(images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch"]:
    """Mean squared difference from the blurred image: what a blur removes, edges included.

    The blur weighs neighbours 1, 2, 1 in both directions. Source: lucid's `blur_input_each_step`; Tagade & Rumbelow
    2023 penalise differences between neighbouring pixels.
    """
    down, across = (blur_matrix(size).to(images) for size in images.shape[2:])
    return (images - down @ (images @ across)).square().flatten(1).mean(1)


@Prior
def mask_area(masks: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch"]:
    """Mean of a mask in [0, 1]: the share of the image that it covers. For `MaskCanvas`, whose variable is a mask."""
    return masks.flatten(1).mean(1)


@cache
@torch.inference_mode(False)  # what is cached must do for those who want gradients, too
def blur_matrix(size: int) -> Float[Tensor, "size size"]:
    """A binomial blur matrix (1, 2, 1) with replicated borders.

    Two products with such a matrix take a third of the time that a convolution of each channel takes.
    """
    line = F.pad(torch.eye(size)[None], (1, 1), mode="replicate")[0]
    return (line[:, :-2] + 2 * line[:, 1:-1] + line[:, 2:]) / 4


__all__ = ["Prior", "high_frequency", "l1", "l2", "mask_area", "total_variation"]
