"""The exercises of chapter 6, transformation robustness: a transform, and the number that says what survives it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.activations import record
from course_utils.teaching.exercises.checks import (
    a_case_with_maps,
    close,
    inputs_untouched,
    require_equal,
    require_flow,
    require_one_each,
    require_tensor_like,
    weights_untouched,
)
from course_utils.teaching.exercises.exercise import Exercise, Mistake


def jitter(images, pixels, generator):
    """Return `images`, each moved down and across by its own two random whole
    numbers of pixels, from -pixels to pixels. What leaves on one side comes
    back on the other.

    Why: A pattern that works at exactly one place says little. A picture that is moved anew before each look cannot
    rely on one; and each picture needs a draw of its own, or they all depend on the same luck.

    Hint: Each picture needs two random whole numbers, one for down and one for across. How many is that for the
    batch?

    Hint: `torch.randint(low, high, shape, generator=generator)` never gives `high` itself: for moves up to `pixels`
    it has to be `pixels + 1`.

    Hint: `image.roll((down, across), dims=(1, 2))` moves one picture (3, height, width), and gradients pass
    through. `torch.stack` makes a batch of the moved ones.
    """
    moves = torch.randint(-pixels, pixels + 1, (len(images), 2), generator=generator)
    moved = []
    for number, (down, across) in enumerate(moves.tolist()):
        moved.append(images[number].roll((down, across), dims=(1, 2)))
    return torch.stack(moved)


def kept(activation, images, transform, draws):
    """Return, for each picture, the share of its activation that random
    transforms leave: the mean over `draws` of them, divided by the activation
    of the untouched picture.

    Why: One number a picture for the comparison of this chapter: how much of what it was made for is left when it
    is moved, turned and scaled.

    Hint: `transform(images)` gives another random result at each call. One is chance; you want the mean over many.

    Hint: Add up `activation(transform(images))` over `draws` calls, each on the untouched images, and divide by
    `draws`.

    Hint: Then divide by `activation(images)`, picture by picture. All of it inside `with torch.no_grad():`, since
    nothing is optimised here.
    """
    with torch.no_grad():
        total = 0
        for _ in range(draws):
            total = total + activation(transform(images))
        return total / draws / activation(images)


PICTURES, SIZE = 64, (9, 13)  # 64 pictures leave out none of the few possible moves, but for one time in millions


def check_jitter(function: Callable, exercise: Exercise) -> None:
    """Each picture rolled as a whole, by moves of its own, over the whole range, from the generator given."""
    images = torch.rand(PICTURES, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    for pixels in (2, 1):
        generator = torch.Generator().manual_seed(1)
        with inputs_untouched(images=images):
            first = require_tensor_like(function(images, pixels, generator), images)
            second = require_tensor_like(function(images, pixels, generator), images)
            again = function(images, pixels, torch.Generator().manual_seed(1))
        if close(first, images):
            raise Mistake("nothing has moved: return the moved pictures.")
        _require_moves(_moves(first, images), pixels)
        if torch.equal(first, second):
            raise Mistake("two calls move the pictures alike: every call should draw anew, so do not set a seed in it.")
        if not torch.equal(first, again):
            raise Mistake(
                "the same seed gives other moves: draw from the generator that is given, "
                "`torch.randint(…, generator=generator)`."
            )
    require_flow(lambda images: function(images, 2, torch.Generator().manual_seed(2)), images, "images")


def _moves(moved: Tensor, images: Tensor) -> Tensor:
    """How far each picture was rolled down and across, (pictures, 2), the shorter way round."""
    if close(moved.sum(0), images.sum(0)):
        raise Mistake("whole pictures change places: the batch's axis, dim 0, must not move. Roll height and width.")
    found = [_roll_of(after, before) for after, before in zip(moved, images, strict=True)]
    bad = torch.tensor([each is None for each in found])
    if bad.any():
        raise Mistake(_why_no_roll(moved[bad], images[bad]))
    return torch.tensor(found)


def _roll_of(after: Tensor, before: Tensor) -> tuple[int, int] | None:
    """The roll that makes one picture of the other, or None. The upper left pixel says where to look."""
    distance = (before - after[:, :1, :1]).abs().sum(0)
    y, x = divmod(int(distance.argmin()), SIZE[1])
    down, across = ((-by + size // 2) % size - size // 2 for by, size in zip((y, x), SIZE, strict=True))
    return (down, across) if close(before.roll((down, across), dims=(1, 2)), after) else None


def _why_no_roll(moved: Tensor, images: Tensor) -> str:
    (height, width), most = SIZE, 3
    inside = moved[:, :, most:-most, most:-most]
    parts = [
        images[:, :, most - down : height - most - down, most - across : width - most - across]
        for down in range(-most, most + 1)
        for across in range(-most, most + 1)
    ]
    same = torch.stack([torch.isclose(part, inside, atol=1e-5).flatten(2).all(2) for part in parts])
    if same.all(2).any(0).all():  # for every picture there is a move that all channels have made
        return (
            "the pictures move, but their border is filled in another way: what leaves on one side comes back on the "
            "other, as `roll` does it."
        )
    if same.any(0).all():
        return "the colours of a picture move apart: move all its channels together, `dims=(1, 2)` of one picture."
    if close(moved.sum((2, 3)).sort(1).values, images.sum((2, 3)).sort(1).values):
        return "colours change places: of one picture (3, height, width) roll the last two axes, `dims=(1, 2)`."
    return (
        f"{len(moved)} of {PICTURES} pictures are not the given ones moved by whole pixels: `image.roll((down, "
        "across), dims=(1, 2))` moves one picture."
    )


def _require_moves(moves: Tensor, pixels: int) -> None:
    down, across = moves[:, 0], moves[:, 1]
    low, high = int(moves.min()), int(moves.max())
    span = f"with pixels={pixels} the moves should run from {-pixels} to {pixels}"
    if len(moves.unique(dim=0)) == 1:
        raise Mistake("all pictures move alike: draw for each picture, `torch.randint(…, (len(images), 2), …)`.")
    for fixed, name in ((down, "down"), (across, "across")):
        if not fixed.any():
            raise Mistake(f"nothing moves {name}: draw two numbers a picture, one down and one across.")
    if torch.equal(down, across):
        raise Mistake("each picture moves as far down as across, along the diagonal: draw two numbers a picture.")
    if low >= 0 or high <= 0:
        way = "down and right" if low >= 0 else "up and left"
        raise Mistake(f"the pictures move only {way}, by {low} to {high} pixels: {span}.")
    if (low, high) == (-pixels, pixels - 1):
        raise Mistake(f"{span}, yours end at {high}: `randint` never gives its upper end, so make that `pixels + 1`.")
    if (low, high) != (-pixels, pixels):
        raise Mistake(f"{span}, yours run from {low} to {high}.")
    for both, name in ((down, "down"), (across, "across")):
        missing = set(range(-pixels, pixels + 1)) - set(both.tolist())
        if missing:
            raise Mistake(f"no picture moves by {min(missing)} {name}: {span}, with all whole numbers between.")


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


def check_kept(function: Callable, exercise: Exercise) -> None:
    """The mean over so many draws of the untouched pictures, each picture by itself, over the clean value."""
    classifier, images = a_case_with_maps()
    look = record(classifier, ["late"])

    def activation(pictures: Tensor) -> Tensor:
        return look(pictures)["late"][:, 2].mean(dim=(1, 2))

    for draws in (7, 4):
        transform = Watched()
        with inputs_untouched(images=images), weights_untouched(classifier, gradients=True):
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


EXERCISES = (
    Exercise(
        id="06-own-draws",
        title="Jitter, each picture its own",
        minutes=8,
        difficulty=2,
        reference=jitter,
        check=check_jitter,
    ),
    Exercise(
        id="06-survives",
        title="What survives",
        minutes=6,
        difficulty=1,
        reference=kept,
        check=check_kept,
    ),
)
