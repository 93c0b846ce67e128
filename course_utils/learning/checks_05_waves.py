"""What the check of chapter 5's canvas of waves looks at."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.learning.exercises import Mistake
from course_utils.learning.properties import inputs_untouched, require_equal, require_flow, require_tensor_like

# 6 × 10 has six rows and six columns of waves: frequencies of the wrong axis go through. 7 is odd.
CASES = (((6, 10), 1.0), ((9, 7), 1.0), ((6, 10), 1.5))


def check_picture_from_waves(function: Callable, reference: Callable) -> None:
    """The right strength of each wave, the right size, squashed; and a gradient comes through."""
    for size, decay in CASES:
        spectrum = _spectrum(size)
        with inputs_untouched(spectrum=spectrum):
            result = function(spectrum, size, decay)
        right = reference(spectrum, size, decay)
        if isinstance(result, Tensor):
            _require_size(result, size)
            _require_no_division_by_zero(result)
        require_equal(
            require_tensor_like(result, right),
            right,
            _mistakes(spectrum, size, decay),
            f"the pictures do not have the waves that they should: with size={size} and decay={decay:g}, is each wave "
            "divided by its frequency to the power of decay, with the frequencies of its own row and column?",
        )
    size, decay = CASES[0]
    require_flow(lambda spectrum: function(spectrum, size, decay), _spectrum(size), "spectrum")


def _require_size(result: Tensor, size: tuple[int, int]) -> None:
    if result.ndim == 4 and result.shape[3] == size[1] - 1 and size[1] % 2:
        raise Mistake(
            f"a width of {size[1]} comes back as {size[1] - 1}: half a spectrum does not say whether its picture's "
            "width was odd. Give `irfft2` the size, `s=size`."
        )
    if result.is_complex():
        raise Mistake("your pictures are complex: `torch.fft.irfft2` gives real ones from half of the waves.")


def _require_no_division_by_zero(result: Tensor) -> None:
    if not result.isfinite().all() or bool((result == result[..., :1, :1]).all()):
        raise Mistake(
            "the pictures are NaN or one even colour: the first wave has the frequency 0, and is divided by it. Let "
            "no frequency be below `1 / max(size)`, with `clamp_min`."
        )


def _mistakes(spectrum: Tensor, size: tuple[int, int], decay: float) -> list[tuple[Tensor, str]]:
    waves, frequency, lowest = torch.view_as_complex(spectrum), _frequency(size), 1 / max(size)
    strength = frequency.clamp_min(lowest) ** -decay
    down, across = torch.fft.fftfreq(size[0])[:, None], torch.fft.rfftfreq(size[1])[None, :]

    def picture(waves: Tensor, norm: str = "ortho") -> Tensor:
        return torch.fft.irfft2(waves, s=size, norm=norm)

    zero_is_one = torch.where(frequency == 0, 1.0, strength)
    no_constant = torch.where(frequency == 0, 0.0, strength)
    mistakes = [
        (
            picture(waves * strength),
            "the pictures are not squashed into (0, 1): the last step is `.sigmoid()`.",
        ),
        (
            picture(waves * strength).clamp(0, 1),
            "`clamp` cuts off, and where it does no gradient comes back: squash with `.sigmoid()`.",
        ),
        (
            picture(waves).sigmoid(),
            "all waves are equally strong: divide each by its frequency to the power of `decay`.",
        ),
        (
            picture(waves / strength).sigmoid(),
            "this strengthens the fine waves: divide by the frequency to the power of `decay`, do not multiply.",
        ),
        (
            picture(waves * strength, "backward").sigmoid(),
            'the pictures are too faint: `irfft2` divides by the number of pixels unless you give `norm="ortho"`.',
        ),
        (
            picture(waves * strength, "forward").sigmoid(),
            'the pictures are too strong: `irfft2` needs `norm="ortho"`.',
        ),
        (
            picture(_complex(spectrum.flip(-1)) * strength).sigmoid(),
            "real and imaginary parts are swapped: the real part is `spectrum[..., 0]`.",
        ),
        (
            picture(_complex(spectrum * torch.tensor([1.0, 0.0])) * strength).sigmoid(),
            "the imaginary parts are lost: make complex numbers of both, with `torch.view_as_complex(spectrum)`.",
        ),
        (
            picture(torch.polar(spectrum[..., 0], spectrum[..., 1]) * strength).sigmoid(),
            "the last axis holds real and imaginary parts, not length and angle: `torch.view_as_complex(spectrum)`.",
        ),
        (
            picture(waves * zero_is_one).sigmoid(),
            "the wave of frequency 0 is left as it is: it counts as the lowest, `clamp_min(1 / max(size))`.",
        ),
        (
            picture(waves * no_constant).sigmoid(),
            "the wave of frequency 0 is lost: it counts as the lowest, `clamp_min(1 / max(size))`.",
        ),
        (
            picture(waves * frequency.clamp_min(1 / min(size)) ** -decay).sigmoid(),
            "the lowest frequency is that of the longer side, `1 / max(size)`.",
        ),
        (
            picture(waves * (frequency + lowest) ** -decay).sigmoid(),
            "1 / max(size) is added to all frequencies: it is only the lowest they may have, `clamp_min`.",
        ),
        (
            picture(waves * (frequency**2).clamp_min(lowest) ** -decay).sigmoid(),
            "the square root is missing: a wave's frequency is `(down² + across²).sqrt()`.",
        ),
        (
            picture(waves * (down.abs() + across).clamp_min(lowest) ** -decay).sigmoid(),
            "down and across are only added: a wave's frequency is `(down² + across²).sqrt()`.",
        ),
        *(
            (
                picture(waves * only.abs().expand_as(frequency).clamp_min(lowest) ** -decay).sigmoid(),
                f"only the frequencies {name} count here: a wave's frequency is `(down² + across²).sqrt()`.",
            )
            for only, name in ((down, "down"), (across, "across"))
        ),
    ]
    if decay != 1:
        mistakes.append(
            (picture(waves / frequency.clamp_min(lowest)).sigmoid(), "`decay` is not used: it is an exponent.")
        )
        mistakes.append(
            (
                picture(waves / (decay * frequency.clamp_min(lowest))).sigmoid(),
                "`decay` is an exponent, `frequency ** decay`, no factor.",
            )
        )
    swapped = (torch.fft.rfftfreq(size[1])[:, None] ** 2 + torch.fft.fftfreq(size[0])[None] ** 2).sqrt()
    if swapped.shape == frequency.shape:
        mistakes.append(
            (
                picture(waves * swapped.clamp_min(lowest) ** -decay).sigmoid(),
                "the axes are swapped: rows have the frequencies `fftfreq(height)`, columns `rfftfreq(width)`.",
            )
        )
    return mistakes


def _frequency(size: tuple[int, int]) -> Tensor:
    return (torch.fft.fftfreq(size[0])[:, None] ** 2 + torch.fft.rfftfreq(size[1])[None] ** 2).sqrt()


def _complex(pairs: Tensor) -> Tensor:
    return torch.view_as_complex(pairs.contiguous())


def _spectrum(size: tuple[int, int]) -> Tensor:
    """Random waves, weak enough that a sigmoid does not flatten their sum."""
    shape = (2, 3, size[0], size[1] // 2 + 1, 2)
    return 0.3 * torch.randn(shape, generator=torch.Generator().manual_seed(sum(size)))
