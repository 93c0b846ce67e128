"""Canvases over images that are given: a ball around them, in which adversarial examples lie, and a mask over them.

What "far" means in an epsilon ball is the norm's to say. A norm is an object with three parts in an attack: where a
random start lies, which step of length one changes the score most, and how a perturbation is projected back into the
ball (foolbox's `gradient_descent_base` has the same three).

Under a mask, where it is 1 the image stays; where it is 0 something else takes its place (`filling`).
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.canvas.image import Canvas, Images
from course_utils.transforms import gaussian_blur
from course_utils.utils import bicubic_matrix, sample_generators
from course_utils.validation import check_known, check_unit_interval, full_precision, widened

Changes = Float[Tensor, "batch ..."]  # perturbations or gradients; each sample is measured alone


class GivenImages(Canvas):
    """What both share: the images, checked, on the canvas's device, in float32 where they come in half precision."""

    def __init__(self, images: Images) -> None:
        super().__init__()
        check_unit_interval(images)
        self.images = nn.Buffer(widened(images.detach()).clamp(0, 1))


class EpsilonBall(GivenImages):
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

    def __init__(self, images: Images, eps: float, norm: str = "linf", *, start: Images | None = None) -> None:
        super().__init__(images)
        self.eps, self.norm = checked_radius(eps, norm)
        if start is not None and start.shape != images.shape:
            given, expected = tuple(start.shape), tuple(images.shape)
            raise ValueError(f"start of shape {given} given, expected that of images: {expected}.")
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


# ------------------------------------------------------------------ a mask

Fill = str | Tensor
FILLS = ("blur", "mean", "noise")
BLUR = 1 / 8  # of the shorter side: the blur's standard deviation, at which small parts are gone and colours remain
START = 0.0  # of the mask's logits: half of everything shows


class MaskCanvas(GivenImages):
    """Images seen through a mask, whose coarse grid of logits is the parameter.

    The grid is stretched over the image by bicubic interpolation, so the mask is smooth, and squashed into (0, 1).

    Args:
        images: in [0, 1].
        fill: what takes the place of what the mask hides, as `filling` takes it.
        cells: of the grid along each side, at least 1.
        removed: shows what the mask leaves over instead, the image without what is under the mask; one for all, or
            one for each image.
        start: the logits to start from; 0 shows half of everything.
        seed, indices: of the filling "noise", as `PixelCanvas`.

    Attributes:
        logits: (batch, 1, cells, cells), the only parameter.

    Raises:
        ValueError: images outside [0, 1], an unknown filling, fewer than one cell, or another number of `removed`.
        TypeError: images that are not floating-point numbers.

    Source: Fong & Vedaldi 2017 (a learned coarse mask), who minimise what we maximise.
    """

    def __init__(
        self,
        images: Images,
        fill: Fill = "blur",
        *,
        cells: int = 16,
        removed: bool | Sequence[bool] = False,
        start: float = START,
        seed: int = 0,
        indices: Sequence[int] | None = None,
    ) -> None:
        super().__init__(images)
        if not 1 <= cells <= max(images.shape[2:]):
            raise ValueError(
                f"cells={cells} given, expected at least 1 along each side of the mask, and no more than pixels."
            )
        flags = [removed] * len(images) if isinstance(removed, bool) else list(removed)
        if len(flags) != len(images):
            raise ValueError(f"removed= got {len(flags)} values for {len(images)} images; give one, or one for each.")
        self.background = nn.Buffer(filling(self.images, fill, seed=seed, indices=indices))
        self.inverted = nn.Buffer(torch.tensor(flags, device=images.device).reshape(-1, 1, 1, 1))
        self.logits = nn.Parameter(torch.full((len(images), 1, cells, cells), float(start)).to(images))

    def render(self) -> Images:
        mask = self.variable()
        return torch.lerp(self.background, self.images, torch.where(self.inverted, 1 - mask, mask))

    @full_precision()
    def variable(self, rendered: Tensor | None = None) -> Float[Tensor, "batch 1 height width"]:
        """The mask, in (0, 1): 1 where the image is kept, or with `removed` where it is taken away."""
        down, across = (bicubic_matrix(self.logits.shape[2], side).to(self.logits) for side in self.images.shape[2:])
        return (down @ self.logits @ across.T).sigmoid()


def filling(images: Images, fill: Fill, *, seed: int = 0, indices: Sequence[int] | None = None) -> Images:
    """The filling that stands where a mask hides an image: always a choice, and never a neutral one.

    Args:
        images: in [0, 1].
        fill: "blur" (the image itself, blurred by an eighth of its shorter side), "mean" (its mean colour), "noise"
            (uniform, each image's own), or images of your own in [0, 1], one for all or one for each.
        seed, indices: of the noise; image i gets the same whatever stands beside it.

    Raises:
        ValueError: an unknown name, or a tensor of another shape or outside [0, 1].
    """
    if isinstance(fill, Tensor):
        check_unit_interval(fill, "fill")
        if fill.ndim != 4 or fill.shape[1:] != images.shape[1:] or len(fill) not in (1, len(images)):
            expected = f"{tuple(images.shape)}, or one image for all"
            raise ValueError(f"fill of shape {tuple(fill.shape)} given, expected {expected}.")
        return fill.detach().to(images).expand_as(images).clone()
    check_known("fill", fill, FILLS)
    if fill == "mean":
        return images.mean((2, 3), keepdim=True).expand_as(images).clone()
    if fill == "noise":
        generators = sample_generators(seed, range(len(images)) if indices is None else indices, "filling")
        return torch.stack([torch.rand(images.shape[1:], generator=each) for each in generators]).to(images)
    return gaussian_blur(images, BLUR * min(images.shape[2:]))
