"""The exercises of chapter 4, feature visualisation: the climb itself, and the number that says why it fails."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.activations import record
from course_utils.teaching.exercises.checks import (
    DEAD,
    a_case_with_maps,
    close,
    gradient_of,
    inputs_untouched,
    require_equal,
    require_one_each,
    require_tensor_like,
    weights_untouched,
)
from course_utils.teaching.exercises.exercise import Exercise, Mistake


def climb(classifier, layer, channel, images, steps, lr):
    """Return `images` after `steps` steps that raise the channel's mean
    activation. Each step adds `lr` times the gradient, divided by the
    picture's own largest absolute gradient, and clamps to [0, 1].

    Why: Chapter 2 went down a loss, close to a given picture. Here there is no picture to stay close to and no
    loss: a channel says how strongly it answers, and the pixels go up.

    Hint: One step is: look at the activation, take its gradient by the images, move the images along it, clamp.
    Then again, from where you are.

    Hint: `record(classifier, [layer])(images)[layer]` has the shape (batch, channels, height, width): the channel
    is the second axis. Let a new tensor ask for the gradient in each step: `images =
    images.detach().requires_grad_()`.

    Hint: `gradient.abs().amax(dim=(1, 2, 3), keepdim=True)` is each picture's largest; `.clamp_min(1e-12)` keeps a
    picture without a gradient where it is. The new images are `(images + step).clamp(0, 1)`.
    """
    look = record(classifier, [layer])
    for _ in range(steps):
        images = images.detach().requires_grad_()
        activation = look(images)[layer][:, channel].mean(dim=(1, 2))
        gradient = torch.autograd.grad(activation.sum(), images)[0]
        largest = gradient.abs().amax(dim=(1, 2, 3), keepdim=True)
        step = lr * gradient / largest.clamp_min(1e-12)
        images = (images + step).clamp(0, 1)
    return images.detach()


def fine_share(images):
    """Return, for each picture, the share of its energy that is in waves
    above 0.25 cycles a pixel. The mean of each channel does not count.

    Why: "It looks like noise" is an impression. The share of the energy above half Nyquist is a number, which can
    be compared with that of natural scenes.

    Hint: `torch.fft.fft2` turns a picture into waves. A wave's energy is its squared absolute value, and its
    frequency has two parts: cycles a pixel down, and across.

    Hint: `torch.fft.fftfreq(height)` has the frequency of each row, `torch.fft.fftfreq(width)` of each column; a
    wave's frequency is the length of the two: `(down[:, None] ** 2 + across[None, :] ** 2).sqrt()`.

    Hint: Remove `images.mean(dim=(2, 3), keepdim=True)` first. Add the energies up over the channels, then divide
    the sum where `frequency > 0.25` by the sum of all.
    """
    images = images - images.mean(dim=(2, 3), keepdim=True)
    energy = torch.fft.fft2(images).abs().square().sum(dim=1)
    down = torch.fft.fftfreq(images.shape[2]).to(images)
    across = torch.fft.fftfreq(images.shape[3]).to(images)
    frequency = (down[:, None] ** 2 + across[None, :] ** 2).sqrt()
    fine = energy * (frequency > 0.25)
    return fine.sum(dim=(1, 2)) / energy.sum(dim=(1, 2))


LAYER, CHANNEL = "late", 2  # the number is also that of a picture, a row and a column: a wrong axis goes through
LR = 0.1


def check_climb(function: Callable, exercise: Exercise) -> None:
    """One step, then several, then a channel that is asleep."""
    reference = exercise.reference
    classifier, images = a_case_with_maps()
    look = record(classifier, [LAYER])

    def climbed(steps: int, channel: int = CHANNEL) -> Tensor:
        with inputs_untouched(images=images), weights_untouched(classifier, gradients=True):
            result = function(classifier, LAYER, channel, images, steps, LR)
        if isinstance(result, Tensor) and result.shape == images.shape:
            _require_no_division_by_zero(result, channel)
        return require_tensor_like(result, images)

    def activation(x: Tensor) -> Tensor:
        return look(x)[LAYER][:, CHANNEL].mean(dim=(1, 2))

    _require_one_step(climbed(1), reference(classifier, LAYER, CHANNEL, images, 1, LR), images, activation, look)
    _require_steps(climbed(5), images, activation, lambda n: reference(classifier, LAYER, CHANNEL, images, n, LR))
    if not close(climbed(2, DEAD), images):
        raise Mistake("pictures move although their channel is asleep and the gradient zero: they should stay.")


def _require_no_division_by_zero(result: Tensor, channel: int) -> None:
    whole = result.detach().isfinite().flatten(1).all(dim=1)
    if channel != DEAD and not whole.all() and whole[channel]:
        raise Mistake(_WRONG_AXIS)
    if channel == DEAD and not whole.all():
        raise Mistake(
            "where a channel is asleep the gradient is zero, and dividing by its largest value gives NaN: "
            "`.clamp_min(1e-12)` on the divisor leaves such a picture as it is."
        )


_WRONG_AXIS = (
    f"`[{CHANNEL}]` takes picture {CHANNEL} of the batch, not channel {CHANNEL}: the axes are (batch, channels, "
    "height, width), so write `[:, channel]`."
)


def _require_one_step(
    result: Tensor, right: Tensor, images: Tensor, activation: Callable, look: Callable[[Tensor], object]
) -> None:
    gradient = gradient_of(lambda x: activation(x).sum(), images)

    def after(score: Callable[[Tensor], Tensor]) -> Tensor:
        return (images + LR * _own_largest(gradient_of(score, images))).clamp(0, 1)

    def divided(by: Tensor) -> Tensor:
        return (images + LR * gradient / by).clamp(0, 1)

    along = "the step is divided by the wrong number: "
    mistakes = [
        (images, "nothing has changed: the last line should return the images after the steps."),
        (
            (images - LR * _own_largest(gradient)).clamp(0, 1),
            "your step goes downhill, the activation falls: add the gradient, do not subtract it.",
        ),
        (
            images + LR * _own_largest(gradient),
            "some pixels are below 0 or above 1, where no picture is: `.clamp(0, 1)` after the step.",
        ),
        (
            divided(gradient.abs().max()),
            f"{along}it is the largest of the whole batch, so that a picture's step depends on its neighbours. Take "
            "each picture's own, `amax(dim=(1, 2, 3), keepdim=True)`.",
        ),
        (divided(gradient.amax(dim=(1, 2, 3), keepdim=True)), f"{along}take `gradient.abs()` before the largest."),
        (
            divided(gradient.flatten(1).norm(dim=1)[:, None, None, None]),
            f"{along}it is the gradient's length, expected its largest absolute value.",
        ),
        (
            divided(torch.tensor(1.0)),
            "the gradient is not divided by its largest absolute value, so the step's length is a matter of chance.",
        ),
        (
            divided(gradient.abs()),
            "every pixel moves by all of `lr`, as in an attack: divide by one number a picture, not by each pixel's.",
        ),
        (after(lambda x: look(x)[LAYER][CHANNEL].sum()), _WRONG_AXIS),  # type: ignore[index]
        (
            after(lambda x: look(x)[LAYER][:, :, CHANNEL].sum()),  # type: ignore[index]
            f"this climbs row {CHANNEL} of every map: channels are the second axis, `[:, channel]`.",
        ),
        (
            after(lambda x: look(x)[LAYER].sum()),  # type: ignore[index]
            "this climbs all channels of the layer together: take one, `[:, channel]`.",
        ),
        (
            after(lambda x: look(x)[LAYER][:, CHANNEL].amax(dim=(1, 2)).sum()),  # type: ignore[index]
            "this climbs the strongest place of the channel's map: take the map's mean.",
        ),
        (
            after(lambda x: look(x).logits[:, CHANNEL].sum()),  # type: ignore[attr-defined]
            "this climbs a logit: `record(classifier, [layer])(images)[layer]` has the layer's activations.",
        ),
    ]
    with torch.no_grad():
        before, reached, best = (float(activation(x).mean()) for x in (images, result.clamp(0, 1), right))
    require_equal(
        result,
        right,
        mistakes,
        f"one step takes the mean activation from {before:.3g} to {reached:.3g}, expected {best:.3g}: is the step "
        "`lr * gradient / largest`, and the gradient that of `[:, channel].mean(dim=(1, 2))` by the images?",
    )


def _require_steps(
    result: Tensor, images: Tensor, activation: Callable[[Tensor], Tensor], after: Callable[[int], Tensor]
) -> None:
    first = total = gradient_of(lambda x: activation(x).sum(), images)
    unclamped, same, adding = images, images, images
    for _ in range(5):
        unclamped = unclamped + LR * _own_largest(gradient_of(lambda x: activation(x).sum(), unclamped))
        same = (same + LR * _own_largest(first)).clamp(0, 1)
        adding = (adding + LR * _own_largest(total)).clamp(0, 1)
        total = total + gradient_of(lambda x: activation(x).sum(), adding)
    mistakes = [
        (
            after(1),
            "with steps=5 the pictures have made one step: is `return` inside the loop, or does every step start from "
            "the original images again?",
        ),
        (same, "every step takes the gradient at the start: look at the images again in each step."),
        (unclamped.clamp(0, 1), "clamp after every step, not only at the end."),
        (unclamped, "some pixels are below 0 or above 1, where no picture is: clamp after every step."),
        (
            adding,
            "your steps follow the sum of all gradients so far: `.grad` adds up. Set it to None before each backward "
            "pass, or use `torch.autograd.grad`.",
        ),
        *((after(n), f"with steps=5 the pictures have made {n} steps.") for n in (4, 6)),
    ]
    require_equal(
        result,
        after(5),
        mistakes,
        "one step is right, but five are not: does each step start from the images of the last one, with a new "
        "gradient of their own?",
    )


def _own_largest(gradient: Tensor) -> Tensor:
    return gradient / gradient.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)


def check_fine_share(function: Callable, exercise: Exercise) -> None:
    """On square pictures first, then on others. No wave has a frequency of 0.25 exactly: > and >= are both right."""
    reference = exercise.reference
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


EXERCISES = (
    Exercise(
        id="04-climb",
        title="The climb",
        minutes=12,
        difficulty=3,
        reference=climb,
        check=check_climb,
    ),
    Exercise(
        id="04-fine-share",
        title="How much of it is fine",
        minutes=10,
        difficulty=2,
        reference=fine_share,
        check=check_fine_share,
    ),
)
