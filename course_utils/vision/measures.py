"""Measures of images: their energy by frequency, and what random transforms leave of an activation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.canvas.image import wave_frequencies
from course_utils.models.classifier import Classifier
from course_utils.transforms import Transform, jitter, merged, rotate, scale
from course_utils.utils import sample_generators
from course_utils.validation import check_settings
from course_utils.vision.feature_visualization import ObjectiveBatch, ObjectiveLike, measure

HALF_NYQUIST = 0.25  # cycles a pixel: waves of less than four pixels


def radial_spectrum(
    images: Float[Tensor, "batch channels height width"], bands: int = 16
) -> tuple[Float[Tensor, "bands"], Float[Tensor, "batch bands"]]:
    """The radial spectrum of images: the mean energy of a wave, band by band, which falls with frequency.

    Returns:
        The middles of the bands, in cycles a pixel up to 0.5, and each image's energies, measured as in
        `high_frequency_share` and divided by their sum over all waves.

    Raises:
        ValueError: more bands than images of this size fill.
    """
    energy, frequencies, counted = _energy(images)
    edges = torch.linspace(0, 0.5, bands + 1).unfold(0, 2, 1)
    inside = [(low < frequencies) & (frequencies <= high) for low, high in edges]
    if not all(band.any() for band in inside):
        raise ValueError(
            f"images of {images.shape[2]}x{images.shape[3]} pixels do not fill {bands} bands: ask for fewer."
        )
    means = torch.stack([energy[:, band].sum(1) / counted[band].sum() for band in inside], 1)
    total = energy.flatten(1).sum(1, keepdim=True)
    return edges.mean(1), means / total.clamp_min(torch.finfo(total.dtype).tiny)


def high_frequency_share(
    images: Float[Tensor, "batch channels height width"], above: float = HALF_NYQUIST
) -> Float[Tensor, "batch"]:
    """The share of each image's energy in waves finer than `above`, in [0, 1]; 0 for an even image.

    The mean is removed first, and the image fades out toward its border (Hann window): the Fourier transform sees
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


def stronger_transforms(size: Sequence[int]) -> list[Transform]:
    """Other ranges than those of `transforms.standard`: half as much again."""
    return merged([jitter(max(1, 3 * min(size) // 32)), rotate(15), scale(0.85, 1.15)])


held_out = stronger_transforms  # the first edition's name


def activation_under(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    objective: ObjectiveLike | Sequence[ObjectiveLike],
    transforms: Sequence[Transform] | None = None,
    *,
    draws: int = 16,
    seed: int = 1_000,
) -> Float[Tensor, "batch"]:
    """The activation of images after random transforms, as a mean over draws.

    Divided by that of the untouched images (`visualize(…).activation`) it is the share that is kept.

    Args:
        images: in [0, 1].
        objective: one for all images, or one for each.
        transforms: applied one after the other; None is `stronger_transforms`, stronger ones than `visualize` uses.
        draws: how often, at least 1.
        seed: of the draws.

    Raises:
        ValueError: draws below 1, another number of objectives than of images; and as `visualize`.
    """
    check_settings(draws=draws)
    if isinstance(objective, list | tuple) and len(objective) != len(images):
        raise ValueError(f"{len(objective)} objectives for {len(images)} images: one for all, or one for each.")
    batch_objective = ObjectiveBatch(objective, copies=1).of(range(len(images)))
    moves = stronger_transforms(classifier.size) if transforms is None else merged(transforms)
    generators = sample_generators(seed, range(len(images)), "held-out transforms")
    total = torch.zeros(len(images), device=images.device)
    for _ in range(draws):
        moved = images
        for transform in moves:
            moved = transform(moved, generators)
        total += measure(classifier, batch_objective, moved)
    return total / draws
