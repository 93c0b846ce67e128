"""The exercises of chapter 5, regularisation: a penalty, a step that minds it, and a canvas that needs less of it."""

from __future__ import annotations

import torch

from course_utils.learning.checks_05 import check_step_up, check_total_variation
from course_utils.learning.checks_05_waves import check_picture_from_waves
from course_utils.learning.exercises import Exercise


def total_variation(images):
    """Return, for each picture, the mean absolute difference between
    neighbours one below the other, plus that between neighbours side by
    side."""
    down = images[:, :, 1:, :] - images[:, :, :-1, :]
    across = images[:, :, :, 1:] - images[:, :, :, :-1]
    return down.abs().mean(dim=(1, 2, 3)) + across.abs().mean(dim=(1, 2, 3))


def step_up(images, activation, penalty, weight, lr):
    """Return `images` after one step up the score, activation minus `weight`
    times penalty. The step is chapter 4's: `lr` times the gradient, divided by
    the picture's largest absolute gradient, then clamped to [0, 1]."""
    images = images.clone().requires_grad_()
    score = activation(images) - weight * penalty(images)
    gradient = torch.autograd.grad(score.sum(), images)[0]
    largest = gradient.abs().amax(dim=(1, 2, 3), keepdim=True)
    step = lr * gradient / largest.clamp_min(1e-12)
    return (images + step).clamp(0, 1).detach()


def picture_from_waves(spectrum, size, decay):
    """Return the pictures, in (0, 1), that a spectrum stands for: each wave
    divided by its frequency to the power of `decay`, the waves added up
    (`irfft2`, "ortho"), and a sigmoid. The lowest frequency counts as
    1 / max(size)."""
    height, width = size
    down = torch.fft.fftfreq(height).to(spectrum)
    across = torch.fft.rfftfreq(width).to(spectrum)
    frequency = (down[:, None] ** 2 + across[None, :] ** 2).sqrt()
    frequency = frequency.clamp_min(1 / max(size))
    waves = torch.view_as_complex(spectrum) / frequency**decay
    return torch.fft.irfft2(waves, s=size, norm="ortho").sigmoid()


EXERCISES = (
    Exercise(
        id="05-total-variation",
        title="Total variation",
        why="Noise differs from pixel to pixel, a picture seldom does. One number says so, and a climb can be made to "
        "mind it.",
        minutes=6,
        difficulty=1,
        reference=total_variation,
        check=check_total_variation,
        hints=(
            "Every picture minus itself moved by one row gives the differences down. And across?",
            "`images[:, :, 1:] - images[:, :, :-1]` is one row shorter than the picture, as it should be: the last row "
            "has no neighbour below. `images.diff(dim=2)` is the same.",
            "Take `.abs()` before the mean, and the mean over all axes but the batch's, `dim=(1, 2, 3)`, once for down "
            "and once for across; then add the two.",
        ),
    ),
    Exercise(
        id="05-score",
        title="A step that minds the penalty",
        why="The objective is ours to change. A climb takes what it is given, so the sign decides whether the penalty "
        "deters or rewards.",
        minutes=7,
        difficulty=2,
        reference=step_up,
        check=check_step_up,
        hints=(
            "More activation is good, more penalty is bad, and you climb: which sign does each have in the score?",
            "`activation` and `penalty` are functions: `activation(images) - weight * penalty(images)` is one number a "
            "picture. Its sum has the gradient that you need.",
            "From there on it is chapter 4's step: divide the gradient by `gradient.abs().amax(dim=(1, 2, 3), "
            "keepdim=True)`, add `lr` times it to the images, clamp, detach.",
        ),
    ),
    Exercise(
        id="05-waves",
        title="A picture made of waves",
        why="The same pictures in other coordinates: coarse waves come quickly, fine ones slowly, and plain ascent "
        "finds smoother pictures without any penalty.",
        minutes=12,
        difficulty=3,
        reference=picture_from_waves,
        check=check_picture_from_waves,
        hints=(
            "Three steps: make each wave as strong as its frequency allows, add the waves up, squash the sum into "
            "(0, 1). The last axis of `spectrum` holds real and imaginary parts: `torch.view_as_complex`.",
            "Rows have the frequencies `torch.fft.fftfreq(height)`, columns `torch.fft.rfftfreq(width)`: the r because "
            "half of the waves is enough for a real picture. A wave's frequency is the length of its two.",
            "`frequency.clamp_min(1 / max(size))` keeps the wave of frequency 0 from a division by 0. Then "
            '`torch.fft.irfft2(waves, s=size, norm="ortho").sigmoid()`; without `s` an odd width would come back even.',
        ),
    ),
)
