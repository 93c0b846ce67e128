"""The checks of chapter 4 accept what is right and name the mistake in what is wrong."""

import pytest
import torch

from course_utils.activations import record
from course_utils.objectives import Channel
from course_utils.teaching.exercises.chapter_04 import climb, fine_share
from course_utils.teaching.exercises.checks import a_case_with_maps
from course_utils.vision.measures import high_frequency_share

ALL = (1, 2, 3)


def largest(gradient):
    return gradient.abs().amax(dim=ALL, keepdim=True).clamp_min(1e-12)


def plainly(images, step):
    return (images + step).clamp(0, 1)


def variant(
    pick=lambda maps, channel: maps[:, channel].mean(dim=(1, 2)), by=largest, move=plainly, extra=0, end=plainly
):
    """The climb with one of its pieces done otherwise."""

    def climb(classifier, layer, channel, images, steps, lr):
        look = record(classifier, [layer])
        for _ in range(steps + extra):
            images = images.detach().requires_grad_()
            gradient = torch.autograd.grad(pick(look(images)[layer], channel).sum(), images)[0]
            images = move(images, lr * gradient / by(gradient))
        return end(images, 0).detach()

    return climb


def of_a_logit(classifier, layer, channel, images, steps, lr):
    for _ in range(steps):
        images = images.detach().requires_grad_()
        gradient = torch.autograd.grad(classifier(images)[:, channel].sum(), images)[0]
        images = plainly(images, lr * gradient / largest(gradient))
    return images.detach()


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
    return with_backward(classifier, layer, channel, images, steps, lr, only_images=True, fresh=False)


def with_a_loss(classifier, layer, channel, images, steps, lr):
    """The way of those who think in losses: down the negative, in double precision between the steps."""
    look = record(classifier, [layer])
    for _ in range(steps):
        x = images.clone().requires_grad_()
        loss = -look(x)[layer].mean((2, 3))[:, channel].mean()
        gradient = torch.autograd.grad(loss, x)[0].double()
        step = gradient / (gradient.flatten(1).abs().max(dim=1).values[:, None, None, None] + 1e-12)
        images = torch.clamp(images.double() - lr * step, min=0, max=1).float()
    return images


def returns_inside_the_loop(classifier, layer, channel, images, steps, lr):
    for _ in range(steps):
        return climb(classifier, layer, channel, images, 1, lr)


def always_from_the_start(classifier, layer, channel, images, steps, lr):
    for _ in range(steps):
        result = climb(classifier, layer, channel, images, 1, lr)
    return result


def one_gradient_for_all_steps(classifier, layer, channel, images, steps, lr):
    start = images.clone().requires_grad_()
    activation = Channel(layer, channel)(record(classifier, [layer])(start)).sum()
    step = torch.autograd.grad(activation, start)[0]
    for _ in range(steps):
        images = plainly(images, lr * step / largest(step))
    return images


def on_the_callers_tensor(classifier, layer, channel, images, steps, lr):
    return with_images_only(classifier, layer, channel, images.requires_grad_(), steps, lr)


def in_place(classifier, layer, channel, images, steps, lr):
    images.copy_(climb(classifier, layer, channel, images, steps, lr))
    return images


def training_the_model(classifier, layer, channel, images, steps, lr):
    with torch.no_grad():
        next(classifier.parameters()).mul_(1.1)
    return climb(classifier, layer, channel, images, steps, lr)


def waves(images, *, mean=(2, 3), energy=lambda s: s.abs().square(), fine=lambda d, a: (d**2 + a**2).sqrt() > 0.25):
    """The share with one of its pieces done otherwise."""
    centred = images - images.mean(dim=mean, keepdim=True) if mean else images
    down, across = torch.fft.fftfreq(images.shape[2])[:, None], torch.fft.fftfreq(images.shape[3])[None]
    total = energy(torch.fft.fft2(centred)).sum(1)
    return (total * fine(down, across)).sum((1, 2)) / total.sum((1, 2))


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


def axes_mixed_up(images):
    return waves(images, fine=lambda d, a: (d.T**2 + a.T**2).sqrt() > 0.25)


def per_channel(images):
    return waves(images.flatten(0, 1)[:, None]).unflatten(0, (len(images), 3))


def over_the_batch(images):
    return waves(images.permute(1, 0, 2, 3).flatten(0, 1)[None])[0]


def shifted(images):
    return waves(images, energy=lambda s: torch.fft.fftshift(s, dim=(2, 3)).abs().square())


def energy_only(images):
    images = images - images.mean(dim=(2, 3), keepdim=True)
    frequency = torch.hypot(*torch.meshgrid(*map(torch.fft.fftfreq, images.shape[2:]), indexing="ij"))
    return (torch.fft.fft2(images).abs().square().sum(1) * (frequency > 0.25)).sum((1, 2))


WRONG = {
    "04-climb": {
        "descent": (variant(move=lambda images, step: plainly(images, -step)), "goes downhill"),
        "no clamp": (variant(move=lambda images, step: images + step, end=lambda images, _: images), "below 0"),
        "clamp at the end only": (variant(move=lambda images, step: images + step), "after every step"),
        "gradients left in the weights": (with_backward, "gradients in the weights"),
        "gradients add up in images.grad": (accumulating, "adds up"),
        "largest of the whole batch": (variant(by=lambda g: g.abs().max()), "of the whole batch"),
        "largest without abs": (variant(by=lambda g: g.amax(dim=ALL, keepdim=True)), "gradient.abs()"),
        "length instead of largest": (
            variant(by=lambda g: g.flatten(1).norm(dim=1).clamp_min(1e-12)[:, None, None, None]),
            "gradient's length",
        ),
        "gradient not divided": (variant(by=lambda g: 1), "not divided"),
        "sign": (variant(by=lambda g: g.abs().clamp_min(1e-12)), "as in an attack"),
        "channel taken from the batch": (variant(pick=lambda maps, c: maps[c]), "not channel 2"),
        "channel taken from the batch, no guard": (
            variant(pick=lambda maps, c: maps[c], by=lambda g: g.abs().amax(dim=ALL, keepdim=True)),
            "not channel 2",
        ),
        "channel taken from the rows": (variant(pick=lambda maps, c: maps[:, :, c]), "row 2"),
        "all channels": (variant(pick=lambda maps, c: maps), "all channels"),
        "strongest place": (variant(pick=lambda maps, c: maps[:, c].amax(dim=(1, 2))), "strongest place"),
        "a logit": (of_a_logit, "climbs a logit"),
        "another channel": (variant(pick=lambda maps, c: maps[:, c + 1]), "one step takes the mean activation"),
        "division by 0 where the channel sleeps": (
            variant(by=lambda g: g.abs().amax(dim=ALL, keepdim=True)),
            "asleep",
        ),
        "return inside the loop": (returns_inside_the_loop, "have made one step"),
        "always from the start": (always_from_the_start, "have made one step"),
        "the first gradient for all steps": (one_gradient_for_all_steps, "gradient at the start"),
        "one step too many": (
            lambda c, l, n, images, steps, lr: climb(c, l, n, images, steps + (steps > 1), lr),  # noqa: E741
            "made 6 steps",
        ),
        "nothing happens": (lambda c, l, n, images, steps, lr: images.clone(), "nothing has changed"),  # noqa: E741
        "requires_grad on the caller's images": (on_the_callers_tensor, "requires_grad"),
        "changed in place": (in_place, "in place"),
        "weights changed": (training_the_model, "never the model"),
        "graph left on": (
            lambda c, l, n, images, steps, lr: climb(c, l, n, images, steps, lr).requires_grad_(),  # noqa: E741
            "detach",
        ),
    },
    "04-fine-share": {
        "mean not removed": (lambda images: waves(images, mean=None), "mean still counts"),
        "one mean for all channels": (lambda images: waves(images, mean=ALL), "each channel's own mean"),
        "amplitude": (lambda images: waves(images, energy=torch.abs), "amplitudes"),
        "real part only": (lambda images: waves(images, energy=lambda s: s.real**2), "imaginary"),
        "above 0.5": (lambda images: waves(images, fine=lambda d, a: torch.hypot(d, a) > 0.5), "half of it is 0.25"),
        "no square root": (lambda images: waves(images, fine=lambda d, a: d**2 + a**2 > 0.25), "not with the square"),
        "below": (lambda images: waves(images, fine=lambda d, a: torch.hypot(d, a) <= 0.25), "below 0.25"),
        "only down": (lambda images: waves(images, fine=lambda d, a: (d.abs() > 0.25) | (a > 9)), "frequencies down"),
        "only across": (lambda images: waves(images, fine=lambda d, a: (a.abs() > 0.25) | (d > 9)), "across count"),
        "a square instead of a circle": (
            lambda images: waves(images, fine=lambda d, a: (d.abs() > 0.25) | (a.abs() > 0.25)),
            "one by one",
        ),
        "sum of the two": (lambda images: waves(images, fine=lambda d, a: d.abs() + a.abs() > 0.25), "only added"),
        "rows and columns mixed up": (axes_mixed_up, "square pictures work"),
        "rfft2 not counted twice": (half_of_the_waves, "rfft2"),
        "fftshift": (shifted, "fftshift"),
        "average over the batch": (lambda images: fine_share(images).mean(), "whole batch"),
        "batch added up": (over_the_batch, "whole batch"),
        "one for each channel": (per_channel, "shape (3, 3)"),
        "average of the channels' shares": (lambda images: per_channel(images).mean(1), "averages the shares"),
        "per cent": (lambda images: 100 * fine_share(images), "per cent"),
        "not divided": (energy_only, "energy itself"),
        "a python number": (lambda images: fine_share(images).mean().item(), "whole batch"),
        "another threshold": (
            lambda images: waves(images, fine=lambda d, a: torch.hypot(d, a) > 0.2),
            "have shares of",
        ),
    },
}

RIGHT = {
    "04-climb": [with_images_only, with_a_loss],
    "04-fine-share": [
        lambda images: fine_share(images.double()),
        without_the_wave_of_frequency_zero,
        lambda images: waves(images, fine=lambda d, a: d**2 + a**2 >= 0.25**2),
    ],
}


def test_the_climb_raises_the_activation_and_treats_each_picture_by_itself():
    classifier, images = a_case_with_maps()
    look, channel = record(classifier, ["late"]), Channel("late", 2)
    climbed = climb(classifier, "late", 2, images, 10, 0.05)
    assert (channel(look(climbed)) > 1.5 * channel(look(images))).all()
    assert climbed.min() >= 0
    assert climbed.max() <= 1
    alone = climb(classifier, "late", 2, images[1:2], 10, 0.05)
    assert torch.allclose(climbed[1:2], alone, atol=1e-5)


def test_the_share_of_fine_detail_orders_pictures_as_the_packages_measure_does():
    noise = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool2d(noise, 3, stride=1, padding=1, count_include_pad=False)
    pictures = torch.stack([noise[0], 0.5 * noise[1] + 0.5 * smooth[1], 0.2 * noise[2] + 0.8 * smooth[2], smooth[3]])
    for measure in (fine_share, high_frequency_share):
        share = measure(pictures)
        assert (share.diff() < 0).all()
    assert fine_share(noise).mean().item() == pytest.approx(
        1 - torch.pi / 16, abs=0.02
    )  # the circle's part of a square
