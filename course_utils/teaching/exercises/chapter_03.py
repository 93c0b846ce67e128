"""The exercises of chapter 3, the tour: the table of shared features, and the test of a finding."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

import torch

from course_utils.teaching.exercises.checks import inputs_untouched, require_equal, require_tensor_like
from course_utils.teaching.exercises.exercise import Exercise, Mistake


def entanglement(probabilities, own):
    """Return a table (classes, classes) in which the row a, column b says how
    much the pictures of class a speak for class b: the mean probability of b.
    Make it symmetric, a with b as b with a, and put zeros on the diagonal.

    Why: The first half of level two in four lines. Probabilities of pictures become a table of classes, and the
    table says which of them the model can mix up.

    Hint: `probabilities[own == a]` are the rows of the pictures of class a. What you want of them is one row: their
    mean over pictures, `dim=0`.

    Hint: `torch.stack` makes a square table of these rows, one for each class. Symmetric is `(table + table.T) /
    2`.

    Hint: A class always speaks for itself, and that says nothing about sharing: `table.fill_diagonal_(0)`.
    """
    rows = [probabilities[own == name].mean(0) for name in range(probabilities.shape[1])]
    table = torch.stack(rows)
    table = (table + table.T) / 2
    return table.fill_diagonal_(0)


def flips(before, after, name, into):
    """Return the share of all pairs in which the classifier said `name` before
    the change and says `into` after it.

    Why: A mask that lights up is a guess. The test is an intervention: change that one thing, and count how many
    answers change with it.

    Hint: Go through both lists at once: `zip(before, after)`. A pair counts if two things hold.

    Hint: `old == name and new == into`. The share is of *all* pairs, also of those that were called something else
    before.
    """
    turned = [old == name and new == into for old, new in zip(before, after, strict=True)]
    return sum(turned) / len(turned)


CLASSES, COPIES = 4, 3


def check_entanglement(function: Callable, exercise: Exercise) -> None:
    """Means over pictures, class by class, both ways alike, nothing on the diagonal."""
    reference = exercise.reference
    generator = torch.Generator().manual_seed(0)
    own = torch.arange(CLASSES).repeat(COPIES)  # the pictures of a class do not stand side by side
    probabilities = torch.rand(len(own), CLASSES, generator=generator).softmax(1)
    right = reference(probabilities, own)
    with inputs_untouched(probabilities=probabilities, own=own):
        result = require_tensor_like(function(probabilities.clone(), own.clone()), right, "your table")
    rows = torch.stack([probabilities[own == each].mean(0) for each in range(CLASSES)])
    blank = rows.clone().fill_diagonal_(0)
    both = (rows + rows.T) / 2
    mistakes = [
        (
            rows,
            "the table is not symmetric, and a class speaks for itself: (table + table.T) / 2, then zeros.",
        ),
        (blank, "the table is not symmetric: what a says of b and what b says of a are two numbers; take their mean."),
        (
            blank.T,
            "the table is not symmetric: what a says of b and what b says of a are two numbers; take their mean.",
        ),
        (both, "a class speaks for itself on the diagonal, which says nothing about sharing: put zeros there."),
        (2 * right, "every number is twice what it should be: the mean of both ways is their sum divided by 2."),
        (COPIES * right, "every number is too large by the number of pictures: take their mean, not their sum."),
    ]
    require_equal(
        result, right, mistakes,
        "not the mean probabilities: the row of class a is `probabilities[own == a].mean(0)`; both ways, then zeros.",
    )  # fmt: skip


def check_flips(function: Callable, exercise: Exercise) -> None:
    """Counts what was `name` and is `into`, among all pairs."""
    reference = exercise.reference
    before = ["waffle", "waffle", "waffle", "pancakes", "donut", "waffle", "pancakes", "waffle"]
    after = ["pancakes", "waffle", "donut", "pancakes", "pancakes", "pancakes", "waffle", "pancakes"]
    share = function(list(before), list(after), "waffle", "pancakes")
    if not isinstance(share, Real):
        raise Mistake(f"your function returned a {type(share).__name__}, expected one number, the share of pairs.")
    right, value = reference(before, after, "waffle", "pancakes"), float(share)
    known = {
        3.0: "that is how many pairs flip; the share is that number divided by the number of all pairs.",
        3 / 5: "that is the share among pairs that were called the class before; divide by all pairs, so that a model "
        "that never said it cannot score.",
        5 / 8: "some pairs were called something else before: a pair counts if it was `name` *and* became `into`.",
        4 / 8: "some pairs became a third class: a pair counts if it became `into`, not just anything else.",
        6 / 8: "you count every answer that changed: a pair counts if it was `name` and became `into`.",
        37.5: "in per cent it is right; return the share, from 0 to 1.",
    }
    for wrong, advice in known.items():
        if abs(value - wrong) < 1e-6:
            raise Mistake(f"{value:g} of these eight pairs: {advice}")
    if abs(value - right) > 1e-6:
        raise Mistake(f"{value:g} given for eight pairs of which three flip, expected {right:g}.")
    if function(["waffle"], ["waffle"], "waffle", "pancakes") != 0:
        raise Mistake("where nothing flips the share is 0.")


EXERCISES = (
    Exercise(
        id="03-entanglement",
        title="Who speaks for whom",
        minutes=10,
        difficulty=2,
        reference=entanglement,
        check=check_entanglement,
    ),
    Exercise(
        id="03-flips",
        title="The test of a finding",
        minutes=5,
        difficulty=1,
        reference=flips,
        check=check_flips,
    ),
)
