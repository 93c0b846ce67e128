"""Blur: what a picture still says when its details are gone, at random or by an amount fixed beforehand."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

REACH = 2.5  # standard deviations that a blur's kernel covers on each side
FAINTEST = 0.05  # pixels: a blur below this changes nothing


@dataclass(frozen=True)
class RandomBlur:
    """A transform: blurs each picture by a Gaussian whose standard deviation lies anywhere between 0 and `most` pixels.

    Raises:
        ValueError: less than 0 pixels.
    """

    most: float

    def __post_init__(self) -> None:
        if not 0 <= self.most < float("inf"):
            raise ValueError(f"RandomBlur({self.most}) given, expected at least 0 pixels.")

    def __call__(
        self, pictures: Float[Tensor, "batch c h w"], generators: list[torch.Generator]
    ) -> Float[Tensor, "batch c h w"]:
        sigmas = [self.most * torch.rand(1, generator=each).item() for each in generators]
        return torch.cat([blurred(picture[None], s) for picture, s in zip(pictures, sigmas, strict=True)])


def blurred(pictures: Float[Tensor, "batch c h w"], sigma: float) -> Float[Tensor, "batch c h w"]:
    """Pictures after a Gaussian blur of one standard deviation, in pixels, for all."""
    if sigma < FAINTEST:
        return pictures
    from torchvision.transforms.v2.functional import gaussian_blur  # here, because it takes a second to import

    across, down = (
        min(2 * max(1, round(REACH * sigma)) + 1, 2 * side - 1) for side in (pictures.shape[3], pictures.shape[2])
    )
    # One axis after the other: the same blur, with as many products as a kernel is long instead of its square.
    return gaussian_blur(gaussian_blur(pictures, [across, 1], [sigma, sigma]), [1, down], [sigma, sigma])
