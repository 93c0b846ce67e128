"""What the check of chapter 4's climb looks at (`checks_04_share.py` has the share of fine detail)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.activations import record
from course_utils.learning.exercises import Mistake
from course_utils.learning.properties import (
    close,
    gradient_of,
    inputs_untouched,
    require_equal,
    require_tensor_like,
    weights_untouched,
)
from course_utils.learning.small_case import DEAD, a_case_with_maps

LAYER, CHANNEL = "late", 2  # the number is also that of a picture, a row and a column: a wrong axis goes through
LR = 0.1


def check_climb(function: Callable, reference: Callable) -> None:
    """One step, then several, then a channel that is asleep."""
    classifier, images = a_case_with_maps()
    look = record(classifier, [LAYER])

    def climbed(steps: int, channel: int = CHANNEL) -> Tensor:
        with inputs_untouched(images=images), weights_untouched(classifier):
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
