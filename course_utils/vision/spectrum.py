"""How much of a picture is fine: the share of its energy in high frequencies."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.canvas.fourier import wave_frequencies

HALF_NYQUIST = 0.25  # cycles a pixel: waves of less than four pixels


def high_frequency_share(
    images: Float[Tensor, "batch channels height width"], above: float = HALF_NYQUIST
) -> Float[Tensor, "batch"]:
    """The share of each picture's energy in waves finer than `above`, in [0, 1]; 0 for an even picture.

    The mean is removed first, and the picture fades out toward its border (Hann window): the Fourier transform sees
    opposite borders side by side, and the jump between them would count as fine detail.

    Args:
        images: (batch, channels, height, width), in any unit.
        above: frequency in cycles a pixel, 0 … 0.5 · √2.
    """
    height, width = images.shape[2:]
    window = torch.hann_window(height, periodic=False)[:, None] * torch.hann_window(width, periodic=False)[None]
    window = window.to(images)
    mean = (images * window).sum((2, 3), keepdim=True) / window.sum()
    energy = torch.fft.rfft2((images - mean) * window).abs().square()
    twice = torch.full((energy.shape[-1],), 2.0)  # rfft2 leaves out the mirror image of every column but these
    twice[0] = 1.0
    if width % 2 == 0:
        twice[-1] = 1.0
    energy = (energy * twice.to(energy)).sum(1)
    fine = (wave_frequencies((height, width)) > above).to(energy)
    total = energy.sum((1, 2))
    return (energy * fine).sum((1, 2)) / total.clamp_min(torch.finfo(total.dtype).tiny)
