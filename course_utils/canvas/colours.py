"""How red, green and blue vary together: the statistics behind decorrelated colours."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Colours = str | Sequence[Sequence[float]] | Tensor | None

# Square root of the covariance of ImageNet's pixels, as lucid ships it (`optvis/param/color.py`,
# `color_correlation_svd_sqrt`): columns are brightness, blue against red, green against the two.
IMAGENET = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))


def colour_statistics(images: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "3 3"]:
    """A square root of the covariance of the pixels' colours: columns are directions, strongest first.

    Args:
        images: in [0, 1], some hundreds.
    """
    pixels = images.permute(1, 0, 2, 3).flatten(1).double()
    values, directions = torch.linalg.eigh(torch.cov(pixels))
    root = (directions * values.clamp_min(0).sqrt()).flip(1)
    return torch.where(root.sum(0) < 0, -root, root).float()  # a direction's sign is arbitrary: more light is positive


def colour_matrix(colours: Colours) -> Float[Tensor, "3 3"]:
    """What turns independent numbers into correlated colours, scaled so that its longest column has length one.

    Raises:
        ValueError: an unknown name, or no 3x3 matrix.
    """
    if colours is None:
        return torch.eye(3)
    if isinstance(colours, str) and colours != "imagenet":
        raise ValueError(f"colours={colours!r} given, expected 'imagenet', None or a 3x3 matrix.")
    matrix = torch.as_tensor(IMAGENET if isinstance(colours, str) else colours, dtype=torch.float32)
    if matrix.shape != (3, 3) or not matrix.isfinite().all() or not matrix.any():
        raise ValueError(f"colours of shape {tuple(matrix.shape)} given, expected a 3x3 matrix of numbers.")
    return matrix / matrix.norm(dim=0).max()
