"""The exercises of chapter 2, tricking a classifier.

The references are what the chapter explains, in the order of reading: each is the next piece of a targeted
projected gradient descent (Madry et al. 2018), and `my_attack` puts them together. They are what `solution`
shows, so they contain nothing else.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from course_utils.learning import checks_02 as checks
from course_utils.learning.checks_02_attack import check_my_attack
from course_utils.learning.exercises import Exercise


def input_gradient(classifier, images, targets):
    """Return the gradient, by `images`, of the cross-entropy toward `targets`
    summed over the batch."""
    images = images.clone().requires_grad_()
    loss = F.cross_entropy(classifier(images), targets, reduction="sum")
    return torch.autograd.grad(loss, images)[0]


def targeted_step(images, gradient, alpha):
    """Return `images` after one step of `alpha` along the gradient's sign,
    toward the target."""
    return images - alpha * gradient.sign()


def project(perturbed, images, eps):
    """Return `perturbed`, each pixel moved to within `eps` of `images` and
    into [0, 1]."""
    nearby = perturbed.clamp(min=images - eps, max=images + eps)
    return nearby.clamp(0, 1)


def my_attack(classifier, images, targets, eps, steps):
    """Return `images`, changed in `steps` steps by at most `eps` a pixel, so
    that they pass for `targets`."""
    alpha = 2.5 * eps / steps
    adversarial = images.clone()
    for _ in range(steps):
        gradient = input_gradient(classifier, adversarial, targets)
        adversarial = targeted_step(adversarial, gradient, alpha)
        adversarial = project(adversarial, images, eps)
    return adversarial


EXERCISES = (
    Exercise(
        id="02-input-gradient",
        title="The gradient of the picture",
        why="Training asks how the loss changes with the weights. An attack asks the same about the pixels: "
        "this gradient is all that it needs to know of the classifier.",
        minutes=8,
        difficulty=2,
        reference=input_gradient,
        check=checks.check_input_gradient,
        hints=(
            "A tensor gets a gradient only if it asks for one before the forward pass. Let a copy of the "
            "images ask, not the caller's tensor: `images.clone().requires_grad_()`.",
            "The loss is `F.cross_entropy` of `classifier(images)` and `targets`. By default it averages "
            'over the batch; with `reduction="sum"` each picture keeps its own gradient, whatever stands '
            "beside it.",
            "`torch.autograd.grad(loss, images)` returns a tuple with one gradient and touches nothing else; "
            "`loss.backward()` would leave gradients in the classifier's weights as well.",
        ),
    ),
    Exercise(
        id="02-targeted-step",
        title="One targeted step",
        why="The sign decides everything: one way leads to the target, the other away from it.",
        minutes=5,
        difficulty=1,
        reference=targeted_step,
        check=checks.check_targeted_step,
        hints=(
            "The gradient points to where the loss toward the target grows. Do you want it to grow?",
            "Only the gradient's sign is used, so that each pixel moves equally far: `gradient.sign()`.",
            "New images = images, minus alpha times the sign. Write `images - …`; `images -= …` would "
            "change the caller's tensor.",
        ),
    ),
    Exercise(
        id="02-project",
        title="Back into the ball",
        why="Without a limit any picture becomes any other. The limit has two parts: at most eps from the "
        "original, and still a picture.",
        minutes=5,
        difficulty=2,
        reference=project,
        check=checks.check_project,
        hints=(
            "A pixel may lie between its original value minus eps and its original value plus eps. And "
            "where may any pixel of any picture lie?",
            "`clamp` takes tensors as limits too, one for each pixel: `perturbed.clamp(min=…, max=…)`.",
            "First clamp `perturbed` between `images - eps` and `images + eps`, then the result between 0 and 1.",
        ),
    ),
    Exercise(
        id="02-my-attack",
        title="The whole attack",
        why="A gradient holds only nearby, so one large step misses. Many small ones, each corrected, "
        "arrive: projected gradient descent.",
        minutes=12,
        difficulty=3,
        reference=my_attack,
        check=check_my_attack,
        hints=(
            "You have the three pieces: gradient, step, projection. In which order do they repeat, and what "
            "goes into the next round?",
            "Keep two things apart: `images` stay as they are, since the ball is around them; `adversarial` "
            "starts there and moves. Take the gradient at `adversarial`, project around `images`.",
            "Choose alpha so that all the steps together reach further than eps, as `2.5 * eps / steps` "
            "does: the projection sees to the rest.",
        ),
    ),
)
