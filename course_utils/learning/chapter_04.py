"""The exercises of chapter 4, feature visualisation: the climb itself, and the number that says why it fails."""

from __future__ import annotations

import torch

from course_utils.activations import record
from course_utils.learning.checks_04 import check_climb
from course_utils.learning.checks_04_share import check_fine_share
from course_utils.learning.exercises import Exercise


def climb(classifier, layer, channel, images, steps, lr):
    """Return `images` after `steps` steps that raise the channel's mean
    activation. Each step adds `lr` times the gradient, divided by the
    picture's own largest absolute gradient, and clamps to [0, 1]."""
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
    above 0.25 cycles a pixel. The mean of each channel does not count."""
    images = images - images.mean(dim=(2, 3), keepdim=True)
    energy = torch.fft.fft2(images).abs().square().sum(dim=1)
    down = torch.fft.fftfreq(images.shape[2]).to(images)
    across = torch.fft.fftfreq(images.shape[3]).to(images)
    frequency = (down[:, None] ** 2 + across[None, :] ** 2).sqrt()
    fine = energy * (frequency > 0.25)
    return fine.sum(dim=(1, 2)) / energy.sum(dim=(1, 2))


EXERCISES = (
    Exercise(
        id="04-climb",
        title="The climb",
        why="Chapter 2 went down a loss, close to a given picture. Here there is no picture to stay close to and no "
        "loss: a channel says how strongly it answers, and the pixels go up.",
        minutes=12,
        difficulty=3,
        reference=climb,
        check=check_climb,
        hints=(
            "One step is: look at the activation, take its gradient by the images, move the images along it, clamp. "
            "Then again, from where you are.",
            "`record(classifier, [layer])(images)[layer]` has the shape (batch, channels, height, width): the channel "
            "is the second axis. Let a new tensor ask for the gradient in each step: "
            "`images = images.detach().requires_grad_()`.",
            "`gradient.abs().amax(dim=(1, 2, 3), keepdim=True)` is each picture's largest; `.clamp_min(1e-12)` keeps a "
            "picture without a gradient where it is. The new images are `(images + step).clamp(0, 1)`.",
        ),
    ),
    Exercise(
        id="04-fine-share",
        title="How much of it is fine",
        why='"It looks like noise" is an impression. The share of the energy above half Nyquist is a number, which '
        "can be compared with that of natural scenes.",
        minutes=10,
        difficulty=2,
        reference=fine_share,
        check=check_fine_share,
        hints=(
            "`torch.fft.fft2` turns a picture into waves. A wave's energy is its squared absolute value, and its "
            "frequency has two parts: cycles a pixel down, and across.",
            "`torch.fft.fftfreq(height)` has the frequency of each row, `torch.fft.fftfreq(width)` of each column; a "
            "wave's frequency is the length of the two: `(down[:, None] ** 2 + across[None, :] ** 2).sqrt()`.",
            "Remove `images.mean(dim=(2, 3), keepdim=True)` first. Add the energies up over the channels, then divide "
            "the sum where `frequency > 0.25` by the sum of all.",
        ),
    ),
)
