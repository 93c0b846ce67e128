"""Canvases: what an optimisation changes. A canvas holds the numbers and says how the model sees them.

Every parameter of a canvas has the samples along its first axis, and no sample's image depends on another
sample's numbers: a batch is many independent optimisations side by side. A new canvas defines `render`, and
where they differ from the defaults, `variable` (what priors see) and `project` (the way back to what is
allowed).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.utils import sample_generators
from course_utils.validation import full_precision


class Canvas(nn.Module, ABC):
    """What `optimize` changes: parameters with one row a sample, and how the model sees them."""

    @abstractmethod
    def render(self) -> Float[Tensor, "batch ..."]:
        """What the model sees, differentiable in `parameters()`; a new tensor, not the parameters."""

    def variable(self, rendered: Float[Tensor, "batch ..."] | None = None) -> Float[Tensor, "batch ..."]:
        """What priors see: what is penalised is not always what the model sees.

        Args:
            rendered: what `render` gave just now, where it is at hand; it saves rendering once more.
        """
        return self.render() if rendered is None else rendered

    def project(self) -> None:
        """Bring the parameters back, in place, to what is allowed; called after every step."""

    def __len__(self) -> int:
        """Number of samples."""
        return len(next(self.parameters()))


class PixelCanvas(Canvas):
    """Images whose pixels are the parameters; each step is clipped back into [0, 1].

    Args:
        batch: number of images, at least 1.
        size: height and width in pixels (one number for a square).
        channels: 3 for colours, 1 for greys.
        seed: of the noise to start from; image i starts alike whatever the batch's size.
        contrast: standard deviation of that noise, around 0.5; `CONTRAST` if None.
        indices: the images' numbers where they are part of something larger; 0 … batch - 1 if None.

    Raises:
        ValueError: a batch, size or number of channels below 1.
    """

    CONTRAST = 0.05  # standard deviation of the noise to start from, around mid-grey

    def __init__(
        self,
        batch: int,
        size: int | tuple[int, int],
        *,
        channels: int = 3,
        seed: int = 0,
        contrast: float | None = None,
        indices: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        noise = normal_noise(image_shape(batch, size, channels), seed, indices)
        self.pixels = nn.Parameter((0.5 + (self.CONTRAST if contrast is None else contrast) * noise).clamp(0, 1))

    def render(self) -> Float[Tensor, "batch channels height width"]:
        return self.pixels.clone()

    @torch.no_grad()
    def project(self) -> None:
        self.pixels.clamp_(0, 1)


def image_shape(batch: int, size: int | tuple[int, int], channels: int) -> tuple[int, int, int, int]:
    """(batch, channels, height, width), or a ValueError."""
    height, width = (size, size) if isinstance(size, int) else size
    if min(batch, channels, height, width) < 1:
        raise ValueError(f"batch={batch}, channels={channels}, size={size} given, expected at least 1 of each.")
    return batch, channels, height, width


def normal_noise(shape: Sequence[int], seed: int, indices: Sequence[int] | None) -> Float[Tensor, "batch ..."]:
    """Standard normal numbers, drawn for each sample by a generator of its own."""
    generators = sample_generators(seed, range(shape[0]) if indices is None else indices, "canvas")
    return torch.stack([torch.randn(tuple(shape[1:]), generator=each) for each in generators])


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


def colour_matrix(colours: Colours, channels: int = 3) -> Float[Tensor, "channels channels"]:
    """The matrix that turns independent numbers into correlated colours; its longest column has length one.

    A name is about three channels, and leaves images of another number of them as they are.

    Raises:
        ValueError: an unknown name, no 3x3 matrix, or a matrix for images that have not three channels.
    """
    if channels != 3 and not (colours is None or isinstance(colours, str)):
        raise ValueError(f"colours given for images of {channels} channels, expected None: they mix three.")
    if colours is None or channels != 3:
        return torch.eye(channels)
    if isinstance(colours, str) and colours != "imagenet":
        raise ValueError(f"colours={colours!r} given, expected 'imagenet', None or a 3x3 matrix.")
    matrix = torch.as_tensor(IMAGENET if isinstance(colours, str) else colours, dtype=torch.float32)
    if matrix.shape != (3, 3) or not matrix.isfinite().all() or not matrix.any():
        raise ValueError(f"colours of shape {tuple(matrix.shape)} given, expected a 3x3 matrix of numbers.")
    return matrix / matrix.norm(dim=0).max()


GAIN = 0.5  # Adam's usual step of 0.05 then moves the coarsest wave of a small image by a fifth of full contrast
DECAY = 1.0  # amplitude ~ 1 / frequency ** DECAY: photographs have about 1


class FourierCanvas(Canvas):
    """Images whose Fourier coefficients are the parameters, in decorrelated colours, squashed into (0, 1).

    Args:
        batch, size, channels, seed, indices: as `PixelCanvas`.
        contrast: standard deviation of the coefficients to start from; `CONTRAST` if None.
        decay: how fast amplitudes fall: 1 / frequency ** decay; 0 gives all waves the same.
        colours: "imagenet", None (channels as they are), or a 3x3 matrix as `colour_statistics` makes it.

    Raises:
        ValueError: as `PixelCanvas`; unknown colours, or colours for images of another number of channels.

    Source: Olah et al. 2017 (preconditioning), as in lucid's `param.image`.
    """

    CONTRAST = 0.01  # standard deviation of the parameters to start from
    colours: Tensor
    amplitudes: Tensor

    def __init__(
        self,
        batch: int,
        size: int | tuple[int, int],
        *,
        channels: int = 3,
        seed: int = 0,
        contrast: float | None = None,
        decay: float = DECAY,
        colours: Colours = "imagenet",
        indices: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        shape = image_shape(batch, size, channels)
        self.size = shape[2:]
        frequencies = wave_frequencies(self.size)
        amplitudes = frequencies.clamp_min(1 / max(self.size)) ** -decay
        both = amplitudes[..., None].repeat(1, 1, 2)  # real and imaginary part: slow if broadcast
        self.register_buffer("amplitudes", GAIN * both)
        self.register_buffer("colours", colour_matrix(colours, channels))
        noise = normal_noise((*shape[:2], *frequencies.shape, 2), seed, indices)
        self.spectrum = nn.Parameter((self.CONTRAST if contrast is None else contrast) * noise)

    @full_precision()
    def render(self) -> Float[Tensor, "batch channels height width"]:
        scaled = self.spectrum * self.amplitudes
        exact = torch.promote_types(scaled.dtype, torch.float32)  # no Fourier transform knows bfloat16
        waves = torch.view_as_complex(scaled.to(exact))
        image = torch.fft.irfft2(waves, s=self.size, norm="ortho")
        colours = self.colours.to(exact).expand(len(image), -1, -1)
        mixed = colours @ image.flatten(2)  # einsum copies there and back
        return mixed.reshape(image.shape).sigmoid().to(scaled.dtype)


def wave_frequencies(size: tuple[int, int]) -> Float[Tensor, "height half_width"]:
    """The frequency of each coefficient of `torch.fft.rfft2`, in cycles a pixel; 0.5 is Nyquist's."""
    vertical, horizontal = torch.fft.fftfreq(size[0]), torch.fft.rfftfreq(size[1])
    return (vertical[:, None] ** 2 + horizontal[None] ** 2).sqrt()
