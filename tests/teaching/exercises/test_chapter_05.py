"""The checks of chapter 5 accept what is right and name the mistake in what is wrong."""

import numpy as np
import pytest
import torch

from course_utils import priors
from course_utils.canvas import FourierCanvas
from course_utils.canvas.image import GAIN
from course_utils.teaching.exercises.chapter_05 import picture_from_waves, step_up, total_variation
from course_utils.teaching.exercises.exercise import instead


def pixel_by_pixel(images):
    values = []
    for image in images:
        channels, height, width = image.shape
        down = [
            (image[c, y + 1, x] - image[c, y, x]).abs()
            for c in range(channels)
            for y in range(height - 1)
            for x in range(width)
        ]
        across = [
            (image[c, y, x + 1] - image[c, y, x]).abs()
            for c in range(channels)
            for y in range(height)
            for x in range(width - 1)
        ]
        values.append(sum(down) / len(down) + sum(across) / len(across))
    return torch.stack(values)


def image_by_image(images):
    values = []
    for image in images:
        down = torch.nn.functional.l1_loss(image[:, 1:], image[:, :-1])
        across = torch.nn.functional.l1_loss(image[:, :, 1:], image[:, :, :-1])
        values.append(down + across)
    return torch.stack(values)


def through_numpy(images):
    array = images.numpy()
    down, across = abs(array[:, :, 1:] - array[:, :, :-1]), abs(array[..., 1:] - array[..., :-1])
    return torch.from_numpy(down.mean(axis=(1, 2, 3)) + across.mean(axis=(1, 2, 3)))


def largest(gradient):
    return gradient.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)


def with_backward(images, activation, penalty, weight, lr):
    x = images.clone().requires_grad_()
    (activation(x) - weight * penalty(x)).sum().backward()
    return (images + lr * x.grad / largest(x.grad)).clamp(0, 1)


def a_loss_descended(images, activation, penalty, weight, lr):
    x = images.clone().requires_grad_()
    (weight * penalty(x) - activation(x)).mean().backward()
    return (images - lr * x.grad / largest(x.grad)).clamp(0, 1)


def in_two_parts(images, activation, penalty, weight, lr):
    x = images.clone().requires_grad_()
    gradient = torch.autograd.grad(activation(x).sum(), x)[0]
    gradient -= weight * torch.autograd.grad(penalty(x).sum(), x)[0]
    return torch.clamp(images + lr * gradient / (largest(gradient) + 1e-9), 0, 1)


def each_image_in_numpy(images, activation, penalty, weight, lr):
    moved = []
    for image in images.split(1):
        image.requires_grad_()
        score = activation(image) - weight * penalty(image)
        gradient = torch.autograd.grad(score[0], image)[0].numpy()
        by = max(np.abs(gradient).max(), 1e-12)
        moved.append(np.clip(image.detach().numpy() + lr * gradient / by, 0, 1))
    return torch.from_numpy(np.concatenate(moved))


def strengths(size, decay):
    down, across = torch.fft.fftfreq(size[0]), torch.fft.rfftfreq(size[1])
    return torch.hypot(down[:, None], across[None]).clamp_min(1 / max(size)) ** -decay


def images_from(spectrum, strength, size, back=torch.fft.irfft2):
    return back(torch.view_as_complex(spectrum) * strength, s=size, norm="ortho")


def with_frequency_zero(value):
    """Images from waves, the first of which has another strength."""

    def from_waves(spectrum, size, decay):
        strength = strengths(size, decay)
        strength[0, 0] = value(size, decay)
        return images_from(spectrum, strength, size).sigmoid()

    return from_waves


def divided_by_zero(spectrum, size, decay):
    down, across = torch.fft.fftfreq(size[0])[:, None], torch.fft.rfftfreq(size[1])[None]
    frequency = (down**2 + across**2).sqrt()
    return torch.fft.irfft2(torch.view_as_complex(spectrum) / frequency**decay, s=size, norm="ortho").sigmoid()


def size_lost(spectrum, size, decay):
    return images_from(spectrum, strengths(size, decay), None).sigmoid()


def from_all_waves(spectrum, size, decay):
    """The way without `irfft2`: along the columns first, then along the rows."""
    complex_waves = torch.complex(spectrum[..., 0], spectrum[..., 1])
    frequency = (torch.fft.fftfreq(size[0])[:, None] ** 2 + torch.fft.rfftfreq(size[1])[None, :] ** 2) ** 0.5
    frequency[0, 0] = 1 / max(size)
    columns = torch.fft.ifft(complex_waves / frequency**decay, dim=-2, norm="ortho")
    return 1 / (1 + torch.exp(-torch.fft.irfft(columns, n=size[1], dim=-1, norm="ortho")))


def wave_by_wave(spectrum, size, decay):
    """Strengths in numpy, one wave at a time; images one channel at a time."""
    down, across = np.fft.fftfreq(size[0]), np.fft.rfftfreq(size[1])
    strength = [[max(float(np.hypot(y, x)), 1 / max(size)) ** -decay for x in across] for y in down]
    channels = [images_from(each, torch.tensor(strength), size) for each in spectrum.flatten(0, 1)]
    return torch.stack(channels).unflatten(0, spectrum.shape[:2]).sigmoid()


WRONG = {
    "05-total-variation": {
        "one for the batch": (lambda images: total_variation(images).mean(), "whole batch"),
        "one for each channel": (instead(total_variation, {"(1, 2, 3)": "(2, 3)"}), "shape (3, 3)"),
        "a python number": (lambda images: total_variation(images).mean().item(), "whole batch"),
        "through numpy": (through_numpy, "no gradient reaches `images`"),
        "detached": (lambda images: total_variation(images).detach(), "no gradient reaches `images`"),
        "another factor": (lambda images: 1.5 * total_variation(images), "has a total variation of"),
    },
    "05-score": {
        "descent": (lambda x, a, p, weight, lr: step_up(x, a, p, weight, -lr), "goes down the score"),
        "the squared penalty": (
            instead(step_up, {"penalty(images)": "penalty(images) ** 2"}),
            "this step is not along the gradient",
        ),
        "requires_grad on the caller's images": (
            lambda images, *given: step_up(images.requires_grad_(), *given),
            "requires_grad",
        ),
        "changed in place": (lambda images, *given: images.copy_(step_up(images, *given)), "in place"),
        "the score returned": (
            lambda images, activation, penalty, weight, lr: activation(images).detach() - weight * penalty(images),
            "shape (4,), expected (4, 3, 8, 8)",
        ),
    },
    "05-waves": {
        "size lost": (size_lost, "odd width comes back even"),
        "complex images": (
            lambda spectrum, size, decay: images_from(spectrum, strengths(size, decay), size, torch.fft.ifft2),
            "complex",
        ),
        "times infinity": (with_frequency_zero(lambda size, decay: torch.inf), "has the frequency 0"),
        "division by 0": (divided_by_zero, "has the frequency 0"),
        "frequency 0 left as it is": (with_frequency_zero(lambda size, decay: 1), "frequency 0 counts as"),
        "frequency 0 lost": (with_frequency_zero(lambda size, decay: 0), "frequency 0 counts as"),
        "another exponent": (
            lambda spectrum, size, decay: picture_from_waves(spectrum, size, 2 * decay),
            "do not have the right strength",
        ),
        "no gradient": (
            lambda spectrum, size, decay: picture_from_waves(spectrum.detach(), size, decay),
            "no gradient reaches `spectrum`",
        ),
        "changed in place": (
            lambda spectrum, size, decay: picture_from_waves(spectrum.mul_(2), size, decay),
            "in place",
        ),
    },
}

RIGHT = {
    "05-total-variation": [
        pixel_by_pixel,
        image_by_image,
        lambda images: images.diff(dim=-2).abs().mean((1, 2, 3)) + images.diff(dim=-1).abs().mean((1, 2, 3)),
        lambda images: priors.total_variation(images.double()),
    ],
    "05-score": [with_backward, a_loss_descended, in_two_parts, each_image_in_numpy],
    "05-waves": [
        from_all_waves,
        wave_by_wave,
        with_frequency_zero(lambda size, decay: max(size) ** decay),
    ],
}


def test_the_readers_penalty_is_the_packages():
    images = torch.rand(3, 3, 8, 11, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(total_variation(images), priors.total_variation(images))


def test_a_weight_that_grows_makes_the_optimised_images_smoother():
    start = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    left = []
    for weight in (0.0, 0.3, 3.0):
        images = start
        for _ in range(40):
            images = step_up(images, lambda x: x[:, 0].mean(dim=(1, 2)), total_variation, weight, 0.02)
        left.append(total_variation(images).mean())
    assert left[0] > left[1] > left[2]


@pytest.mark.parametrize("size", [(8, 12), (9, 7)])
def test_the_readers_canvas_is_the_packages_without_its_colours(size):
    canvas = FourierCanvas(2, size, colours=None, contrast=0.5)
    assert torch.allclose(picture_from_waves(GAIN * canvas.spectrum, size, 1.0), canvas.render(), atol=1e-6)
