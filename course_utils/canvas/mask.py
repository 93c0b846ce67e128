"""A mask over given images: where it is 1 the image stays, where it is 0 something else takes its place."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.canvas.image import Canvas, Images
from course_utils.transforms import gaussian_blur
from course_utils.utils import bicubic_matrix, sample_generators
from course_utils.validation import check_known, check_unit_interval, full_precision, widened

Fill = str | Tensor
FILLS = ("blur", "mean", "noise")
BLUR = 1 / 8  # of the shorter side: the blur's standard deviation, at which small parts are gone and colours remain
START = 0.0  # of the mask's logits: half of everything shows


class MaskCanvas(Canvas):
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

    images: Tensor
    background: Tensor
    inverted: Tensor

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
        super().__init__()
        check_unit_interval(images)
        if not 1 <= cells <= max(images.shape[2:]):
            raise ValueError(
                f"cells={cells} given, expected at least 1 along each side of the mask, and no more than pixels."
            )
        flags = [removed] * len(images) if isinstance(removed, bool) else list(removed)
        if len(flags) != len(images):
            raise ValueError(f"removed= got {len(flags)} values for {len(images)} images; give one, or one for each.")
        self.register_buffer("images", widened(images.detach()).clamp(0, 1))
        self.register_buffer("background", filling(self.images, fill, seed=seed, indices=indices))
        self.register_buffer("inverted", torch.tensor(flags, device=images.device).reshape(-1, 1, 1, 1))
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
