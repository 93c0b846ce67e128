"""What the checks of chapter 5 look at: a penalty, and a step that minds it (`checks_05_waves.py` has the canvas)."""

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
    require_flow,
    require_one_each,
    require_tensor_like,
    weights_untouched,
)
from course_utils.learning.small_case import a_case_with_maps


def check_total_variation(function: Callable, reference: Callable) -> None:
    """Both directions, absolute, a mean, one number a picture; and a gradient comes through."""
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


def check_step_up(function: Callable, reference: Callable) -> None:
    """Minus the penalty, plus the gradient; and a picture without a gradient stays."""
    classifier, images = a_case_with_maps()
    look = record(classifier, ["late"])

    def activation(x: Tensor) -> Tensor:
        return look(x)["late"][:, 2].mean(dim=(1, 2))

    def penalty(x: Tensor) -> Tensor:
        return 0.5 * (x.diff(dim=2).abs().mean(dim=(1, 2, 3)) + x.diff(dim=3).abs().mean(dim=(1, 2, 3)))

    up = gradient_of(lambda x: activation(x).sum(), images)
    worse = gradient_of(lambda x: penalty(x).sum(), images)
    for weight in WEIGHTS:
        with inputs_untouched(images=images), weights_untouched(classifier):
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
