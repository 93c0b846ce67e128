"""What the check of chapter 6's share that survives looks at."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.activations import record
from course_utils.learning.exercises import Mistake
from course_utils.learning.properties import inputs_untouched, require_equal, require_one_each, weights_untouched
from course_utils.learning.small_case import a_case_with_maps


class Watched:
    """A random transform that remembers what it was given and what it made of it."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(0)
        self.given: list[Tensor] = []
        self.made: list[Tensor] = []
        self.calls = 0

    def __call__(self, images: Tensor) -> Tensor:
        strength = torch.rand(len(images), 1, 1, 1, generator=self.generator)
        made = (images.roll(1, 3) * strength + 0.5 * (1 - strength)).detach()
        self.calls += 1
        self.given += list(images.detach().clone())
        self.made += list(made.clone())
        return made


def check_kept(function: Callable, reference: Callable) -> None:
    """The mean over so many draws of the untouched pictures, each picture by itself, over the clean value."""
    classifier, images = a_case_with_maps()
    look = record(classifier, ["late"])

    def activation(pictures: Tensor) -> Tensor:
        return look(pictures)["late"][:, 2].mean(dim=(1, 2))

    for draws in (7, 4):
        transform = Watched()
        with inputs_untouched(images=images), weights_untouched(classifier):
            result = require_one_each(function(activation, images, transform, draws), len(images))
        with torch.no_grad():
            drawn = _drawn(transform, images, draws, activation)
            clean, averaged = activation(images), activation(_pictures(transform, images, draws).mean(1))
        if result.requires_grad:
            raise Mistake(
                "your result still hangs on a graph of all draws, which fills the memory: measure inside "
                "`with torch.no_grad():`."
            )
        right = drawn.mean(1) / clean
        require_equal(
            result,
            right,
            _mistakes(drawn, clean, averaged, draws),
            f"for these draws the first picture keeps {right[0]:.3f}, your function says {result[0]:.3f}: is it the "
            "mean activation of the transformed pictures over that of the untouched one?",
        )


def _which(transform: Watched, images: Tensor, draws: int) -> list[int]:
    """Of which image each transformed picture was made."""
    if not transform.given:
        raise Mistake("`transform` is never called: activation(transform(images)) is what is measured.")
    distance = (torch.stack(transform.given)[:, None] - images[None]).abs().flatten(2).amax(2)
    if float(distance.amin(1).max()) > 1e-6:
        raise Mistake(
            "a draw starts from what the last one left, so the changes pile up: transform the untouched `images` "
            "each time."
        )
    which = distance.argmin(1).tolist()
    counts = {which.count(picture) for picture in range(len(images))}
    if counts == {1}:
        raise Mistake(f"with draws={draws} each picture is transformed once only: call `transform` for every draw.")
    if counts != {draws}:
        found = " or ".join(str(count) for count in sorted(counts))
        raise Mistake(
            f"with draws={draws} each picture is transformed {found} times: once for every "
            "draw, and not at all for the clean activation."
        )
    return which


def _pictures(transform: Watched, images: Tensor, draws: int) -> Tensor:
    """What was made of each image: (images, draws, …)."""
    which = _which(transform, images, draws)
    rows = [[made for made, of in zip(transform.made, which, strict=True) if of == i] for i in range(len(images))]
    return torch.stack([torch.stack(row) for row in rows])


def _drawn(transform: Watched, images: Tensor, draws: int, activation: Callable[[Tensor], Tensor]) -> Tensor:
    """The activation of each image at each of its draws, (images, draws)."""
    made = _pictures(transform, images, draws)
    return activation(made.flatten(0, 1)).unflatten(0, (len(images), draws))


def _mistakes(drawn: Tensor, clean: Tensor, averaged: Tensor, draws: int) -> list[tuple[Tensor, str]]:
    mean = drawn.mean(1)
    batch = "a mean over the batch is in it: divide picture by picture, and average over the draws alone."
    return [
        (clean / mean, "the ratio is upside down: divide the transformed pictures' activation by the clean one."),
        (mean, "this is the activation itself: divide it by `activation(images)` to get a share."),
        (1 - mean / clean, "this is the share that is lost, expected the share that is kept."),
        (mean - clean, "this is the difference: divide by the clean activation instead of subtracting it."),
        (100 * mean / clean, "this is in per cent: return the share itself."),
        (drawn.amax(1) / clean, "this is the best of the draws: take their mean."),
        (drawn.amin(1) / clean, "this is the worst of the draws: take their mean."),
        (drawn.median(1).values / clean, "this is the median of the draws: take their mean."),
        (drawn[:, -1] / clean, "only the last draw counts: add all of them up, then divide by `draws`."),
        (drawn[:, 0] / clean, "only the first draw counts: add all of them up, then divide by `draws`."),
        (drawn[:, -1] / draws / clean, "only the last draw counts: `total = total + …`, not `total = …`."),
        (draws * mean / clean, "this is the sum over the draws: divide it by `draws`."),
        ((clean[:, None] / drawn).mean(1), "the ratio is upside down: divide by the clean activation."),
        ((mean.mean() / clean.mean()).expand_as(clean), batch),
        ((mean / clean).mean().expand_as(clean), batch),
        (mean.mean() / clean, batch),
        (mean / clean.mean(), batch),
        (
            averaged / clean,
            "this is the activation of the average picture: take the activation of each draw, then their mean.",
        ),
    ]
