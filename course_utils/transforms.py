"""Random transforms between canvas and model, another draw for each image: what an image must be robust to.

    visualize(classifier, "layer3:12", transforms=[jitter(4), rotate(10), scale(0.9, 1.1)])

A transform maps images and one random generator an image to images of the same shape, differentiably. Rotations
and scalings that stand side by side, and a jitter before them, become one (`merged`): each resampling takes time, and
blurs a little, which would do the regulariser's work unseen. `jitter` moves by whole pixels for the same reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from course_utils.validation import full_precision, widened

Images = Float[Tensor, "batch c h w"]
Generators = list[torch.Generator]  # one for each image
Transform = Callable[[Tensor, Generators], Tensor]
APART = 512  # pixels either way among which noise is cut out: a quarter of a million different pieces
REACH = 2.5  # standard deviations that a blur's kernel covers on each side
FAINTEST = 0.05  # pixels: a blur below this changes nothing


def rotate(degrees: float) -> Affine:
    """A rotation of each image about its middle by up to so many degrees either way."""
    return Affine(degrees=degrees)


def scale(low: float, high: float) -> Affine:
    """A scaling of each image about its middle by a factor between the two; above 1 is larger."""
    return Affine(low=low, high=high)


def standard(size: int | tuple[int, int] = 64) -> list[Transform]:
    """The transforms that `visualize` uses: jitter by a sixteenth of the image, 10 degrees, a tenth in size.

    Source: the transforms of lucid's `optvis`, in proportion to the image's size and without their padding.
    """
    shorter = size if isinstance(size, int) else min(size)
    return [jitter(max(1, shorter // 16)), rotate(10), scale(0.9, 1.1)]


def standard_crops() -> list[Transform]:
    """The transforms of canvases whose contrast and spectrum are held: a random part, turned a little, and mirroring.

    Chosen on eight classes of ImageNet, for images of 224 pixels.
    """
    return [crop(0.5, 1.1, degrees=9), mirror()]


@dataclass(frozen=True)
class Jitter:
    """Each image moved by up to so many whole pixels, across and down; the border is mirrored in.

    Raises:
        ValueError: less than 0 pixels.
    """

    pixels: int

    def __post_init__(self) -> None:
        _check_pixels("jitter", self.pixels)

    def __call__(self, images: Images, generators: Generators) -> Images:
        return shift(images, self.draw(generators)) if self.pixels else images

    def draw(self, generators: Generators) -> Int[Tensor, "batch 2"]:
        """How far each image is moved, down and right."""
        return torch.stack([torch.randint(-self.pixels, self.pixels + 1, (2,), generator=each) for each in generators])


jitter = Jitter


@dataclass(frozen=True)
class Affine:
    """Rotation and scaling about the middle, in one resampling; see `rotate` and `scale`.

    Raises:
        ValueError: an angle below 0, or a range of factors that is empty or not above 0.
    """

    degrees: float = 0.0
    low: float = 1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.degrees) and self.degrees >= 0):
            raise ValueError(f"rotate({self.degrees}) given, expected an angle of at least 0 degrees.")
        if not 0 < self.low <= self.high < math.inf:
            raise ValueError(f"scale({self.low}, {self.high}) given, expected 0 < low <= high, such as 0.9, 1.1.")

    def __call__(self, images: Images, generators: Generators) -> Images:
        return turned(images, *self.draw(generators))

    def draw(self, generators: Generators) -> tuple[Float[Tensor, "batch"], Float[Tensor, "batch"]]:
        """An angle in radians and a factor for each image; half as large is as likely as twice as large."""
        drawn = torch.stack([torch.rand(2, generator=each) for each in generators])
        angle = math.radians(self.degrees) * (2 * drawn[:, 0] - 1)
        return angle, self.low * (self.high / self.low) ** drawn[:, 1]


@dataclass(frozen=True)
class Crop:
    """A random part of each image, turned a little and enlarged to the whole, in one resampling.

    Args:
        low, high: the part's side as a share of the image's; above 1, the image is mirrored in around it.
        degrees: it is turned by up to so many either way.

    Raises:
        ValueError: an angle below 0, or a range of shares that is empty or not above 0.

    Source: random resized crops, as Fel et al. 2023 use them.
    """

    low: float
    high: float
    degrees: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.low <= self.high < math.inf and 0 <= self.degrees < math.inf):
            given = f"crop({self.low}, {self.high}, degrees={self.degrees})"
            raise ValueError(f"{given} given, expected 0 < low <= high, such as 0.5, 1.1, and at least 0 degrees.")

    def __call__(self, images: Images, generators: Generators) -> Images:
        drawn = torch.stack([torch.rand(4, generator=each) for each in generators])
        share = self.low + (self.high - self.low) * drawn[:, 0]
        angle = math.radians(self.degrees) * (2 * drawn[:, 1] - 1)
        room = (1 - share).clamp_min(LEAST_ROOM)[:, None] / 2  # to either side, as a share of the image's side
        by = room * (2 * drawn[:, 2:] - 1) * torch.tensor(images.shape[2:])
        return turned(images, angle, 1 / share, by)


crop = Crop
LEAST_ROOM = 0.08  # a part as large as the image is moved by so much of its side, too


@dataclass(frozen=True)
class Mirror:
    """Half of the images, drawn at random, left for right."""

    def __call__(self, images: Images, generators: Generators) -> Images:
        drawn = torch.stack([torch.rand(1, generator=each) for each in generators])
        return torch.where((drawn < 0.5).to(images.device)[:, :, None, None], images, images.flip(3))


mirror = Mirror


@dataclass(frozen=True)
class Together:
    """Several `Affine` transforms, after a `Jitter` or not, in one resampling.

    About one middle, angles add and factors multiply.
    """

    parts: tuple[Jitter | Affine, ...]

    def __call__(self, images: Images, generators: Generators) -> Images:
        first = self.parts[0]
        by = first.draw(generators) if isinstance(first, Jitter) else None
        drawn = [part.draw(generators) for part in self.parts if isinstance(part, Affine)]
        angles, factors = zip(*drawn, strict=True)
        return turned(images, torch.stack(angles).sum(0), torch.stack(factors).prod(0), by)


@dataclass(frozen=True)
class Pad:
    """A grey margin around the image, which shrinks to make room for it.

    Raises:
        ValueError: a margin below 0.
    """

    pixels: int

    def __post_init__(self) -> None:
        _check_pixels("pad", self.pixels)

    def __call__(self, images: Images, generators: Generators) -> Images:
        padded = F.pad(images, [self.pixels] * 4, value=0.5)
        return F.interpolate(padded, images.shape[2:], mode="bilinear", antialias=True, align_corners=False)


pad = Pad


@dataclass(frozen=True)
class RandomBlur:
    """Gaussian blur of each image, by a standard deviation drawn evenly between 0 and `most` pixels.

    Raises:
        ValueError: less than 0 pixels.
    """

    most: float

    def __post_init__(self) -> None:
        _check_pixels("RandomBlur", self.most)

    def __call__(self, images: Images, generators: Generators) -> Images:
        sigmas = [self.most * torch.rand(1, generator=each).item() for each in generators]
        return torch.cat([gaussian_blur(image[None], s) for image, s in zip(images, sigmas, strict=True)])


@dataclass(frozen=True)
class Noise:
    """Normal noise of a standard deviation, added to each image, which is then cut off at [0, 1].

    Where a net can be tricked by changes too faint to see, a mask could trick it too; what noise drowns does not count.
    """

    deviation: float

    def __call__(self, images: Images, generators: Generators) -> Images:
        height, width = images.shape[2:]
        wide = _noise(images.shape[1], height + APART, width + APART, images.device)
        corners = [torch.randint(APART, (2,), generator=each).tolist() for each in generators]
        noise = torch.stack([wide[:, top : top + height, left : left + width] for top, left in corners])
        return (images + self.deviation * noise.to(images)).clamp(0, 1)


@cache
@torch.inference_mode(False)
def _noise(channels: int, height: int, width: int, device: torch.device) -> Float[Tensor, "channels height width"]:
    """Noise to cut pieces from: to draw each piece anew takes longer than a small network's pass."""
    return torch.randn(channels, height, width, generator=torch.Generator().manual_seed(0)).to(device)


def _check_pixels(transform: str, pixels: float) -> None:
    if not 0 <= pixels < math.inf:
        raise ValueError(f"{transform}({pixels}) given, expected at least 0 pixels.")


def merged(transforms: Sequence[Transform]) -> list[Transform]:
    """The same transforms, where rotations and scalings side by side, and a jitter before them, are one resampling."""
    result: list[Transform] = []
    for transform in transforms:
        if isinstance(transform, Affine) and result and isinstance(result[-1], Jitter | Affine | Together):
            last = result[-1]
            before = last.parts if isinstance(last, Together) else (last,)
            result[-1] = Together((*before, transform))
        else:
            result.append(transform)
    return result


def shift(images: Images, by: Int[Tensor, "batch 2"]) -> Images:
    """Each image moved down and right by its own whole numbers of pixels; the border is mirrored in."""
    channels, height, width = images.shape[1:]
    by = by.to(images.device)
    rows = mirrored(torch.arange(height, device=by.device) - by[:, :1], height)
    columns = mirrored(torch.arange(width, device=by.device) - by[:, 1:], width)
    taken = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)[:, None].expand(-1, channels, -1)
    return images.flatten(2).gather(2, taken).reshape(images.shape)  # indexing by tensors is slower backwards


def mirrored(positions: Int[Tensor, "..."], size: int) -> Int[Tensor, "..."]:
    """Positions outside 0 … size - 1, reflected at the border pixels back to the inside."""
    if size == 1:
        return torch.zeros_like(positions)
    return (size - 1) - ((positions % (2 * size - 2)) - (size - 1)).abs()


@full_precision()
def turned(
    images: Images,
    angle: Float[Tensor, "batch"],
    factor: Float[Tensor, "batch"],
    by: Int[Tensor, "batch 2"] | Float[Tensor, "batch 2"] | None = None,
) -> Images:
    """Each image turned by its angle (radians) and scaled by its factor about its middle (bilinear, mirrored).

    Where `by` is given, it is moved by so many pixels first, down and right.
    """
    height, width = images.shape[2:]
    exact = widened(images)  # reflected in half precision, places far outside are not finite
    cos, sin = (wave(angle).div(factor).to(exact)[:, None, None] for wave in (torch.cos, torch.sin))
    across, down = centres(width).to(exact), centres(height).to(exact)[:, None]
    x = cos * across - (sin * height / width) * down
    y = (sin * width / height) * across + cos * down
    if by is not None:
        down_by, right_by = (2 * by.to(exact)).T[:, :, None, None]
        x, y = x - right_by / width, y - down_by / height
    grid = torch.stack([x, y], dim=-1)  # what F.affine_grid makes, in less time
    return F.grid_sample(exact, grid, padding_mode="reflection", align_corners=False).to(images.dtype)


def centres(size: int) -> Float[Tensor, "size"]:
    """Where pixels lie for `grid_sample`, from edge to edge of an image that reaches from -1 to 1."""
    return (2 * torch.arange(size) + 1) / size - 1


@full_precision()
def gaussian_blur(images: Images, sigma: float, *, reach: float = REACH) -> Images:
    """A Gaussian blur by one standard deviation, in pixels, for all images; mirrored in at the border.

    Args:
        reach: standard deviations that the kernel covers on each side.
    """
    if sigma < FAINTEST:
        return images
    from torchvision.transforms.v2 import functional as tv  # here, because it takes a second to import

    down, across = (min(2 * max(1, round(reach * sigma)) + 1, 2 * side - 1) for side in images.shape[2:])
    # One axis after the other: the same blur, with as many products as a kernel is long instead of its square.
    return tv.gaussian_blur(tv.gaussian_blur(images, [across, 1], [sigma, sigma]), [1, down], [sigma, sigma])


__all__ = [
    "Affine", "Crop", "Jitter", "Mirror", "Noise", "Pad", "RandomBlur", "Together", "crop", "gaussian_blur",
    "jitter", "mirror", "pad", "rotate", "scale", "shift", "standard", "standard_crops",
]  # fmt: skip
