"""Given images that may change within an epsilon ball: what an attack paints on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.canvas.image import Canvas
from course_utils.validation import check_unit_interval

NORMS = ("linf", "l2")


class EpsilonBall(Canvas):
    """Images that stay within `eps` of given ones, and within [0, 1].

    Source: Madry et al. 2018 (projected gradient descent). Their clipping order: first the ball, then [0, 1].
    For both norms the second does not lead out of the first, because the given images are inside [0, 1]
    themselves.

    Args:
        images: in [0, 1], (batch, 3, height, width).
        eps: the ball's radius in the norm: in `"linf"` the most by which a number may change, 0 … 1; in
            `"l2"` the length of the whole change, where it may exceed 1.
        norm: `"linf"` or `"l2"`.
        start: images to start from, brought into the ball; the given ones themselves if None.

    Attributes:
        images: the given images.
        perturbed: the changed ones, the canvas's only parameter.

    Raises:
        ValueError: `eps` below 0, not finite, or above 1 in `"linf"`; an unknown norm; images outside [0, 1];
            a start of another shape.
        TypeError: images that are not floating-point numbers.
    """

    images: Tensor

    def __init__(
        self,
        images: Float[Tensor, "batch channels height width"],
        eps: float,
        norm: str = "linf",
        *,
        start: Float[Tensor, "batch channels height width"] | None = None,
    ) -> None:
        super().__init__()
        check_unit_interval(images)
        self.eps, self.norm = checked_radius(eps, norm)
        if start is not None and start.shape != images.shape:
            raise ValueError(
                f"start of shape {tuple(start.shape)} given, expected that of images: {tuple(images.shape)}."
            )
        self.register_buffer("images", images.detach().clamp(0, 1))
        begin = self.images if start is None else start.detach().to(self.images)
        self.perturbed = nn.Parameter(begin.clone())
        self.project()

    def render(self) -> Float[Tensor, "batch channels height width"]:
        return self.perturbed.clone()  # a model that works in place must not change the parameter

    def variable(self, rendered: Tensor | None = None) -> Float[Tensor, "batch channels height width"]:
        """The perturbation: what was added to the images."""
        return self.perturbed - self.images

    @torch.no_grad()
    def project(self) -> None:
        change = self.perturbed - self.images
        if self.norm == "linf":
            change.clamp_(-self.eps, self.eps)
        else:
            length = l2_length(change).clamp_min(torch.finfo(change.dtype).tiny)
            change *= (self.eps / length).clamp(max=1).reshape(-1, 1, 1, 1)
        torch.clamp(change.add_(self.images), 0, 1, out=self.perturbed)


def random_start(
    images: Float[Tensor, "batch channels height width"],
    eps: float,
    norm: str,
    generators: Sequence[torch.Generator],
) -> Float[Tensor, "batch channels height width"]:
    """Images drawn uniformly from the epsilon balls around `images`, one generator each; not yet in [0, 1].

    In L2 the direction is uniform and the length is `eps` · u^(1 / dimensions), u uniform: in many dimensions
    nearly all of a ball lies close to its surface.
    """
    shape, dtype = images.shape[1:], images.dtype
    if norm == "linf":
        drawn = torch.stack([2 * torch.rand(shape, generator=each, dtype=dtype) - 1 for each in generators])
        return images + eps * drawn.to(images.device)
    directions = torch.stack([torch.randn(shape, generator=each, dtype=dtype) for each in generators])
    uniform = torch.stack([torch.rand((), generator=each, dtype=dtype) for each in generators])
    lengths = eps * uniform ** (1 / shape.numel())
    drawn = directions * (lengths / l2_length(directions)).reshape(-1, 1, 1, 1)
    return images + drawn.to(images.device)


def l2_length(change: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch"]:
    """The L2 norm of each sample."""
    return change.flatten(1).norm(dim=1)


def checked_radius(eps: float, norm: str) -> tuple[float, str]:
    """`eps` and `norm`, if they make an epsilon ball around images; raises as `EpsilonBall` does if not."""
    if norm not in NORMS:
        raise ValueError(f"norm={norm!r} given, expected 'linf' (each number) or 'l2' (the whole image).")
    if not (math.isfinite(eps) and eps >= 0):
        raise ValueError(f"eps={eps} given, expected a radius of at least 0, such as eps=8/255.")
    if norm == "linf" and eps > 1:
        raise ValueError(
            f"eps={eps:g} given, expected at most 1 in 'linf', as images are in [0, 1]: eps=8/255, not eps=8."
        )
    return float(eps), norm
