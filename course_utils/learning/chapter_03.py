"""The exercises of chapter 3, the tour: the table of shared features, and the test of a finding."""

from __future__ import annotations

import torch

from course_utils.learning.checks_03 import check_entanglement, check_flips
from course_utils.learning.exercises import Exercise


def entanglement(probabilities, own):
    """Return a table (classes, classes) in which the row a, column b says how
    much the pictures of class a speak for class b: the mean probability of b.
    Make it symmetric, a with b as b with a, and put zeros on the diagonal."""
    rows = [probabilities[own == name].mean(0) for name in range(probabilities.shape[1])]
    table = torch.stack(rows)
    table = (table + table.T) / 2
    return table.fill_diagonal_(0)


def flips(before, after, name, into):
    """Return the share of all pairs in which the classifier said `name` before
    the change and says `into` after it."""
    turned = [old == name and new == into for old, new in zip(before, after, strict=True)]
    return sum(turned) / len(turned)


EXERCISES = (
    Exercise(
        id="03-entanglement",
        title="Who speaks for whom",
        why="The first half of level two in four lines. Probabilities of pictures become a table of classes, and the "
        "table says which of them the model can mix up.",
        minutes=10,
        difficulty=2,
        reference=entanglement,
        check=check_entanglement,
        hints=(
            "`probabilities[own == a]` are the rows of the pictures of class a. What you want of them is one row: "
            "their mean over pictures, `dim=0`.",
            "`torch.stack` makes a square table of these rows, one for each class. Symmetric is "
            "`(table + table.T) / 2`.",
            "A class always speaks for itself, and that says nothing about sharing: `table.fill_diagonal_(0)`.",
        ),
    ),
    Exercise(
        id="03-flips",
        title="The test of a finding",
        why="A mask that lights up is a guess. The test is an intervention: change that one thing, and count how many "
        "answers change with it.",
        minutes=5,
        difficulty=1,
        reference=flips,
        check=check_flips,
        hints=(
            "Go through both lists at once: `zip(before, after)`. A pair counts if two things hold.",
            "`old == name and new == into`. The share is of *all* pairs, also of those that were called something else "
            "before.",
        ),
    ),
)
