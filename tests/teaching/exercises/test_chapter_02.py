"""The checks of chapter 2 accept what is right and name the mistake in what is wrong."""

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.teaching.exercises.chapter_02 import input_gradient, my_attack, project, robust_step, targeted_step
from course_utils.teaching.exercises.checks import a_small_case
from course_utils.teaching.exercises.exercise import instead


def loss_of(classifier, images, targets, reduction="sum"):
    return F.cross_entropy(classifier(images), targets, reduction=reduction)


def gradient_of(loss, images):
    images = images.clone().requires_grad_()
    return torch.autograd.grad(loss(images), images)[0]


def backward(classifier, images, targets):
    images = images.clone().requires_grad_()
    loss_of(classifier, images, targets).backward()
    return images.grad


def backward_of_a_loop(classifier, images, targets):
    images = images.clone().requires_grad_()
    sum(loss_of(classifier, images[i : i + 1], targets[i : i + 1]) for i in range(len(images))).backward()
    return images.grad


def image_by_image(classifier, images, targets):
    gradients = []
    for image, target in zip(images, targets, strict=True):
        gradients.append(gradient_of(lambda x, y=target: loss_of(classifier, x, y[None]), image[None])[0])
    return torch.stack(gradients)


def on_the_callers_tensor(classifier, images, targets):
    images.requires_grad_()
    return torch.autograd.grad(loss_of(classifier, images, targets), images)[0]


def in_place_step(images, gradient, alpha):
    images -= alpha * gradient.sign()
    return images


def step_in_numpy(images, gradient, alpha):
    return torch.from_numpy(images.numpy() - alpha * np.sign(gradient.numpy())).float()


def in_place_project(perturbed, images, eps):
    return perturbed.clamp_(0, 1).clamp_(images - eps, images + eps)


def project_pixel_by_pixel(perturbed, images, eps):
    rows = [
        min(max(p, i - eps, 0.0), i + eps, 1.0)
        for p, i in zip(perturbed.flatten().tolist(), images.flatten().tolist(), strict=True)
    ]
    return torch.tensor(rows).view(images.shape)


def attack_by_backward(classifier, images, targets, eps, steps):
    adversarial = images.clone()
    for _ in range(steps):
        adversarial = adversarial.detach().requires_grad_()
        loss_of(classifier, adversarial, targets).backward()
        adversarial = project(targeted_step(adversarial.detach(), adversarial.grad, 2.5 * eps / steps), images, eps)
    return adversarial


def attack_from_a_random_start(classifier, images, targets, eps, steps):
    adversarial = project(images + eps * torch.randn_like(images), images, eps)
    for _ in range(steps):
        gradient = input_gradient(classifier, adversarial, targets)
        adversarial = project(targeted_step(adversarial, gradient, 2.5 * eps / steps), images, eps)
    return adversarial


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


def gradient_of_a_trained_model(classifier, images, targets):
    gradient = backward(classifier, images, targets)
    torch.optim.SGD(classifier.parameters(), lr=0.1).step()
    return gradient


def training_the_model(classifier, images, targets, eps, steps):
    with torch.no_grad():
        next(classifier.parameters()).mul_(1.1)
    return my_attack(classifier, images, targets, eps, steps)


def attack_one_by_one(classifier, images, targets, eps, steps):
    rows = zip(images.split(1), targets.split(1), strict=True)
    return torch.cat([my_attack(classifier, image, target, eps, steps) for image, target in rows])


def trained_with_a_perturbation(classifier, images, labels, optimizer, eps, steps):
    """The perturbation is what is optimised, and every image has a loss of its own."""
    delta = torch.zeros_like(images)
    for _ in range(steps):
        delta.requires_grad_()
        loss_of(classifier, images + delta, labels).backward()
        delta = (delta.detach() + 2.5 * eps / steps * delta.grad.sign()).clamp(-eps, eps).clamp(-images, 1 - images)
    optimizer.zero_grad()
    losses = [
        loss_of(classifier, image[None], label[None]) / len(images)
        for image, label in zip(images + delta, labels, strict=True)
    ]
    for loss in losses:
        loss.backward()
    optimizer.step()
    return sum(losses).item()


def clamped_before_the_gradient(classifier, images, labels, optimizer, eps, steps):
    delta = torch.zeros_like(images)
    for _ in range(steps):
        delta.requires_grad_()
        loss_of(classifier, (images + delta).clamp(0, 1), labels).backward()
        delta = (delta.detach() + 2.5 * eps / steps * delta.grad.sign()).clamp(-eps, eps)
    optimizer.zero_grad()
    loss = loss_of(classifier, (images + delta).clamp(0, 1), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def trained_by_backward(classifier, images, labels, optimizer, eps, steps):
    adversarial = images.clone()
    for _ in range(steps):
        adversarial = adversarial.detach().requires_grad_()
        loss_of(classifier, adversarial, labels).backward()
        stepped = targeted_step(adversarial.detach(), -adversarial.grad, 2.5 * eps / steps)
        adversarial = project(stepped, images, eps)
    optimizer.zero_grad()
    loss = loss_of(classifier, adversarial, labels, "mean")
    loss.backward()
    optimizer.step()
    return loss.item()


WRONG = {
    "02-input-gradient": [
        (
            lambda classifier, images, targets: gradient_of(lambda x: loss_of(classifier, x, targets, "mean"), images),
            "reduction",
        ),
        (
            lambda classifier, images, targets: 2 * input_gradient(classifier, images, targets),
            "is not the gradient",
        ),
        (gradient_of_a_trained_model, "never the model"),
        (on_the_callers_tensor, "requires_grad"),
        (lambda classifier, images, targets: loss_of(classifier, images, targets).detach(), "shape ()"),
        (lambda classifier, images, targets: images.clone().requires_grad_().grad, "returns nothing"),
        (
            lambda classifier, images, targets: input_gradient(classifier, images, targets) / 0,
            "NaN or infinity",
        ),
    ],
    "02-targeted-step": [
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
        (lambda perturbed, images, eps: project(perturbed, images, eps / 2), "nearest to `perturbed`"),
        (in_place_project, "in place"),
    ],
    "02-my-attack": [
        (instead(my_attack, {"return adversarial": "return adversarial.requires_grad_()"}), "detach"),
        (one_step, "only once"),
        (always_from_the_start, "starts from the original"),
        (accumulating, "adds up"),
        (training_the_model, "never the model"),
    ],
    "02-robust-step": [(clamped_before_the_gradient, "clamp after the gradient")],
}


RIGHT = {
    "02-input-gradient": [
        backward,
        backward_of_a_loop,
        image_by_image,
        lambda classifier, images, targets: gradient_of(
            lambda x: -classifier(x).log_softmax(1)[torch.arange(len(x)), targets].sum(), images
        ),
    ],
    "02-targeted-step": [
        lambda images, gradient, alpha: torch.sub(images, torch.sign(gradient), alpha=alpha),
        step_in_numpy,
    ],
    "02-project": [
        lambda perturbed, images, eps: images + (perturbed - images).clamp(-eps, eps).clamp(-images, 1 - images),
        project_pixel_by_pixel,
    ],
    "02-my-attack": [attack_by_backward, attack_from_a_random_start, attack_one_by_one],
    "02-robust-step": [robust_step, trained_by_backward, trained_with_a_perturbation],
}


def test_the_reference_attack_turns_what_the_classifier_says_into_the_targets():
    classifier, images, targets = a_small_case()
    assert not (classifier(images).argmax(1) == targets).any()
    attacked = my_attack(classifier, images, targets, eps=0.2, steps=20)
    assert (classifier(attacked).argmax(1) == targets).all()
