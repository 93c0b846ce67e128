"""What the check of chapter 4's share of fine detail looks at."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.learning.exercises import Mistake
from course_utils.learning.properties import inputs_untouched, require_equal, require_one_each


def check_fine_share(function: Callable, reference: Callable) -> None:
    """On square pictures first, then on others. No wave has a frequency of 0.25 exactly: > and >= are both right."""
    for size in ((22, 22), (18, 22)):
        images = _scenes(size)
        with inputs_untouched(images=images):
            try:
                result = function(images)
            except Mistake as mistake:
                if size == (22, 22):
                    raise
                raise Mistake(
                    f"square pictures work, but 18 × 22 ones end in an error: rows have the frequencies "
                    f"`fftfreq(height)`, columns `fftfreq(width)`. {mistake}"
                ) from mistake
        share = require_one_each(result, len(images))
        require_equal(share, reference(images), _fine_mistakes(images), _otherwise(share, reference(images)))


def _fine_mistakes(images: Tensor) -> list[tuple[Tensor, str]]:
    centred = images - images.mean(dim=(2, 3), keepdim=True)
    spectrum = torch.fft.fft2(centred)
    each = spectrum.abs().square()
    energy = each.sum(1)
    down, across = torch.fft.fftfreq(images.shape[2])[:, None], torch.fft.fftfreq(images.shape[3])[None, :]
    frequency = (down**2 + across**2).sqrt()
    fine = frequency > 0.25
    length = "a wave's frequency is the length of its two parts, `(down² + across²).sqrt()`."
    return [
        (
            _share(torch.fft.fft2(images).abs().square().sum(1), fine),
            "the mean still counts, and it is no wave: subtract `images.mean(dim=(2, 3), keepdim=True)` first.",
        ),
        (
            _share(torch.fft.fft2(images - images.mean(dim=(1, 2, 3), keepdim=True)).abs().square().sum(1), fine),
            "subtract each channel's own mean, `mean(dim=(2, 3), keepdim=True)`: one for all leaves their colour.",
        ),
        (_share(spectrum.abs().sum(1), fine), "these are amplitudes: energy is their square, `.abs().square()`."),
        (
            _share(spectrum.real.square().sum(1), fine),
            "the imaginary part is missing: take `.abs()` before the square.",
        ),
        (
            _share(energy, frequency > 0.5),
            "only waves above 0.5 count here, which is Nyquist's frequency itself: half of it is 0.25, and it is "
            "compared with `(down² + across²).sqrt()`, not with the square.",
        ),
        (_share(energy, ~fine), "this is the share below 0.25: take the frequencies above."),
        (100 * _share(energy, fine), "this is in per cent: return the share itself, between 0 and 1."),
        ((energy * fine).sum((1, 2)), "this is the energy itself: divide it by the energy of all waves."),
        (
            _share(energy, (down.abs() > 0.25) | (across.abs() > 0.25)),
            f"down and across are compared one by one: {length}",
        ),
        (_share(energy, down.abs() + across.abs() > 0.25), f"down and across are only added: {length}"),
        *(
            (_share(energy, (only.abs() > 0.25).expand_as(fine)), f"only the frequencies {name} count here: {length}")
            for only, name in ((down, "down"), (across, "across"))
        ),
        (
            _share(torch.fft.fftshift(energy, dim=(1, 2)), fine),
            "`fftshift` moves the energies but not the frequencies: leave it out, `fftfreq` has fft2's order.",
        ),
        (
            ((each * fine).sum((2, 3)) / each.sum((2, 3))).mean(1),
            "this averages the shares of the channels: add their energies up first, then divide.",
        ),
        (
            _share(energy[..., : images.shape[3] // 2 + 1], fine[:, : images.shape[3] // 2 + 1]),
            "`rfft2` leaves out the mirror images of most waves, so these count half: use `fft2`.",
        ),
    ]


def _share(energy: Tensor, fine: Tensor) -> Tensor:
    return (energy * fine).sum((1, 2)) / energy.sum((1, 2))


def _otherwise(share: Tensor, right: Tensor) -> str:
    return (
        f"these pictures have shares of {right[0]:.3f}, {right[1]:.3f} and {right[2]:.3f}, your function says "
        f"{share[0]:.3f}, {share[1]:.3f} and {share[2]:.3f}: is it the energy above 0.25 over all the energy?"
    )


def _scenes(size: tuple[int, int]) -> Tensor:
    """Three pictures from smooth to noisy, whose channels differ in mean and in smoothness."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(3, 3, *size, generator=generator)
    smooth = F.avg_pool2d(noise, 5, stride=1, padding=2, count_include_pad=False)
    keep = torch.linspace(0.05, 0.8, 9).reshape(3, 3, 1, 1)
    return (smooth + keep * (noise - smooth)) * torch.tensor([0.9, 0.6, 0.3]).reshape(1, 3, 1, 1)
