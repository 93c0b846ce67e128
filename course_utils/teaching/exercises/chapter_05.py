"""The exercises of chapter 5, regularisation: a penalty, a step that takes it into account, and images from waves."""

from collections.abc import Iterator

import torch
from torch import Tensor

from course_utils.teaching.exercises.checks import Compared, a_small_case, one_each, require_flow, tensor_like
from course_utils.teaching.exercises.exercise import Mistake

ALL = (1, 2, 3)  # the axes of an image: all but the batch's


def total_variation(images):
    """Return, for each image, the mean absolute difference between
    neighbours one below the other, plus that between neighbours side by
    side.

    Why: Neighbouring pixels differ strongly in noise, and seldom in natural images. Total variation measures this in
    one number, so an optimisation can be made to keep it small.

    Hint: Every image minus itself moved by one row gives the differences down. And across?

    Hint: `images[:, :, 1:] - images[:, :, :-1]` is one row shorter than the image, as it should be: the last row
    has no neighbour below. `images.diff(dim=2)` is the same.

    Hint: Take `.abs()` before the mean, and the mean over all axes but the batch's, `dim=(1, 2, 3)`, once for down
    and once for across; then add the two.
    """
    down = images[:, :, 1:, :] - images[:, :, :-1, :]
    across = images[:, :, :, 1:] - images[:, :, :, :-1]
    return down.abs().mean(dim=(1, 2, 3)) + across.abs().mean(dim=(1, 2, 3))


def step_up(images, activation, penalty, weight, lr):
    """Return `images` after one step up the score, activation minus `weight`
    times penalty. The step is chapter 4's: `lr` times the gradient, divided by
    the image's largest absolute gradient, then clamped to [0, 1].

    Why: We choose the objective, and the optimisation follows it wherever it leads. The sign decides whether the
    penalty deters or rewards.

    Hint: The score is maximised. More activation is good and more penalty is bad: which sign does each have in the
    score?

    Hint: `activation` and `penalty` are functions: `activation(images) - weight * penalty(images)` is one number an
    image. Its sum has the gradient that you need.

    Hint: From there on it is chapter 4's step: divide the gradient by `gradient.abs().amax(dim=(1, 2, 3),
    keepdim=True)`, add `lr` times it to the images, clamp, detach.
    """
    images = images.clone().requires_grad_()
    score = activation(images) - weight * penalty(images)
    gradient = torch.autograd.grad(score.sum(), images)[0]
    largest = gradient.abs().amax(dim=(1, 2, 3), keepdim=True)
    step = lr * gradient / largest.clamp_min(1e-12)
    return (images + step).clamp(0, 1).detach()


def picture_from_waves(spectrum, size, decay):
    """Return the images, in (0, 1), that a spectrum stands for: each wave
    divided by its frequency to the power of `decay`, the waves added up
    (`irfft2`, "ortho"), and a sigmoid. The lowest frequency counts as
    1 / max(size).

    Why: These are the same images in other coordinates. Coarse waves now change quickly and fine ones slowly, so
    gradient ascent finds smoother images without any penalty.

    Hint: There are three steps: make each wave as strong as its frequency allows, add the waves up, squash the sum
    into (0, 1). The last axis of `spectrum` holds real and imaginary parts: `torch.view_as_complex`.

    Hint: Rows have the frequencies `torch.fft.fftfreq(height)`, columns `torch.fft.rfftfreq(width)`: the r because
    half of the waves is enough for a real image. A wave's frequency is the length of its two.

    Hint: `frequency.clamp_min(1 / max(size))` keeps the wave of frequency 0 from a division by 0. Then
    `torch.fft.irfft2(waves, s=size, norm="ortho").sigmoid()`; without `s` an odd width would come back even.
    """
    height, width = size
    down = torch.fft.fftfreq(height).to(spectrum)
    across = torch.fft.rfftfreq(width).to(spectrum)
    frequency = (down[:, None] ** 2 + across[None, :] ** 2).sqrt()
    frequency = frequency.clamp_min(1 / max(size))
    waves = torch.view_as_complex(spectrum) / frequency**decay
    return torch.fft.irfft2(waves, s=size, norm="ortho").sigmoid()


def some_images() -> Tensor:
    """Noise of three strengths on a slope across, so that signed differences do not cancel."""
    noise = torch.rand(3, 3, 9, 12, generator=torch.Generator().manual_seed(0))
    return noise * torch.tensor([1, 0.6, 0.3]).view(3, 1, 1, 1) + 0.05 * torch.arange(12)


def steps_to_check() -> Iterator[tuple]:
    """Arguments of a step for two weights, and for a score without a gradient."""
    classifier, images, _ = a_small_case()
    for weight in (0.5, 3.0):
        yield images, lambda x: classifier(x)[:, 0], lambda x: 10 * total_variation(x), weight, 0.1
    yield images, lambda x: (0 * x).sum(ALL), total_variation, 0.0, 0.1


def spectra_to_check() -> Iterator[tuple]:
    """Random waves, weak enough for the sigmoid. A size of 6 × 10 has as many rows as columns of waves; 7 is odd."""
    for size, decay in (((6, 10), 1.0), ((9, 7), 1.0), ((6, 10), 1.5)):
        shape = (2, 3, size[0], size[1] // 2 + 1, 2)
        yield 0.3 * torch.randn(shape, generator=torch.Generator().manual_seed(sum(size))), size, decay


def images_of_waves(result: object, right: Tensor) -> None:
    """Form of images from waves: real, and without a division by the frequency 0."""
    if isinstance(result, Tensor) and result.is_complex():
        raise Mistake("your images are complex: `torch.fft.irfft2` gives real ones from half of the waves.")
    if isinstance(result, Tensor) and ((result == 0) | (result == 1) | ~result.isfinite()).all():
        raise Mistake("the first wave has the frequency 0 and is divided by it: use `clamp_min(1 / max(size))`.")
    tensor_like(result, right)


TOTAL_VARIATION = Compared(
    id="05-total-variation",
    title="Total variation",
    minutes=6,
    difficulty=1,
    reference=total_variation,
    cases=lambda: [(some_images(),)],
    otherwise="the first image has a total variation of {right[0]:.4f}, your function says {result[0]:.4f}: is "
    "it the mean of the absolute differences down, plus the same across?",
    form=one_each,
    extra=lambda function: require_flow(function, (some_images(),), "images"),
    wrong={
        "this is the sum over all pixels: take the mean.": {"mean(": "sum("},
        "rises and falls cancel: take `.abs()` of the differences, before the mean.": {
            ".abs().mean(dim=(1, 2, 3))": (".mean(ALL)", ".neg().mean(ALL)", ".mean(ALL).abs()")
        },
        "only the differences down are in it: add those across.": {" + across.abs().mean(dim=(1, 2, 3))": ""},
        "only the differences across are in it: add those down.": {"down.abs().mean(dim=(1, 2, 3)) + ": ""},
        "squares punish edges more than noise: take the mean of `.abs()`.": {
            ".abs().mean(": (".square().mean(", ".square().sum(")
        },
        "`roll` wraps around: compare neighbours only.": (
            lambda x: sum((x.roll(1, dim) - x).abs().mean(ALL) for dim in (2, 3))
        ),
        "this is the mean of the two directions: take the mean of each, then add the two.": (
            lambda x: total_variation(x) / 2,
            lambda x: torch.cat([x.diff(dim=2).flatten(1), x.diff(dim=3).flatten(1)], 1).abs().mean(1),
        ),
        "this compares colours with each other: down is dim 2, and across dim 3.": {
            "images[:, :, :, 1:] - images[:, :, :, :-1]": "images.diff(dim=1)"
        },
        "the channels are added up: take their mean too.": {"mean(dim=(1, 2, 3))": "mean(dim=(2, 3)).sum(1)"},
        "every image gets the mean of the batch.": lambda x: total_variation(x).mean().expand(len(x)),
        "this is the isotropic form, the length of the two differences: add their absolute values.": (
            lambda x: x.diff(dim=2)[..., :-1].hypot(x.diff(dim=3)[:, :, :-1]).mean(ALL)
        ),
    },
)


SCORE = Compared(
    id="05-score",
    title="A step with a penalty",
    minutes=7,
    difficulty=2,
    reference=step_up,
    cases=steps_to_check,
    otherwise="this step is not along the gradient of `activation(images) - weight * penalty(images)`, divided "
    "by its largest absolute value in each image.",
    wrong={
        "plus rewards the penalty: the score is activation − weight · penalty.": {"- weight": "+ weight"},
        "your step goes down the score: add the gradient.": {"images + step": "images - step"},
        "both signs are wrong: add the gradient, subtract the penalty.": {"= activation": "= -activation"},
        "the penalty is ignored: the score is activation − weight · penalty.": {" - weight * penalty(images)": ""},
        "the activation is missing: the score is activation − weight · penalty.": {"activation(images)": ""},
        "`weight` is missing: the score is activation − weight · penalty.": {"weight * ": ""},
        "`weight` belongs to the penalty, not to the activation.": {"= act": "= weight * act", "- weight *": "-"},
        "some pixels are below 0 or above 1: `.clamp(0, 1)` after the step.": {".clamp(0, 1)": ""},
        "the gradient is not divided by the image's largest absolute value.": {" / largest.clamp_min(1e-12)": ""},
        "an image without a gradient turns into NaN: use `clamp_min`.": {".clamp_min(1e-12)": ""},
        "divide by the largest of each image, not of the whole batch.": {"largest.clamp": "largest.max().clamp"},
        "do not take the sign: divide by one number an image.": {".amax(dim=(1, 2, 3), keepdim=True)": ""},
        "`lr` is missing: the largest change of an image is `lr`.": {"lr * ": ""},
        "this is the step, or the gradient, alone: add the step to the images, then clamp.": {
            "(images + step).clamp(0, 1)": ("step", "gradient")
        },
        "nothing has changed: return the images after the step.": lambda images, *_: images,
    },
)


WAVES = Compared(
    id="05-waves",
    title="An image made of waves",
    minutes=12,
    difficulty=3,
    reference=picture_from_waves,
    cases=spectra_to_check,
    otherwise="the waves do not have the right strength: is each divided by its frequency to the power of "
    "`decay`, with the frequencies of its own row and column?",
    form=images_of_waves,
    extra=lambda function: require_flow(function, next(spectra_to_check()), "spectrum"),
    wrong={
        "the images are not squashed into (0, 1): the last step is `.sigmoid()`.": {".sigmoid()": ""},
        "where `clamp` cuts off, no gradient comes back: use `.sigmoid()`.": {".sigmoid()": ".clamp(0, 1)"},
        "all waves are equally strong: divide each by `frequency ** decay`.": {" / frequency**decay": ""},
        "this strengthens the fine waves: divide, do not multiply.": {"/ f": "* f"},
        "`decay` is an exponent: divide by `frequency ** decay`.": {"**decay": ("", " / decay")},
        'the images are too faint or too strong: `irfft2` needs `norm="ortho"`.': {"ortho": ("backward", "forward")},
        "an odd width comes back even: give `irfft2` the size, `s=size`.": {"s=size, ": ""},
        "frequency 0 counts as `1 / max(size)`, the others stay as they are: use `clamp_min(1 / max(size))`.": (
            {"clamp_min(1 / max(size))": ("where(frequency > 0, 1.0)", "where(frequency > 0, torch.inf)")},
            {"max(size)": "min(size)"},
            {"clamp_min(": "add("},
        ),
        "the axes are swapped: rows have `fftfreq(height)`.": {".sqrt()": ".sqrt().T"},
        "a wave's frequency is `(down² + across²).sqrt()`: add both squares, and take the square root.": (
            {".sqrt()": "", "] ** 2": ("] ** 2", "].abs()")},
            {"+ across": "+ 0 * across"},
            {"(down": "(0 * down"},
        ),
        "the real part is `spectrum[..., 0]`, the imaginary part `spectrum[..., 1]`: use `view_as_complex`.": (
            {"view_as_complex(spectrum)": ("view_as_complex(spectrum.flip(-1))", "polar(*spectrum.unbind(-1))")},
            lambda spectrum, *given: picture_from_waves(spectrum * torch.tensor([1.0, 0.0]), *given),
        ),
    },
)
