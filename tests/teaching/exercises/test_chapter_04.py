"""The checks of chapter 4 accept what is right and name the mistake in what is wrong."""

import numpy as np
import pytest
import torch

from course_utils.activations import record
from course_utils.objectives import Channel
from course_utils.teaching.exercises.chapter_04 import frequency_share, gradient_ascent
from course_utils.teaching.exercises.checks import a_case_with_maps
from course_utils.teaching.exercises.exercise import instead
from course_utils.vision.measures import high_frequency_share


def largest(gradient):
    return gradient.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)


def with_backward(classifier, layer, channel, images, steps, lr, *, only_images=False, fresh=True):
    images = images.clone().requires_grad_()
    for _ in range(steps):
        activation = Channel(layer, channel)(record(classifier, [layer])(images)).sum()
        activation.backward(inputs=[images] if only_images else None)
        with torch.no_grad():
            images.add_(lr * images.grad / largest(images.grad)).clamp_(0, 1)
        if fresh:
            images.grad = None
    return images.detach()


def with_images_only(classifier, layer, channel, images, steps, lr):
    return with_backward(classifier, layer, channel, images, steps, lr, only_images=True)


def accumulating(classifier, layer, channel, images, steps, lr):
    return with_backward(classifier, layer, channel, images, steps, lr, fresh=False)


def image_by_image(classifier, layer, channel, images, steps, lr):
    return torch.cat([gradient_ascent(classifier, layer, channel, image[None], steps, lr) for image in images])


def with_a_loss(classifier, layer, channel, images, steps, lr):
    """Descent of the negative activation, in double precision between the steps."""
    look = record(classifier, [layer])
    for _ in range(steps):
        x = images.clone().requires_grad_()
        loss = -look(x)[layer].mean((2, 3))[:, channel].mean()
        gradient = torch.autograd.grad(loss, x)[0].double()
        step = gradient / (gradient.flatten(1).abs().max(dim=1).values[:, None, None, None] + 1e-12)
        images = torch.clamp(images.double() - lr * step, min=0, max=1).float()
    return images


def with_steps_in_numpy(classifier, layer, channel, images, steps, lr):
    look = record(classifier, [layer])
    moved = images.numpy()
    for _ in range(steps):
        x = torch.tensor(moved, requires_grad=True)
        look(x)[layer][:, channel].mean((1, 2)).sum().backward()
        gradient = x.grad.numpy()
        moved = np.clip(moved + lr * gradient / (np.abs(gradient).max((1, 2, 3), keepdims=True) + 1e-12), 0, 1)
    return torch.from_numpy(moved)


def returns_inside_the_loop(classifier, layer, channel, images, steps, lr):
    for _ in range(steps):
        return gradient_ascent(classifier, layer, channel, images, 1, lr)


def always_from_the_start(classifier, layer, channel, images, steps, lr):
    for _ in range(steps):
        result = gradient_ascent(classifier, layer, channel, images, 1, lr)
    return result


def of_a_logit(classifier, layer, channel, images, steps, lr):
    for _ in range(steps):
        images = images.detach().requires_grad_()
        gradient = torch.autograd.grad(classifier(images)[:, channel].sum(), images)[0]
        images = (images + lr * gradient / largest(gradient)).clamp(0, 1)
    return images.detach()


def without_a_gradient_at_random(classifier, layer, channel, images, steps, lr):
    result = gradient_ascent(classifier, layer, channel, images, steps, lr)
    return torch.rand_like(images) if torch.equal(result, images) else result


def on_the_callers_tensor(classifier, layer, channel, images, steps, lr):
    return with_images_only(classifier, layer, channel, images.requires_grad_(), steps, lr)


def in_place(classifier, layer, channel, images, steps, lr):
    images.copy_(gradient_ascent(classifier, layer, channel, images, steps, lr))
    return images


def training_the_model(classifier, layer, channel, images, steps, lr):
    with torch.no_grad():
        next(classifier.parameters()).mul_(1.1)
    return gradient_ascent(classifier, layer, channel, images, steps, lr)


def half_of_the_waves(images):
    images = images - images.mean(dim=(2, 3), keepdim=True)
    energy = torch.fft.rfft2(images).abs().square().sum(1)
    down, across = torch.fft.fftfreq(images.shape[2])[:, None], torch.fft.rfftfreq(images.shape[3])[None]
    return (energy * (torch.hypot(down, across) > 0.25)).sum((1, 2)) / energy.sum((1, 2))


def without_the_wave_of_frequency_zero(images):
    """Which is the mean, so that nothing need be subtracted."""
    spectrum = torch.fft.fftn(images, dim=(-2, -1))
    energy = (spectrum.real**2 + spectrum.imag**2).sum(1)
    energy[:, 0, 0] = 0
    frequency = torch.hypot(*torch.meshgrid(*map(torch.fft.fftfreq, images.shape[2:]), indexing="ij"))
    return energy[:, frequency > 0.25].sum(1) / energy.flatten(1).sum(1)


def by_loops(images):
    shares = []
    for image in images:
        fine = total = 0.0
        for channel in image:
            energy = torch.fft.fft2(channel - channel.mean()).abs() ** 2
            for row, down in zip(energy, torch.fft.fftfreq(image.shape[1]), strict=True):
                fine += row[(down**2 + torch.fft.fftfreq(image.shape[2]) ** 2).sqrt() > 0.25].sum()
            total += energy.sum()
        shares.append(fine / total)
    return torch.stack(shares)


def in_numpy(images):
    pixels = images.numpy()
    energy = np.abs(np.fft.fft2(pixels - pixels.mean((2, 3), keepdims=True))) ** 2
    down, across = np.fft.fftfreq(pixels.shape[2]), np.fft.fftfreq(pixels.shape[3])
    fine = np.hypot(down[:, None], across) > 0.25
    return torch.from_numpy((energy * fine).sum((1, 2, 3)) / energy.sum((1, 2, 3)))


def correct_for_squares_only(images):
    return frequency_share(images if images.shape[2] == images.shape[3] else images[..., :18])


WRONG = {
    "04-ascent": {
        "gradients add up in images.grad": (accumulating, "adds up"),
        "return inside the loop": (returns_inside_the_loop, "only one step"),
        "always from the start": (always_from_the_start, "only one step"),
        "sign without NaN": (
            instead(gradient_ascent, {".amax(dim=(1, 2, 3), keepdim=True)": ""}),
            "every pixel moves by `lr`",
        ),
        "a logit": (of_a_logit, "raises a logit"),
        "another channel": (
            instead(gradient_ascent, {"[:, channel]": "[:, channel + 1]"}),
            "with steps=3 the mean activation goes from",
        ),
        "other images without a gradient": (without_a_gradient_at_random, "should stay as they are"),
        "one step too many": (
            lambda c, layer, n, images, steps, lr: gradient_ascent(c, layer, n, images, steps + (steps > 1), lr),
            "loop over `range(steps)`",
        ),
        "requires_grad on the caller's images": (on_the_callers_tensor, "requires_grad"),
        "changed in place": (in_place, "in place"),
        "weights changed": (training_the_model, "never the model"),
        "graph left on": (lambda *given: gradient_ascent(*given).requires_grad_(), "detach"),
    },
    "04-frequency-share": {
        "no square root": (instead(frequency_share, {".sqrt()": ""}), "not its square"),
        "rows and columns mixed up": (
            instead(frequency_share, {".sqrt()": ".sqrt().T"}),
            "square images work",
        ),
        "right for squares only": (correct_for_squares_only, "use their height and width"),
        "rfft2 not counted twice": (half_of_the_waves, "rfft2"),
        "average over the batch": (lambda images: frequency_share(images).mean(), "whole batch"),
        "batch added up": (instead(frequency_share, {"dim=(1, 2)": ""}), "whole batch"),
        "one for each channel": (
            instead(frequency_share, {".sum(dim=1)": "", "(1, 2)": "(2, 3)"}),
            "shape (3, 3)",
        ),
        "a python number": (lambda images: frequency_share(images).mean().item(), "whole batch"),
        "another threshold": (
            instead(frequency_share, {"0.25": "0.2"}),
            "have shares of",
        ),
    },
}

RIGHT = {
    "04-ascent": [with_backward, with_images_only, image_by_image, with_a_loss, with_steps_in_numpy],
    "04-frequency-share": [
        lambda images: frequency_share(images.double()),
        without_the_wave_of_frequency_zero,
        instead(frequency_share, {".sqrt()": "", "> 0.25": ">= 0.25**2"}),
        by_loops,
        in_numpy,
    ],
}


def test_the_ascent_raises_the_activation_and_treats_each_image_by_itself():
    classifier, images = a_case_with_maps()
    look, channel = record(classifier, ["late"]), Channel("late", 2)
    raised = gradient_ascent(classifier, "late", 2, images, 10, 0.05)
    assert (channel(look(raised)) > 1.5 * channel(look(images))).all()
    assert raised.min() >= 0
    assert raised.max() <= 1
    alone = gradient_ascent(classifier, "late", 2, images[1:2], 10, 0.05)
    assert torch.allclose(raised[1:2], alone, atol=1e-5)


def test_the_share_of_fine_detail_orders_images_as_the_packages_measure_does():
    noise = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool2d(noise, 3, stride=1, padding=1, count_include_pad=False)
    images = torch.stack([noise[0], 0.5 * noise[1] + 0.5 * smooth[1], 0.2 * noise[2] + 0.8 * smooth[2], smooth[3]])
    for measure in (frequency_share, high_frequency_share):
        share = measure(images)
        assert (share.diff() < 0).all()
    outside_the_circle = 1 - torch.pi / 16  # of the square of all frequencies
    assert frequency_share(noise).mean().item() == pytest.approx(outside_the_circle, abs=0.02)
