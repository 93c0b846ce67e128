"""The checks of chapter 5 accept what is right and name the mistake in what is wrong."""

import pytest
import torch

from course_utils import priors
from course_utils.canvas import FourierCanvas
from course_utils.canvas.fourier import GAIN
from course_utils.teaching.exercises.chapter_05 import picture_from_waves, step_up, total_variation

ALL = (1, 2, 3)


def variation(images, *, size=torch.abs, mean=lambda x: x.mean(dim=ALL), together=lambda a, b: a + b):
    """Total variation with one of its pieces done otherwise."""
    return together(mean(size(images.diff(dim=2))), mean(size(images.diff(dim=3))))


def wrapping(images):
    down, across = images.roll(-1, 2) - images, images.roll(-1, 3) - images
    return down.abs().mean(dim=ALL) + across.abs().mean(dim=ALL)


def isotropic(images):
    down, across = images.diff(dim=2)[..., :-1], images.diff(dim=3)[:, :, :-1]
    return (down**2 + across**2).sqrt().mean(dim=ALL)


def averaged_together(images):
    down, across = images.diff(dim=2).abs(), images.diff(dim=3).abs()
    return (down.sum(dim=ALL) + across.sum(dim=ALL)) / (down[0].numel() + across[0].numel())


def through_numpy(images):
    pictures = images.numpy()
    down, across = abs(pictures[:, :, 1:] - pictures[:, :, :-1]), abs(pictures[..., 1:] - pictures[..., :-1])
    return torch.from_numpy(down.mean(axis=ALL) + across.mean(axis=ALL))


def picture_by_picture(images):
    values = []
    for picture in images:
        down = torch.nn.functional.l1_loss(picture[:, 1:], picture[:, :-1])
        across = torch.nn.functional.l1_loss(picture[:, :, 1:], picture[:, :, :-1])
        values.append(down + across)
    return torch.stack(values)


def largest(gradient):
    return gradient.abs().amax(dim=ALL, keepdim=True).clamp_min(1e-12)


def step(score, *, by=largest, move=lambda images, step: (images + step).clamp(0, 1), mean=torch.sum):
    """The step with its score, or one of its other pieces, done otherwise."""

    def step_up(images, activation, penalty, weight, lr):
        x = images.clone().requires_grad_()
        gradient = torch.autograd.grad(mean(score(activation(x), penalty(x), weight)), x)[0]
        return move(images, lr * gradient / by(gradient))

    return step_up


def the_score(activation, penalty, weight):
    return activation - weight * penalty


def with_backward(images, activation, penalty, weight, lr):
    x = images.clone().requires_grad_()
    the_score(activation(x), penalty(x), weight).sum().backward()
    return (images + lr * x.grad / largest(x.grad)).clamp(0, 1)


def on_the_callers_tensor(images, activation, penalty, weight, lr):
    return step_up(images.requires_grad_(), activation, penalty, weight, lr)


def in_place(images, activation, penalty, weight, lr):
    return images.copy_(step_up(images, activation, penalty, weight, lr))


def in_two_parts(images, activation, penalty, weight, lr):
    x = images.clone().requires_grad_()
    gradient = torch.autograd.grad(activation(x).sum(), x)[0]
    gradient -= weight * torch.autograd.grad(penalty(x).sum(), x)[0]
    return torch.clamp(images + lr * gradient / (largest(gradient) + 1e-9), 0, 1)


def strengths(size, decay, lowest=None):
    down, across = torch.fft.fftfreq(size[0]), torch.fft.rfftfreq(size[1])
    return torch.hypot(down[:, None], across[None]).clamp_min(lowest or 1 / max(size)) ** -decay


def waves(
    *,
    strength=strengths,
    waves=torch.view_as_complex,
    back=lambda waves, size: torch.fft.irfft2(waves, s=size, norm="ortho"),
    squash=torch.sigmoid,
):
    """The picture from waves with one of its pieces done otherwise."""
    return lambda spectrum, size, decay: squash(back(waves(spectrum) * strength(size, decay), size))


def axes_swapped(size, decay):
    down, across = torch.fft.rfftfreq(size[1]), torch.fft.fftfreq(size[0])
    return torch.hypot(down[:, None], across[None]).clamp_min(1 / max(size)) ** -decay


def only(axis):
    def strength(size, decay):
        down, across = torch.fft.fftfreq(size[0])[:, None], torch.fft.rfftfreq(size[1])[None]
        frequency = (down if axis == "down" else across).abs() + 0 * (down + across)
        return frequency.clamp_min(1 / max(size)) ** -decay

    return strength


def not_rooted(size, decay):
    down, across = torch.fft.fftfreq(size[0])[:, None], torch.fft.rfftfreq(size[1])[None]
    return (down**2 + across**2).clamp_min(1 / max(size)) ** -decay


def frequency_zero(value):
    def strength(size, decay):
        result = strengths(size, decay)
        result[0, 0] = value
        return result

    return strength


def without_gradient(spectrum, size, decay):
    return picture_from_waves(spectrum.detach(), size, decay)


def from_all_waves(spectrum, size, decay):
    """The way without `irfft2`: along the columns first, then along the rows."""
    complex_waves = torch.complex(spectrum[..., 0], spectrum[..., 1])
    frequency = (torch.fft.fftfreq(size[0])[:, None] ** 2 + torch.fft.rfftfreq(size[1])[None, :] ** 2) ** 0.5
    frequency[0, 0] = 1 / max(size)
    columns = torch.fft.ifft(complex_waves / frequency**decay, dim=-2, norm="ortho")
    return 1 / (1 + torch.exp(-torch.fft.irfft(columns, n=size[1], dim=-1, norm="ortho")))


WRONG = {
    "05-total-variation": {
        "sum": (lambda images: variation(images, mean=lambda x: x.sum(dim=ALL)), "this is the sum over all pixels"),
        "squared": (lambda images: variation(images, size=torch.square), "squared"),
        "sum of squares": (
            lambda images: variation(images, size=torch.square, mean=lambda x: x.sum(dim=ALL)),
            "the mean, not the sum",
        ),
        "only down": (lambda images: variation(images, together=lambda a, b: a), "add those across"),
        "only across": (lambda images: variation(images, together=lambda a, b: b), "add those down"),
        "signed": (lambda images: variation(images, size=lambda x: x), "rises and falls cancel"),
        "signed the other way": (lambda images: variation(images, size=lambda x: -x), "rises and falls cancel"),
        "abs after the mean": (
            lambda images: variation(images, size=lambda x: x, mean=lambda x: x.mean(dim=ALL).abs()),
            "rises and falls cancel",
        ),
        "roll": (wrapping, "wraps around"),
        "mean of the two": (lambda images: variation(images) / 2, "then add the two"),
        "averaged together": (averaged_together, "then add the two"),
        "isotropic": (isotropic, "isotropic"),
        "dims off by one": (
            lambda images: images.diff(dim=1).abs().mean(dim=ALL) + images.diff(dim=2).abs().mean(dim=ALL),
            "compares colours",
        ),
        "channels added up": (lambda images: variation(images, mean=lambda x: x.mean(dim=(2, 3)).sum(1)), "channels"),
        "one for the batch": (lambda images: variation(images).mean(), "whole batch"),
        "the batch's mean for each": (lambda images: variation(images).mean().expand(len(images)), "mean of the batch"),
        "one for each channel": (lambda images: variation(images, mean=lambda x: x.mean(dim=(2, 3))), "shape (3, 3)"),
        "a python number": (lambda images: variation(images).mean().item(), "whole batch"),
        "through numpy": (through_numpy, "no gradient reaches `images`"),
        "detached": (lambda images: variation(images).detach(), "no gradient reaches `images`"),
        "another factor": (lambda images: 1.5 * variation(images), "has a total variation of"),
    },
    "05-score": {
        "plus the penalty": (step(lambda a, p, w: a + w * p), "plus rewards the penalty"),
        "descent": (step(the_score, move=lambda x, s: (x - s).clamp(0, 1)), "goes down the score"),
        "descent and plus": (
            step(lambda a, p, w: a + w * p, move=lambda x, s: (x - s).clamp(0, 1)),
            "both signs are wrong",
        ),
        "the loss climbed": (step(lambda a, p, w: w * p - a), "goes down the score"),
        "no penalty": (step(lambda a, p, w: a), "penalty is ignored"),
        "no activation": (step(lambda a, p, w: -w * p), "activation is missing"),
        "no weight": (step(lambda a, p, w: a - p), "`weight` is missing"),
        "weight on the activation": (step(lambda a, p, w: w * a - p), "belongs to the penalty"),
        "no clamp": (step(the_score, move=lambda x, s: x + s), "below 0"),
        "not divided": (step(the_score, by=lambda g: 1), "not divided"),
        "divided by the batch's largest": (step(the_score, by=lambda g: g.abs().max()), "of the whole batch"),
        "sign": (step(the_score, by=lambda g: g.abs().clamp_min(1e-12)), "do not take the sign"),
        "division by 0": (
            step(the_score, by=lambda g: g.abs().amax(dim=ALL, keepdim=True)),
            "picture without a gradient turns into NaN",
        ),
        "the squared penalty": (step(lambda a, p, w: a - w * p**2), "your step moves pixels by up to"),
        "nothing": (lambda images, activation, penalty, weight, lr: images.clone(), "nothing has changed"),
        "gradients left in the weights": (with_backward, "gradients in the weights"),
        "requires_grad on the caller's images": (on_the_callers_tensor, "requires_grad"),
        "changed in place": (in_place, "in place"),
        "the score returned": (
            lambda images, activation, penalty, weight, lr: activation(images).detach() - weight * penalty(images),
            "shape (4,), expected (4, 3, 8, 6)",
        ),
    },
    "05-waves": {
        "not scaled": (waves(strength=lambda size, decay: 1), "equally strong"),
        "scaled the wrong way": (waves(strength=lambda size, decay: strengths(size, -decay)), "strengthens the fine"),
        "frequencies of swapped axes": (waves(strength=axes_swapped), "axes are swapped"),
        "no sigmoid": (waves(squash=lambda x: x), "not squashed"),
        "clamp": (waves(squash=lambda x: x.clamp(0, 1)), "no gradient comes back"),
        "real and imaginary swapped": (
            waves(waves=lambda s: torch.complex(s[..., 1], s[..., 0])),
            "parts are swapped",
        ),
        "real parts only": (waves(waves=lambda s: s[..., 0] + 0j), "imaginary parts are lost"),
        "length and angle": (waves(waves=lambda s: torch.polar(s[..., 0], s[..., 1])), "not length and angle"),
        "size lost": (waves(back=lambda w, size: torch.fft.irfft2(w, norm="ortho")), "7 comes back as 6"),
        "no ortho": (waves(back=lambda w, size: torch.fft.irfft2(w, s=size)), "too faint"),
        "forward": (waves(back=lambda w, size: torch.fft.irfft2(w, s=size, norm="forward")), "too strong"),
        "complex pictures": (
            waves(back=lambda w, size: torch.fft.ifft2(w, s=size, norm="ortho"), squash=lambda x: x),
            "complex",
        ),
        "times infinity": (waves(strength=frequency_zero(torch.inf)), "has the frequency 0"),
        "division by 0": (
            lambda spectrum, size, decay: torch.fft.irfft2(
                torch.view_as_complex(spectrum) / frequency_zero(0)(size, -decay), s=size, norm="ortho"
            ).sigmoid(),
            "has the frequency 0",
        ),
        "frequency 0 left as it is": (waves(strength=frequency_zero(1)), "left as it is"),
        "frequency 0 lost": (waves(strength=frequency_zero(0)), "is lost"),
        "lowest of the shorter side": (
            waves(strength=lambda size, decay: strengths(size, decay, 1 / min(size))),
            "longer side",
        ),
        "square root forgotten": (waves(strength=not_rooted), "square root"),
        "only down": (waves(strength=only("down")), "frequencies down"),
        "only across": (waves(strength=only("across")), "frequencies across"),
        "decay not used": (waves(strength=lambda size, decay: strengths(size, 1)), "not used"),
        "decay as a factor": (waves(strength=lambda size, decay: strengths(size, 1) / decay), "no factor"),
        "another exponent": (
            waves(strength=lambda size, decay: strengths(size, 2 * decay)),
            "do not have the waves",
        ),
        "no gradient": (without_gradient, "no gradient reaches `spectrum`"),
        "changed in place": (
            lambda spectrum, size, decay: picture_from_waves(spectrum.mul_(2), size, decay),
            "in place",
        ),
    },
}

RIGHT = {
    "05-total-variation": [
        picture_by_picture,
        lambda images: images.diff(dim=-2).abs().mean((1, 2, 3)) + images.diff(dim=-1).abs().mean((1, 2, 3)),
        lambda images: priors.total_variation(images.double()),
    ],
    "05-score": [
        step(lambda a, p, w: w * p - a, move=lambda x, s: (x - s).clamp(0, 1)),  # a loss, descended
        step(the_score, mean=torch.mean, by=lambda g: largest(g)),  # the division undoes the mean
        in_two_parts,
    ],
    "05-waves": [
        from_all_waves,
        waves(strength=lambda size, decay: frequency_zero(max(size) ** decay)(size, decay)),
    ],
}


def test_the_readers_penalty_is_the_packages():
    pictures = torch.rand(3, 3, 8, 11, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(total_variation(pictures), priors.total_variation(pictures))


def test_a_weight_that_grows_makes_the_climbed_pictures_smoother():
    images = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    left = []
    for weight in (0.0, 0.3, 3.0):
        pictures = images
        for _ in range(40):
            pictures = step_up(pictures, lambda x: x[:, 0].mean(dim=(1, 2)), total_variation, weight, 0.02)
        left.append(total_variation(pictures).mean())
    assert left[0] > left[1] > left[2]


@pytest.mark.parametrize("size", [(8, 12), (9, 7)])
def test_the_readers_canvas_is_the_packages_without_its_colours(size):
    canvas = FourierCanvas(2, size, colours=None, contrast=0.5)
    assert torch.allclose(picture_from_waves(GAIN * canvas.spectrum, size, 1.0), canvas.render(), atol=1e-6)
