"""The exercises of chapter 6, transformation robustness: a transform, and the number that says what survives it."""

from __future__ import annotations

import torch

from course_utils.learning.checks_06 import check_jitter
from course_utils.learning.checks_06_kept import check_kept
from course_utils.learning.exercises import Exercise


def jitter(images, pixels, generator):
    """Return `images`, each moved down and across by its own two random whole
    numbers of pixels, from -pixels to pixels. What leaves on one side comes
    back on the other."""
    moves = torch.randint(-pixels, pixels + 1, (len(images), 2), generator=generator)
    moved = []
    for number, (down, across) in enumerate(moves.tolist()):
        moved.append(images[number].roll((down, across), dims=(1, 2)))
    return torch.stack(moved)


def kept(activation, images, transform, draws):
    """Return, for each picture, the share of its activation that random
    transforms leave: the mean over `draws` of them, divided by the activation
    of the untouched picture."""
    with torch.no_grad():
        total = 0
        for _ in range(draws):
            total = total + activation(transform(images))
        return total / draws / activation(images)


EXERCISES = (
    Exercise(
        id="06-own-draws",
        title="Jitter, each picture its own",
        why="A pattern that works at exactly one place says little. A picture that is moved anew before each look "
        "cannot rely on one; and each picture needs a draw of its own, or they all depend on the same luck.",
        minutes=8,
        difficulty=2,
        reference=jitter,
        check=check_jitter,
        hints=(
            "Each picture needs two random whole numbers, one for down and one for across. How many is that for the "
            "batch?",
            "`torch.randint(low, high, shape, generator=generator)` never gives `high` itself: for moves up to "
            "`pixels` it has to be `pixels + 1`.",
            "`image.roll((down, across), dims=(1, 2))` moves one picture (3, height, width), and gradients pass "
            "through. `torch.stack` makes a batch of the moved ones.",
        ),
    ),
    Exercise(
        id="06-survives",
        title="What survives",
        why="One number a picture for the comparison of this chapter: how much of what it was made for is left when it "
        "is moved, turned and scaled.",
        minutes=6,
        difficulty=1,
        reference=kept,
        check=check_kept,
        hints=(
            "`transform(images)` gives another random result at each call. One is chance; you want the mean over many.",
            "Add up `activation(transform(images))` over `draws` calls, each on the untouched images, and divide by "
            "`draws`.",
            "Then divide by `activation(images)`, picture by picture. All of it inside `with torch.no_grad():`, since "
            "nothing is optimised here.",
        ),
    ),
)
