"""How much of a picture is fine: the share of its energy in high frequencies."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.canvas.fourier import wave_frequencies

HALF_NYQUIST = 0.25  # cycles a pixel: waves of less than four pixels


def radial_spectrum(
    images: Float[Tensor, "batch channels height width"], bands: int = 16
) -> tuple[Float[Tensor, "bands"], Float[Tensor, "batch bands"]]:
    """How a picture's energy falls with frequency: the mean energy of a wave, band by band.

    Returns:
        The middles of the bands, in cycles a pixel up to 0.5, and each picture's energies, measured as in
        `high_frequency_share` and divided by their sum over all waves.

    Raises:
        ValueError: more bands than pictures of this size fill.
    """
    energy, frequencies, counted = _energy(images)
    edges = torch.linspace(0, 0.5, bands + 1).unfold(0, 2, 1)
    inside = [(low < frequencies) & (frequencies <= high) for low, high in edges]
    if not all(band.any() for band in inside):
        raise ValueError(
            f"pictures of {images.shape[2]}x{images.shape[3]} pixels do not fill {bands} bands: ask for fewer."
        )
    means = torch.stack([energy[:, band].sum(1) / counted[band].sum() for band in inside], 1)
    total = energy.flatten(1).sum(1, keepdim=True)
    return edges.mean(1), means / total.clamp_min(torch.finfo(total.dtype).tiny)


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
    energy, frequencies, _ = _energy(images)
    total = energy.sum((1, 2))
    fine = (energy * (frequencies > above)).sum((1, 2))
    return fine / total.clamp_min(torch.finfo(total.dtype).tiny)


def _energy(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Energy of each wave (batch, height, half width), their frequencies, and how many waves each stands for."""
    height, width = images.shape[2:]
    window = torch.hann_window(height, periodic=False)[:, None] * torch.hann_window(width, periodic=False)[None]
    window = window.to(images)
    mean = (images * window).sum((2, 3), keepdim=True) / window.sum()
    energy = torch.fft.rfft2((images - mean) * window).abs().square().sum(1)
    twice = torch.full((energy.shape[-1],), 2.0)  # rfft2 leaves out the mirror image of every column but these
    twice[0] = 1.0
    if width % 2 == 0:
        twice[-1] = 1.0
    twice = twice.to(energy).expand(energy.shape[1:])
    return energy * twice, wave_frequencies((height, width)).to(energy), twice
