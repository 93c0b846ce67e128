"""Epsilon balls, in which adversarial examples are looked for: images no further than `eps` from given ones.

What "far" means is the norm's to say. A norm is an object with three parts in an attack: where a random
start lies, which step of length one changes the score most, and how a perturbation is projected back into the ball
(foolbox's `gradient_descent_base` has the same three).
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.canvas.image import Canvas, Images
from course_utils.validation import check_unit_interval, widened

Changes = Float[Tensor, "batch ..."]  # perturbations or gradients; each sample is measured alone


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

    def __init__(self, images: Images, eps: float, norm: str = "linf", *, start: Images | None = None) -> None:
        super().__init__()
        check_unit_interval(images)
        self.eps, self.norm = checked_radius(eps, norm)
        if start is not None and start.shape != images.shape:
            given, expected = tuple(start.shape), tuple(images.shape)
            raise ValueError(f"start of shape {given} given, expected that of images: {expected}.")
        self.register_buffer("images", widened(images.detach()).clamp(0, 1))
        begin = self.images if start is None else start.detach().to(self.images)
        self.perturbed = nn.Parameter(begin.clone())
        self.project()

    def render(self) -> Images:
        return self.perturbed.clone()  # a model that works in place must not change the parameter

    def variable(self, rendered: Tensor | None = None) -> Images:
        """The perturbation: what was added to the images."""
        return self.perturbed - self.images

    @torch.no_grad()
    def project(self) -> None:
        change = NORMS[self.norm].project(self.perturbed - self.images, self.eps)
        torch.clamp(change.add_(self.images), 0, 1, out=self.perturbed)


def random_start(images: Images, eps: float, norm: str, generators: Sequence[torch.Generator]) -> Images:
    """Images drawn uniformly from the epsilon balls around `images`, one generator each; not yet in [0, 1].

    In L2 the direction is uniform and the length is `eps` · u^(1 / dimensions), u uniform: in many dimensions
    nearly all of a ball lies close to its surface.
    """
    return images + NORMS[norm].start(images, eps, generators).to(images.device)


def checked_radius(eps: float, norm: str) -> tuple[float, str]:
    """`eps` and `norm`, if they make an epsilon ball around images; raises as `EpsilonBall` does if not."""
    if norm not in NORMS:
        raise ValueError(f"norm={norm!r} given, expected 'linf' (each number) or 'l2' (the whole image).")
    if not (math.isfinite(eps) and eps >= 0):
        raise ValueError(f"eps={eps} given, expected a radius of at least 0, such as eps=8/255.")
    if eps > NORMS[norm].largest:
        raise ValueError(
            f"eps={eps:g} given, expected at most 1 in 'linf', as images are in [0, 1]: eps=8/255, not eps=8."
        )
    return float(eps), norm


class Linf:
    """The largest change of a number, sample by sample.

    Attributes:
        largest: the radius above which a ball is of no use.
    """

    largest = 1.0  # images are in [0, 1]

    def length(self, change: Changes) -> Float[Tensor, "batch"]:
        """The norm of each sample's change."""
        return change.flatten(1).abs().amax(dim=1)

    def start(self, images: Images, eps: float, generators: Sequence[torch.Generator]) -> Images:
        """Changes drawn uniformly from the ball of radius `eps`, on the generators' device."""
        shape, dtype = images.shape[1:], images.dtype
        return eps * torch.stack([2 * torch.rand(shape, generator=each, dtype=dtype) - 1 for each in generators])

    def normalise(self, gradient: Changes) -> Changes:
        """The change of length one along which the score changes most; a sample whose gradient is zero stays."""
        return gradient.sign()

    def project(self, change: Changes, eps: float) -> Changes:
        """The nearest change of length `eps` at most, written over `change`."""
        return change.clamp_(-eps, eps)

    def radius(self, eps: float) -> str:
        """The radius as results print it: in levels of 8-bit images where it is a whole number of them."""
        levels = round(eps * 255)
        return f"{levels}/255" if abs(eps * 255 - levels) < 1e-6 else f"{eps:g}"


class L2:
    """The Euclidean length of the whole change, sample by sample; its parts are those of `Linf`."""

    largest = math.inf

    def length(self, change: Changes) -> Float[Tensor, "batch"]:
        return change.flatten(1).norm(dim=1)

    def start(self, images: Images, eps: float, generators: Sequence[torch.Generator]) -> Images:
        shape, dtype = images.shape[1:], images.dtype
        directions = torch.stack([torch.randn(shape, generator=each, dtype=dtype) for each in generators])
        uniform = torch.stack([torch.rand((), generator=each, dtype=dtype) for each in generators])
        lengths = eps * uniform ** (1 / shape.numel())
        return directions * (lengths / self.length(directions)).reshape(-1, 1, 1, 1)

    def normalise(self, gradient: Changes) -> Changes:
        flat, tiny = gradient.reshape(len(gradient), -1), torch.finfo(gradient.dtype).tiny
        flat = flat / flat.abs().amax(dim=1, keepdim=True).clamp_min(tiny)  # or squares would under- or overflow
        return (flat / flat.norm(dim=1, keepdim=True).clamp_min(tiny)).reshape(gradient.shape)

    def project(self, change: Changes, eps: float) -> Changes:
        length = self.length(change).clamp_min(torch.finfo(change.dtype).tiny)
        return change.mul_((eps / length).clamp(max=1).reshape(-1, 1, 1, 1))

    def radius(self, eps: float) -> str:
        return f"{eps:g}"


Norm = Linf | L2
NORMS: dict[str, Norm] = {"linf": Linf(), "l2": L2()}
