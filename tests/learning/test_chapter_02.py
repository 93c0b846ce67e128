"""The checks of chapter 2 accept what is right and name the mistake in what is wrong."""

import torch
import torch.nn.functional as F

from course_utils.learning.chapter_02 import input_gradient, my_attack, project, targeted_step
from course_utils.learning.small_case import a_small_case


def loss_of(classifier, images, targets, reduction="sum"):
    return F.cross_entropy(classifier(images), targets, reduction=reduction)


def gradient_of(loss, images):
    images = images.clone().requires_grad_()
    return torch.autograd.grad(loss(images), images)[0]


def backward(classifier, images, targets):
    images = images.clone().requires_grad_()
    loss_of(classifier, images, targets).backward()
    return images.grad


def on_the_callers_tensor(classifier, images, targets):
    images.requires_grad_()
    return torch.autograd.grad(loss_of(classifier, images, targets), images)[0]


def in_place_step(images, gradient, alpha):
    images -= alpha * gradient.sign()
    return images


def in_place_project(perturbed, images, eps):
    return perturbed.clamp_(0, 1).clamp_(images - eps, images + eps)


def attack(step=targeted_step, project=project, gradient=input_gradient, start=None, end=None):
    """The whole attack with one of its pieces done otherwise."""

    def my_attack(classifier, images, targets, eps, steps):
        alpha = 2.5 * eps / steps
        adversarial = images.clone() if start is None else start(images, eps)
        for _ in range(steps):
            adversarial = step(adversarial, gradient(classifier, adversarial, targets), alpha)
            adversarial = project(adversarial, images, eps)
        return adversarial if end is None else end(adversarial, images)

    return my_attack


def one_step(classifier, images, targets, eps, steps):
    return project(targeted_step(images, input_gradient(classifier, images, targets), eps), images, eps)


def always_from_the_start(classifier, images, targets, eps, steps):
    for _ in range(steps):
        adversarial = targeted_step(images, input_gradient(classifier, images, targets), 2.5 * eps / steps)
    return project(adversarial, images, eps)


def accumulating(classifier, images, targets, eps, steps):
    adversarial = images.clone().requires_grad_()
    for _ in range(steps):
        loss_of(classifier, adversarial, targets).backward()
        moved = targeted_step(adversarial.detach(), adversarial.grad, 2.5 * eps / steps)
        adversarial.data = project(moved, images, eps)
        for weight in classifier.parameters():
            weight.grad = None
    return adversarial.detach()


def training_the_model(classifier, images, targets, eps, steps):
    with torch.no_grad():
        next(classifier.parameters()).mul_(1.1)
    return my_attack(classifier, images, targets, eps, steps)


WRONG = {
    "02-input-gradient": [
        (
            lambda classifier, images, targets: -input_gradient(classifier, images, targets),
            "sign is the other",
        ),
        (
            lambda classifier, images, targets: gradient_of(lambda x: loss_of(classifier, x, targets, "mean"), images),
            "reduction",
        ),
        (
            lambda classifier, images, targets: input_gradient(classifier, images, targets).sign(),
            "sign already",
        ),
        (
            lambda classifier, images, targets: gradient_of(
                lambda x: classifier(x)[torch.arange(len(x)), targets].sum(), images
            ),
            "logit",
        ),
        (
            lambda classifier, images, targets: input_gradient(classifier, images, classifier(images).argmax(1)),
            "use `targets`",
        ),
        (lambda classifier, images, targets: torch.zeros_like(images), "all zeros"),
        (
            lambda classifier, images, targets: 2 * input_gradient(classifier, images, targets),
            "is not the gradient",
        ),
        (backward, "gradients in the weights"),
        (on_the_callers_tensor, "requires_grad"),
        (lambda classifier, images, targets: loss_of(classifier, images, targets).detach(), "shape ()"),
        (lambda classifier, images, targets: images.clone().requires_grad_().grad, "returns nothing"),
        (
            lambda classifier, images, targets: input_gradient(classifier, images, targets) / 0,
            "NaN or infinity",
        ),
    ],
    "02-targeted-step": [
        (lambda images, gradient, alpha: images + alpha * gradient.sign(), "plus climbs"),
        (lambda images, gradient, alpha: images - alpha * gradient, "sign is missing"),
        (lambda images, gradient, alpha: images + alpha * gradient, "plus climbs"),
        (lambda images, gradient, alpha: images - gradient.sign(), "`alpha` is missing"),
        (lambda images, gradient, alpha: -alpha * gradient.sign(), "step alone"),
        (lambda images, gradient, alpha: images.clone(), "nothing has changed"),
        (
            lambda images, gradient, alpha: images - 0.01 * gradient.sign(),
            "expected each pixel to move by alpha",
        ),
        (
            lambda images, gradient, alpha: images - alpha * (2 * (gradient > 0).float() - 1),
            "without a gradient",
        ),
        (in_place_step, "in place"),
    ],
    "02-project": [
        (lambda perturbed, images, eps: perturbed.clamp(images - eps, images + eps), "clamp to [0, 1] too"),
        (lambda perturbed, images, eps: perturbed.clamp(0, 1), "clamp to the ball too"),
        (lambda perturbed, images, eps: perturbed.clamp(-eps, eps), "around zero"),
        (lambda perturbed, images, eps: perturbed.clamp(-eps, eps).clamp(0, 1), "around zero"),
        (lambda perturbed, images, eps: (perturbed - images).clamp(-eps, eps), "add it to `images`"),
        (lambda perturbed, images, eps: project(images, perturbed, eps), "mixed up"),
        (lambda perturbed, images, eps: images.clone(), "without a change"),
        (lambda perturbed, images, eps: project(perturbed, images, eps / 2), "nearest to `perturbed`"),
        (in_place_project, "in place"),
    ],
    "02-my-attack": [
        (
            attack(project=lambda adversarial, images, eps: adversarial.clamp(0, 1)),
            "project after every step",
        ),
        (
            attack(project=lambda adversarial, images, eps: project(adversarial, adversarial, eps)),
            "original images",
        ),
        (
            attack(project=lambda adversarial, images, eps: adversarial.clamp(images - eps, images + eps)),
            "clamp to [0, 1]",
        ),
        (attack(end=lambda adversarial, images: adversarial - images), "this is the perturbation"),
        (attack(end=lambda adversarial, images: images.clone()), "unchanged"),
        (attack(step=lambda images, gradient, alpha: images + alpha * gradient.sign()), "climb the loss"),
        (
            attack(step=lambda images, gradient, alpha: images - 0.1 * alpha * gradient.sign()),
            "further than eps",
        ),
        (attack(step=lambda images, gradient, alpha: images - alpha * gradient), "gradient's sign"),
        (attack(end=lambda adversarial, images: adversarial.requires_grad_()), "detach"),
        (one_step, "only once"),
        (always_from_the_start, "starts from the original"),
        (accumulating, "adds up"),
        (training_the_model, "never the model"),
    ],
}


RIGHT = {
    "02-input-gradient": [
        lambda classifier, images, targets: gradient_of(
            lambda x: -classifier(x).log_softmax(1)[torch.arange(len(x)), targets].sum(), images
        )
    ],
    "02-targeted-step": [lambda images, gradient, alpha: torch.sub(images, torch.sign(gradient), alpha=alpha)],
    "02-project": [
        lambda perturbed, images, eps: images + (perturbed - images).clamp(-eps, eps).clamp(-images, 1 - images)
    ],
    "02-my-attack": [attack(start=lambda images, eps: project(images + eps * torch.randn_like(images), images, eps))],
}


def test_the_reference_attack_turns_what_the_classifier_says_into_the_targets():
    classifier, images, targets = a_small_case()
    assert not (classifier(images).argmax(1) == targets).any()
    attacked = my_attack(classifier, images, targets, eps=0.2, steps=20)
    assert (classifier(attacked).argmax(1) == targets).all()
