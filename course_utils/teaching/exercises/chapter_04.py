"""The exercises of chapter 4, feature visualisation: gradient ascent on a channel, and the measure of its noise."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.activations import record
from course_utils.models.classifier import Classifier
from course_utils.teaching.exercises.checks import DEAD, Compared, a_case_with_maps, one_each, same
from course_utils.teaching.exercises.exercise import Mistake


def gradient_ascent(classifier, layer, channel, images, steps, lr):
    """Return `images` after `steps` steps that raise the channel's mean
    activation. Each step adds `lr` times the gradient, divided by the
    image's own largest absolute gradient, and clamps to [0, 1].

    Why: Chapter 2 minimised a loss close to a given image. Here no image and no loss are given: the pixels follow
    the gradient that raises a channel's activation.

    Hint: One step computes the activation and its gradient by the images, adds the step to the images, and clamps
    them. The next step starts from the result.

    Hint: `record(classifier, [layer])(images)[layer]` has the shape (batch, channels, height, width): the channel
    is the second axis. Each step needs a new tensor with a gradient: `images = images.detach().requires_grad_()`.

    Hint: `gradient.abs().amax(dim=(1, 2, 3), keepdim=True)` is each image's largest. `.clamp_min(1e-12)` leaves an
    image without a gradient as it is. The new images are `(images + step).clamp(0, 1)`.
    """
    look = record(classifier, [layer])
    for _ in range(steps):
        images = images.detach().requires_grad_()
        activation = look(images)[layer][:, channel].mean(dim=(1, 2))
        gradient = torch.autograd.grad(activation.sum(), images)[0]
        largest = gradient.abs().amax(dim=(1, 2, 3), keepdim=True)
        step = lr * gradient / largest.clamp_min(1e-12)
        images = (images + step).clamp(0, 1)
    return images.detach()


def frequency_share(images):
    """Return, for each image, the share of its energy that is in waves
    above 0.25 cycles a pixel. The mean of each channel does not count.

    Why: "It looks like noise" is an impression. The share of the energy above half of Nyquist's frequency is a
    number that can be compared with that of natural scenes.

    Hint: `torch.fft.fft2` turns an image into waves. A wave's energy is its squared absolute value, and its
    frequency has two parts: cycles a pixel down, and across.

    Hint: `torch.fft.fftfreq(height)` has the frequency of each row, `torch.fft.fftfreq(width)` of each column; a
    wave's frequency is the length of the two: `(down[:, None] ** 2 + across[None, :] ** 2).sqrt()`.

    Hint: Remove `images.mean(dim=(2, 3), keepdim=True)` first. Add the energies up over the channels, then divide
    the sum where `frequency > 0.25` by the sum of all.
    """
    images = images - images.mean(dim=(2, 3), keepdim=True)
    energy = torch.fft.fft2(images).abs().square().sum(dim=1)
    down = torch.fft.fftfreq(images.shape[2]).to(images)
    across = torch.fft.fftfreq(images.shape[3]).to(images)
    frequency = (down[:, None] ** 2 + across[None, :] ** 2).sqrt()
    high = energy * (frequency > 0.25)
    return high.sum(dim=(1, 2)) / energy.sum(dim=(1, 2))


def ascents_to_check() -> Iterator[tuple[Classifier, str, int, Tensor, int, float]]:
    """Arguments of an ascent; the last channel is inactive. The first number names an image, a row and a column too."""
    classifier, images = a_case_with_maps()
    for channel, steps, lr in ((1, 3, 0.1), (2, 2, 0.05), (DEAD, 1, 0.1)):
        yield classifier, "late", channel, images, steps, lr


def activations_reached(result, right, classifier, layer, channel, images, steps, lr) -> str:
    """The message for an ascent that no wrong answer of the table gives."""
    if same(right, images):
        return "images change although their channel is inactive and its gradient zero: they should stay as they are."
    before, reached, best = (
        record(classifier, [layer])(x)[layer][:, channel].mean().item() for x in (images, result, right)
    )
    return (
        f"with steps={steps} the mean activation goes from {before:.3g} to {reached:.3g}, expected {best:.3g}: does "
        "each step add `lr * gradient / largest`, with a new gradient of `[:, channel].mean(dim=(1, 2))`?"
    )


def scenes(height: int, width: int) -> Tensor:
    """Three images from smooth to noisy, whose channels differ in mean and in smoothness."""
    noise = torch.rand(3, 3, height, width, generator=torch.Generator().manual_seed(0))
    smooth = F.avg_pool2d(noise, 5, stride=1, padding=2, count_include_pad=False)
    roughness = torch.linspace(0.05, 0.8, 9).reshape(3, 3, 1, 1)
    return smooth.lerp(noise, roughness) * torch.tensor([0.9, 0.6, 0.3]).reshape(3, 1, 1)


def three_shares(result: Tensor, right: Tensor, images: Tensor) -> str:
    """The message for shares that no wrong answer of the table gives."""
    yours, expected = (", ".join(f"{share:.3f}" for share in shares.tolist()) for shares in (result, right))
    return (
        f"these images have shares of {expected}, yours are {yours}: is it the energy above 0.25 over all the energy?"
    )


def require_oblong_images(function: Callable) -> None:
    """The function works on images of any shape, not on squares alone."""
    try:
        share = function(scenes(18, 22))
    except Mistake as mistake:
        raise Mistake(
            "square images work, but 18 × 22 ones end in an error: rows have the frequencies `fftfreq(height)`, "
            f"columns `fftfreq(width)`. {mistake}"
        ) from mistake
    if not same(share, frequency_share(scenes(18, 22))):
        raise Mistake("square images have the right share, but 18 × 22 ones have not: use their height and width.")


ASCENT = Compared(
    id="04-ascent",
    title="Gradient ascent on a channel",
    minutes=12,
    difficulty=3,
    reference=gradient_ascent,
    cases=ascents_to_check,
    otherwise=activations_reached,
    wrong={
        "your steps lower the activation: add the gradient.": {"images + step": "images - step"},
        "only one step has moved the images: is `return` inside the loop, or does every step start from the "
        "original images?": {"range(steps)": "range(1)"},
        "pixels are below 0 or above 1, where no image is: `.clamp(0, 1)` after each step.": {".clamp(0, 1)": ""},
        "clamp after every step, not only at the end.": {
            ".clamp(0, 1)": "",
            "return images": "return images.clamp(0, 1)",
        },
        "an inactive channel has no gradient, and 0 divided by 0 is NaN: use `.clamp_min(1e-12)`.": {"1e-12": "0"},
        "the divisor is the largest of the whole batch: take each image's own, `amax(dim=(1, 2, 3), …)`.": {
            ".amax(dim=(1, 2, 3), keepdim=True)": ".max()"
        },
        "the gradient is not divided by its largest absolute value.": {" / largest.clamp_min(1e-12)": ""},
        "the divisor is not the largest absolute value, `gradient.abs().amax(dim=(1, 2, 3), keepdim=True)`.": {
            "gradient.abs().amax(": ("gradient.amax(", "torch.linalg.vector_norm(gradient, ")
        },
        "every pixel moves by `lr`: divide by one number for each image.": {"largest.clamp": "gradient.abs().clamp"},
        "`channel` is used on the wrong axis: channels are the second one, `[:, channel]`.": (
            {"[:, channel]": "[channel]"},
            {"[:, channel]": "[channel]", ".clamp_min(1e-12)": ""},
            {"[:, channel]": "[:, :, channel]"},
        ),
        "this raises all channels of the layer: take one, `[:, channel]`.": {"[:, channel].mean(dim=(1, 2))": ""},
        "this raises the map's largest value: take its mean.": {".mean(dim": ".amax(dim"},
        "this raises one place of the map, a neuron: take the mean over the map.": {".mean(dim=(1, 2))": "[:, 4, 3]"},
        "this raises a logit: the layer's activations are `record(classifier, [layer])(images)[layer]`.": {
            "look(images)[layer][:, channel].mean(dim=(1, 2))": "classifier(images)[:, channel]"
        },
        "every step takes the first gradient: compute a new one each time.": {"= torch": "= gradient if _ else torch"},
        "your steps follow the sum of all gradients, as `.grad` adds up: reset it in each step.": {
            "gradient = torch": "gradient = (gradient if _ else 0) + torch"
        },
        "nothing has changed: return the images after the steps.": lambda c, layer, n, x, steps, lr: x,
        "this is not the number of steps that was asked for: loop over `range(steps)`.": {
            "range(steps)": ("range(steps + 1)", "range(steps - 1)")
        },
    },
)


FREQUENCY_SHARE = Compared(
    id="04-frequency-share",
    title="The share of high frequencies",
    minutes=10,
    difficulty=2,
    reference=frequency_share,
    cases=lambda: [(scenes(22, 22),)],
    otherwise=three_shares,
    form=one_each,
    extra=require_oblong_images,
    wrong={
        "the mean is no wave: subtract each channel's own, `images.mean(dim=(2, 3), keepdim=True)`, first.": {
            "images.mean(dim=(2, 3), keepdim=True)": ("0", "images.mean(dim=(1, 2, 3), keepdim=True)")
        },
        "these are amplitudes: energy is their square, `.abs().square()`.": {".square()": ""},
        "only waves above 0.5 count here: compare `(down² + across²).sqrt()`, not its square, with 0.25.": {
            "> 0.25": "> 0.5"
        },
        "only the frequencies down, or only those across, count here: take both, `(down² + across²).sqrt()`.": {
            "down[:, None] ** 2 + across[None, :] ** 2": ("down[:, None] ** 2", "across[None, :] ** 2")
        },
        "a wave's frequency is neither the sum nor the larger of its two parts: `(down² + across²).sqrt()`.": {
            "frequency >": ("down[:, None].abs() + across.abs() >", "down[:, None].abs().maximum(across.abs()) >")
        },
        "this is the share below 0.25: take the frequencies above.": lambda images: 1 - frequency_share(images),
        "this is in per cent: return the share itself, between 0 and 1.": {"return high": "return 100 * high"},
        "this is the energy: divide by that of all waves.": {" / energy.sum(dim=(1, 2))": ""},
        "the imaginary part is missing: take `.abs()` first.": {".abs()": ".real"},
        "this averages the shares of the channels: add their energies up first, then divide.": (
            lambda images: torch.stack([frequency_share(images[:, [channel]]) for channel in range(3)]).mean(0)
        ),
        "`fftshift` moves the energies but not the frequencies: leave it out, `fftfreq` has fft2's order.": {
            "energy *": "torch.fft.fftshift(energy, dim=(1, 2)) *"
        },
        "frequencies run from 0 to 1 here: `fftfreq` gives the second half its negative ones, up to 0.5.": {
            "(down[:, None] ** 2 + across[None, :] ** 2)": "((down[:, None] % 1) ** 2 + (across[None, :] % 1) ** 2)"
        },
        "`rfft2` leaves out the mirror images of most waves, so that these count half: use `fft2`.": {
            "fft2": "rfft2",
            "across = torch.fft.fftfreq": "across = torch.fft.rfftfreq",
        },
    },
)
