"""The exercises of chapter 5, regularisation: a penalty, a step that minds it, and a canvas that needs less of it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.activations import record
from course_utils.teaching.exercises.checks import (
    a_case_with_maps,
    close,
    gradient_of,
    inputs_untouched,
    require_equal,
    require_flow,
    require_one_each,
    require_tensor_like,
    weights_untouched,
)
from course_utils.teaching.exercises.exercise import Exercise, Mistake


def total_variation(images):
    """Return, for each picture, the mean absolute difference between
    neighbours one below the other, plus that between neighbours side by
    side.

    Why: Noise differs from pixel to pixel, a picture seldom does. One number says so, and a climb can be made to
    mind it.

    Hint: Every picture minus itself moved by one row gives the differences down. And across?

    Hint: `images[:, :, 1:] - images[:, :, :-1]` is one row shorter than the picture, as it should be: the last row
    has no neighbour below. `images.diff(dim=2)` is the same.

    Hint: Take `.abs()` before the mean, and the mean over all axes but the batch's, `dim=(1, 2, 3)`, once for down
    and once for across; then add the two.
    """
    down = images[:, :, 1:, :] - images[:, :, :-1, :]
    across = images[:, :, :, 1:] - images[:, :, :, :-1]
    return down.abs().mean(dim=(1, 2, 3)) + across.abs().mean(dim=(1, 2, 3))


def step_up(images, activation, penalty, weight, lr):
    """Return `images` after one step up the score, activation minus `weight`
    times penalty. The step is chapter 4's: `lr` times the gradient, divided by
    the picture's largest absolute gradient, then clamped to [0, 1].

    Why: The objective is ours to change. A climb takes what it is given, so the sign decides whether the penalty
    deters or rewards.

    Hint: More activation is good, more penalty is bad, and you climb: which sign does each have in the score?

    Hint: `activation` and `penalty` are functions: `activation(images) - weight * penalty(images)` is one number a
    picture. Its sum has the gradient that you need.

    Hint: From there on it is chapter 4's step: divide the gradient by `gradient.abs().amax(dim=(1, 2, 3),
    keepdim=True)`, add `lr` times it to the images, clamp, detach.
    """
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
    1 / max(size).

    Why: The same pictures in other coordinates: coarse waves come quickly, fine ones slowly, and plain ascent finds
    smoother pictures without any penalty.

    Hint: Three steps: make each wave as strong as its frequency allows, add the waves up, squash the sum into (0,
    1). The last axis of `spectrum` holds real and imaginary parts: `torch.view_as_complex`.

    Hint: Rows have the frequencies `torch.fft.fftfreq(height)`, columns `torch.fft.rfftfreq(width)`: the r because
    half of the waves is enough for a real picture. A wave's frequency is the length of its two.

    Hint: `frequency.clamp_min(1 / max(size))` keeps the wave of frequency 0 from a division by 0. Then
    `torch.fft.irfft2(waves, s=size, norm="ortho").sigmoid()`; without `s` an odd width would come back even.
    """
    height, width = size
    down = torch.fft.fftfreq(height).to(spectrum)
    across = torch.fft.rfftfreq(width).to(spectrum)
    frequency = (down[:, None] ** 2 + across[None, :] ** 2).sqrt()
    frequency = frequency.clamp_min(1 / max(size))
    waves = torch.view_as_complex(spectrum) / frequency**decay
    return torch.fft.irfft2(waves, s=size, norm="ortho").sigmoid()


def check_total_variation(function: Callable, exercise: Exercise) -> None:
    """Both directions, absolute, a mean, one number a picture; and a gradient comes through."""
    reference = exercise.reference
    images = torch.rand(3, 3, 9, 12, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 0.6, 0.3]).view(
        3, 1, 1, 1
    )
    images = images + 0.05 * torch.arange(12)  # a slope across, so that signed differences do not cancel
    with inputs_untouched(images=images):
        result = require_one_each(function(images), len(images))
    right = reference(images)
    down, across = images.diff(dim=2), images.diff(dim=3)

    def mean(*differences: Tensor) -> Tensor:
        return torch.stack([each.flatten(1).mean(1) for each in differences]).sum(0)

    both = mean(down.abs(), across.abs())
    turned_down, turned_across = images.roll(1, 2) - images, images.roll(1, 3) - images
    border = (
        "the last row is compared with the first, the last column too (`torch.roll` wraps around): neighbours only, "
        "`images[:, :, 1:] - images[:, :, :-1]`."
    )
    averaged = "this is the mean of the two directions: take the mean of each, then add the two."
    signed = "rises and falls cancel: take the absolute value of the differences, before the mean."
    squared = "these differences are squared, which punishes edges more than noise: take `.abs()`."
    mistakes = [
        (
            down.abs().sum((1, 2, 3)) + across.abs().sum((1, 2, 3)),
            "this is the sum over all pixels, which grows with the picture's size: take the mean.",
        ),
        (mean(down.square(), across.square()), squared),
        (down.square().sum((1, 2, 3)) + across.square().sum((1, 2, 3)), f"{squared} And the mean, not the sum."),
        (mean(down.abs()), "only the differences down are in it: add those across."),
        (mean(across.abs()), "only the differences across are in it: add those down."),
        (mean(down, across), signed),
        (-mean(down, across), signed),
        (mean(down).abs() + mean(across).abs(), signed),
        (mean(down, across).abs(), signed),
        (mean(turned_down.abs(), turned_across.abs()), border),
        (both / 2, averaged),
        (
            torch.cat([down.abs().flatten(1), across.abs().flatten(1)], 1).mean(1),
            averaged,
        ),
        (
            mean(images.diff(dim=1).abs(), down.abs()),
            "this compares colours with each other: the axes are (batch, channels, height, width), so down is dim 2 "
            "and across dim 3.",
        ),
        (3 * both, "the channels are added up, expected their mean as well: `.mean(dim=(1, 2, 3))`."),
        (both.mean().expand(len(images)), "every picture gets the mean of the batch: `.mean(dim=(1, 2, 3))`."),
        (
            (down[..., :-1].square() + across[:, :, :-1].square()).sqrt().mean((1, 2, 3)),
            "this is the length of the two differences (the isotropic form), expected their absolute values, added.",
        ),
    ]
    require_equal(
        result,
        right,
        mistakes,
        f"the first picture has a total variation of {right[0]:.4f}, your function says {result[0]:.4f}: is it the "
        "mean of the absolute differences down, plus the same across?",
    )
    require_flow(function, images, "images")


WEIGHTS = (0.5, 3.0)
LR = 0.1


def check_step_up(function: Callable, exercise: Exercise) -> None:
    """Minus the penalty, plus the gradient; and a picture without a gradient stays."""
    reference = exercise.reference
    classifier, images = a_case_with_maps()
    look = record(classifier, ["late"])

    def activation(x: Tensor) -> Tensor:
        return look(x)["late"][:, 2].mean(dim=(1, 2))

    def penalty(x: Tensor) -> Tensor:
        return 0.5 * (x.diff(dim=2).abs().mean(dim=(1, 2, 3)) + x.diff(dim=3).abs().mean(dim=(1, 2, 3)))

    up = gradient_of(lambda x: activation(x).sum(), images)
    worse = gradient_of(lambda x: penalty(x).sum(), images)
    for weight in WEIGHTS:
        with inputs_untouched(images=images), weights_untouched(classifier, gradients=True):
            result = require_tensor_like(function(images, activation, penalty, weight, LR), images)
        require_equal(
            result,
            reference(images, activation, penalty, weight, LR),
            _step_mistakes(images, up, worse, weight),
            f"with weight={weight:g} your step moves pixels by up to {_largest(result - images)}, and not along the "
            "gradient of `activation(images) - weight * penalty(images)`, divided by its largest absolute value.",
        )
    with inputs_untouched(images=images):
        still = function(images, lambda x: (0 * x).sum(dim=(1, 2, 3)), penalty, 0.0, LR)
    if isinstance(still, Tensor) and not still.isfinite().all():
        raise Mistake(
            "a picture without a gradient turns into NaN, as its largest value is 0: divide by "
            "`largest.clamp_min(1e-12)`."
        )
    if not close(require_tensor_like(still, images), images):
        raise Mistake("a picture whose score has no gradient moves: it should stay.")


def _step_mistakes(images: Tensor, up: Tensor, worse: Tensor, weight: float) -> list[tuple[Tensor, str]]:
    gradient = up - weight * worse

    def moved(along: Tensor, by: Tensor | float | None = None) -> Tensor:
        by = along.abs().amax(dim=(1, 2, 3), keepdim=True) if by is None else by
        return (images + LR * along / by).clamp(0, 1)

    return [
        (images, "nothing has changed: return the images after the step."),
        (
            moved(up + weight * worse),
            "plus rewards the penalty: what is climbed is activation − weight · penalty.",
        ),
        (moved(-gradient), "your step goes down the score: add the gradient, do not subtract it."),
        (
            moved(-up - weight * worse),
            "both signs are wrong: the score is activation − weight · penalty, and the step adds its gradient.",
        ),
        (
            moved(weight * worse - up),
            "your step goes down the score: add the gradient, do not subtract it.",
        ),
        (moved(up), "the penalty is ignored: the score is activation − weight · penalty."),
        (moved(-weight * worse), "the activation is missing: the score is activation − weight · penalty."),
        (moved(up - worse), "`weight` is missing: the score is activation − weight · penalty."),
        (moved(weight * up - worse), "`weight` belongs to the penalty, not to the activation."),
        (
            images + LR * gradient / gradient.abs().amax(dim=(1, 2, 3), keepdim=True),
            "some pixels are below 0 or above 1, where no picture is: `.clamp(0, 1)` after the step.",
        ),
        (moved(gradient, 1.0), "the gradient is not divided by the picture's largest absolute value."),
        (
            moved(gradient, float(gradient.abs().max())),
            "the gradient is divided by the largest of the whole batch: take each picture's own, "
            "`amax(dim=(1, 2, 3), keepdim=True)`.",
        ),
        (
            moved(gradient.sign(), 1.0),
            "every pixel moves by all of `lr`: divide by one number a picture, do not take the sign.",
        ),
    ]


def _largest(change: Tensor) -> str:
    return f"{float(change.abs().max()):.3g}"


# 6 × 10 has six rows and six columns of waves: frequencies of the wrong axis go through. 7 is odd.
CASES = (((6, 10), 1.0), ((9, 7), 1.0), ((6, 10), 1.5))


def check_picture_from_waves(function: Callable, exercise: Exercise) -> None:
    """The right strength of each wave, the right size, squashed; and a gradient comes through."""
    reference = exercise.reference
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


EXERCISES = (
    Exercise(
        id="05-total-variation",
        title="Total variation",
        minutes=6,
        difficulty=1,
        reference=total_variation,
        check=check_total_variation,
    ),
    Exercise(
        id="05-score",
        title="A step that minds the penalty",
        minutes=7,
        difficulty=2,
        reference=step_up,
        check=check_step_up,
    ),
    Exercise(
        id="05-waves",
        title="A picture made of waves",
        minutes=12,
        difficulty=3,
        reference=picture_from_waves,
        check=check_picture_from_waves,
    ),
)
