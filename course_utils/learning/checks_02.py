"""What the checks of chapter 2 look at: the pieces of an attack (`checks_02_attack.py` has the whole).

Each names the mistakes that readers make in that piece of an attack, by the result that the mistake leads to.
They run on the classifier of `small_case.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.learning.properties import (
    gradient_of,
    inputs_untouched,
    require_equal,
    require_tensor_like,
    weights_untouched,
)
from course_utils.learning.small_case import a_small_case


def check_input_gradient(function: Callable, reference: Callable) -> None:
    """The gradient of the right loss, of every sample at its own scale, and nothing else changed."""
    classifier, images, targets = a_small_case()
    with inputs_untouched(images=images), weights_untouched(classifier):
        gradient = require_tensor_like(function(classifier, images, targets), images)
    right = reference(classifier, images, targets)
    predicted = classifier(images).argmax(dim=1)
    of_logit = gradient_of(lambda x: classifier(x).gather(1, targets[:, None]).sum(), images)
    mistakes = [
        (
            torch.zeros_like(right),
            "all zeros: the loss that you differentiate does not depend on the images.",
        ),
        (
            -right,
            "the sign is the other way round: this is the gradient of the target's log-probability, and the "
            "cross-entropy is its negative.",
        ),
        (
            right / len(images),
            "each picture's gradient is divided by the batch's size, so it depends on what stands beside "
            'it: take `reduction="sum"`, by default cross-entropy averages.',
        ),
        (
            right.sign(),
            "this is the gradient's sign already: return the gradient, the step will take its sign.",
        ),
        (
            of_logit,
            "this is the gradient of the target's logit: take the cross-entropy, which lowers the other classes too.",
        ),
        (
            reference(classifier, images, predicted),
            "this is the gradient toward the class that the classifier says already: use `targets`.",
        ),
    ]
    require_equal(
        gradient,
        right,
        mistakes,
        "this is not the gradient of the summed cross-entropy: is the loss "
        '`F.cross_entropy(classifier(images), targets, reduction="sum")`, and the gradient the one by the '
        "images?",
    )


def check_targeted_step(function: Callable, reference: Callable) -> None:
    """Minus, sign, alpha; pixels without gradient stay."""
    _, images, _ = a_small_case()
    images = 0.25 + 0.5 * images  # away from 0 and 1, so that a clamp makes no difference here
    gradient = torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    gradient[:, :, 0] = 0
    sign = gradient.sign()
    for alpha in (2 / 255, 0.05):
        with inputs_untouched(images=images, gradient=gradient):
            stepped = require_tensor_like(function(images, gradient, alpha), images)
        mistakes = [
            (
                images + alpha * sign,
                "plus climbs: this step raises the loss and leads away from the target. Step against the "
                "gradient, with minus.",
            ),
            (
                images - alpha * gradient,
                "the gradient's sign is missing: without it the step's length depends on how steep the loss is.",
            ),
            (
                images + alpha * gradient,
                "plus climbs, away from the target; and the gradient's sign is missing.",
            ),
            (images - sign, "`alpha` is missing: this step moves each pixel by 1, over its whole range."),
            (-alpha * sign, "this is the step alone: return the images after it."),
            (
                alpha * sign,
                "this is the step alone, with the wrong sign: return the images after it, with minus.",
            ),
            (images, "nothing has changed: subtract `alpha` times the gradient's sign."),
            (
                images - alpha * torch.where(gradient > 0, 1.0, -1.0),
                "pixels without a gradient move: use `gradient.sign()`, which is 0 there.",
            ),
        ]
        require_equal(
            stepped,
            reference(images, gradient, alpha),
            mistakes,
            f"with alpha={alpha:.3g} your step moves pixels by up to {_largest(stepped - images)}, expected "
            "each pixel to move by alpha, against its gradient's sign.",
        )


def check_project(function: Callable, reference: Callable) -> None:
    """Into the ball around the images, and into [0, 1]."""
    _, images, _ = a_small_case()
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(2))
    perturbed = images + 0.2 * noise
    for eps in (8 / 255, 0.1):
        with inputs_untouched(perturbed=perturbed, images=images):
            projected = require_tensor_like(function(perturbed, images, eps), images)
        difference = (perturbed - images).clamp(-eps, eps)
        around_zero = (
            "this clips the pixels themselves to ±eps, around zero: it is their distance from `images` that "
            "must stay within eps."
        )
        mistakes = [
            (perturbed, "nothing has changed: pixels are further than eps away, and outside [0, 1]."),
            (
                images + difference,
                "pixels are within eps, but some are below 0 or above 1, where no picture is: clamp to [0, 1] too.",
            ),
            (
                perturbed.clamp(0, 1),
                "pixels are in [0, 1], but some are further than eps from `images`: clamp to the ball too.",
            ),
            (perturbed.clamp(-eps, eps), around_zero),
            (perturbed.clamp(-eps, eps).clamp(0, 1), around_zero),
            (difference, "this is the perturbation: add it to `images` and return the picture."),
            (
                images.clamp(perturbed - eps, perturbed + eps).clamp(0, 1),
                "the two are mixed up: `perturbed` moves to within eps of `images`, not the other way round.",
            ),
            (images, "these are the images without a change: keep as much of it as the ball allows."),
        ]
        require_equal(
            projected,
            reference(perturbed, images, eps),
            mistakes,
            f"with eps={eps:.3g} your pixels are up to {_largest(projected - images)} from `images` and run "
            f"from {projected.min():.3g} to {projected.max():.3g}; expected the point nearest to "
            "`perturbed` that is within eps and in [0, 1].",
        )


def _largest(change: Tensor) -> str:
    return f"{float(change.abs().max()):.3g}"
