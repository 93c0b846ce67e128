"""A free picture as a sum of waves, in colours that vary independently: the same pictures, better coordinates.

Gradient ascent on pixels moves all of them as far; most of the ways that a picture can move in are fine, so what
comes out is fine noise. In photographs a wave's amplitude falls with its frequency, about as one over it, and red,
green and blue rise and fall together. Here a parameter of size one means a wave as strong as it is in photographs, and
a colour as common as it is there: every picture can still be reached, the likely ones sooner (preconditioning).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.canvas.base import Canvas
from course_utils.canvas.colours import Colours, colour_matrix
from course_utils.canvas.pixel import normal_noise, picture_shape

GAIN = 0.5  # Adam's usual step of 0.05 then moves the coarsest wave of a small picture by a fifth of full contrast
DECAY = 1.0  # amplitude ~ 1 / frequency ** DECAY: photographs have about 1


class FourierCanvas(Canvas):
    """Pictures whose Fourier coefficients are the parameters, in decorrelated colours, squashed into (0, 1).

    Args:
        batch, size, channels, seed, indices: as `PixelCanvas`.
        contrast: standard deviation of the coefficients to start from; `CONTRAST` if None.
        decay: how fast amplitudes fall: 1 / frequency ** decay; 0 gives all waves the same.
        colours: "imagenet", None (channels as they are), or a 3x3 matrix as `colours.colour_matrix` makes it.

    Raises:
        ValueError: as `PixelCanvas`; unknown colours, or colours for pictures of another number of channels.

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
        shape = picture_shape(batch, size, channels)
        contrast = self.CONTRAST if contrast is None else contrast
        self.size = shape[2:]
        frequencies = wave_frequencies(self.size)
        amplitudes = frequencies.clamp_min(1 / max(self.size)) ** -decay
        both = amplitudes[..., None].repeat(1, 1, 2)  # real and imaginary part: slow if broadcast
        self.register_buffer("amplitudes", GAIN * both)
        self.register_buffer("colours", _mixture(colours, channels))
        noise = normal_noise((*shape[:2], *frequencies.shape, 2), seed, range(batch) if indices is None else indices)
        self.spectrum = nn.Parameter(contrast * noise)

    def render(self) -> Float[Tensor, "batch channels height width"]:
        scaled = self.spectrum * self.amplitudes
        exact = torch.promote_types(scaled.dtype, torch.float32)  # no Fourier transform knows bfloat16
        waves = torch.view_as_complex(scaled.to(exact))
        picture = torch.fft.irfft2(waves, s=self.size, norm="ortho")
        colours = self.colours.to(exact).expand(len(picture), -1, -1)
        mixed = colours @ picture.flatten(2)  # einsum copies there and back
        return mixed.reshape(picture.shape).sigmoid().to(scaled.dtype)


def _mixture(colours: Colours, channels: int) -> Float[Tensor, "channels channels"]:
    """What mixes a picture's channels; a name is about three of them, and leaves another number as they are."""
    if channels == 3:
        return colour_matrix(colours)
    if not (colours is None or isinstance(colours, str)):
        raise ValueError(f"colours given for pictures of {channels} channels, expected None: they mix three.")
    return torch.eye(channels)


def wave_frequencies(size: tuple[int, int]) -> Float[Tensor, "height half_width"]:
    """The frequency of each coefficient of `torch.fft.rfft2`, in cycles a pixel; 0.5 is Nyquist's."""
    vertical, horizontal = torch.fft.fftfreq(size[0]), torch.fft.rfftfreq(size[1])
    return (vertical[:, None] ** 2 + horizontal[None] ** 2).sqrt()
