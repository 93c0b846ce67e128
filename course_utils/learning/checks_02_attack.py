"""What the check of chapter 2's whole attack looks at: what comes out, and the way that it took."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.learning.exercises import Mistake
from course_utils.learning.properties import (
    gradient_of,
    inputs_untouched,
    recorded_inputs,
    require_tensor_like,
    weights_untouched,
)
from course_utils.learning.small_case import a_small_case
from course_utils.models.classifier import Classifier


def check_my_attack(function: Callable, reference: Callable) -> None:
    """Inside the ball and [0, 1]; `steps` gradients, each where the attack then is; as successful as ours."""
    for eps, steps in ((0.1, 10), (0.03, 4)):
        classifier, images, targets = a_small_case()
        with (
            inputs_untouched(images=images),
            weights_untouched(classifier),
            recorded_inputs(classifier.module) as visited,
        ):
            result = require_tensor_like(function(classifier, images, targets, eps, steps), images)
        _require_allowed(result, images, eps)
        _require_steps(visited, steps)
        expected = reference(classifier, images, targets, eps, steps)
        before, after, best = (_log_probability(classifier, x, targets) for x in (images, result, expected))
        if after < before:
            raise Mistake(
                "the target has become less probable: your steps climb the loss. Step against its gradient, with minus."
            )
        _require_own_gradients(classifier, targets, [*visited, result])
        if after - before < 0.8 * (best - before):
            raise Mistake(
                f"the target's log-probability rises by {after - before:.2f}, expected about "
                f"{best - before:.2f}: do the steps go along the gradient's sign, toward `targets`, and "
                "together further than eps (alpha = 2.5 · eps / steps)?"
            )


def _require_allowed(result: Tensor, images: Tensor, eps: float) -> None:
    distance = float((result - images).abs().max())
    if distance == 0:
        raise Mistake("the images come back unchanged: is the step's result kept for the next round?")
    if distance > eps + 1e-5 and float(result.abs().max()) <= eps + 1e-5:
        raise Mistake("this is the perturbation: add it to `images` and return the picture.")
    if distance > eps + 1e-5:
        raise Mistake(
            f"with eps={eps:.3g} some pixels end {distance:.3g} away from `images`: project after every "
            "step, around the original images."
        )
    if float(result.min()) < -1e-6 or float(result.max()) > 1 + 1e-6:
        raise Mistake("some pixels are below 0 or above 1, where no picture is: clamp to [0, 1] besides the ball.")


def _require_steps(visited: list[Tensor], steps: int) -> None:
    if len(visited) < steps:
        times = {0: "not at all", 1: "only once"}.get(len(visited), f"{len(visited)} times")
        raise Mistake(f"with steps={steps} the classifier is asked {times}: take a new gradient in each step.")
    if all(torch.equal(image, visited[0]) for image in visited[1:]):
        raise Mistake("every step starts from the original images again: go on from where the last step ended.")


def _require_own_gradients(classifier: Classifier, targets: Tensor, path: list[Tensor]) -> None:
    """Where the gradient of the moment and the sum of all so far differ in sign, steps go by the former."""
    total = torch.zeros_like(path[0])
    with_sum = with_last = 0
    for here, there in pairwise(path):
        gradient = gradient_of(lambda x: F.cross_entropy(classifier(x), targets, reduction="sum"), here)
        total += gradient
        telling = (total.sign() != gradient.sign()) & (there != here)
        moved = -(there - here).sign()
        with_sum += int((moved == total.sign())[telling].sum())
        with_last += int((moved == gradient.sign())[telling].sum())
    if with_sum > 20 * max(with_last, 1):
        raise Mistake(
            "your steps follow the sum of all gradients so far: `.grad` adds up from step to step. Set it "
            "to None before each backward pass, or use `torch.autograd.grad`."
        )


def _log_probability(classifier: Classifier, images: Tensor, targets: Tensor) -> float:
    with torch.no_grad():
        return -float(F.cross_entropy(classifier(images), targets))
