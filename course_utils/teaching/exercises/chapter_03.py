"""The exercises of chapter 3, the tour: the table of shared features, and the test of a finding."""

import torch
from torch import Tensor

from course_utils.teaching.exercises.checks import Compared


def entanglement(probabilities, own):
    """Return a table (classes, classes) with, in row a and column b, the mean
    probability of class b over the images of class a. Make it symmetric by
    averaging it with its transpose, and put zeros on the diagonal.

    Why: This is the first half of level two in four lines. The probabilities of images become a table of classes,
    and the table says which of them the model may confuse.

    Hint: `probabilities[own == a]` are the rows of the images of class a. You need one row of them: their mean over
    images, `dim=0`.

    Hint: `torch.stack` makes a square table of these rows, one for each class. Symmetric is `(table + table.T) /
    2`.

    Hint: A class has a high probability on its own images, which says nothing about sharing:
    `table.fill_diagonal_(0)`.
    """
    rows = [probabilities[own == name].mean(0) for name in range(probabilities.shape[1])]
    table = torch.stack(rows)
    table = (table + table.T) / 2
    return table.fill_diagonal_(0)


def flips(before, after, name, into):
    """Return the share of all pairs in which the classifier said `name` before
    the change and says `into` after it.

    Why: A mask that lights up is only a hypothesis. The test is an intervention: change that one thing, and count
    how many answers change with it.

    Hint: Go through both lists at once: `zip(before, after)`. A pair counts if two things hold.

    Hint: `old == name and new == into`. The share is of *all* pairs, also of those that were called something else
    before.
    """
    turned = [old == name and new == into for old, new in zip(before, after, strict=True)]
    return sum(turned) / len(turned)


BEFORE = ["waffle", "waffle", "waffle", "pancakes", "donut", "waffle", "pancakes", "waffle"]
AFTER = ["pancakes", "waffle", "donut", "pancakes", "pancakes", "pancakes", "waffle", "pancakes"]


def probabilities_to_check() -> list[tuple[Tensor, Tensor]]:
    """Probabilities of twelve images, and their classes: three images of each, not side by side."""
    probabilities = torch.rand(12, 4, generator=torch.Generator().manual_seed(0)).softmax(1)
    return [(probabilities, torch.arange(4).repeat(3))]


ENTANGLEMENT = Compared(
    id="03-entanglement",
    title="Which classes share features",
    minutes=10,
    difficulty=2,
    reference=entanglement,
    cases=probabilities_to_check,
    otherwise="these are not the mean probabilities: row a is `probabilities[own == a].mean(0)`; average the "
    "table with its transpose, then put zeros on the diagonal.",
    wrong={
        "the table is not symmetric: take the mean of a's probability for b and b's for a.": {
            "(table + table.T) / 2": ("table", "table.T")
        },
        "a class's probability for itself says nothing about sharing: put zeros on the diagonal.": {
            ".fill_diagonal_(0)": ""
        },
        "the table is not symmetric, and its diagonal not zero: `(table + table.T) / 2`, then zeros.": {
            "table = (table + table.T) / 2": "return table"
        },
        "every number is twice what it should be: divide the sum of the table and its transpose by 2.": {"/ 2": ""},
        "every number is too large by the number of images: take their mean, not their sum.": {"mean": "sum"},
    },
)


FLIPS = Compared(
    id="03-flips",
    title="The test of a finding",
    minutes=5,
    difficulty=1,
    reference=flips,
    cases=lambda: [(BEFORE, AFTER, "waffle", "pancakes"), (BEFORE, AFTER, "donut", "waffle")],
    otherwise=lambda share, right, *given: (
        f"your function says {float(share):.3g}, expected {right:.3g}: {8 * right:.0f} of 8 pairs count."
    ),
    wrong={
        "this is the share among pairs that were called `name` before: divide by the number of all pairs.": {
            "len(turned)": "before.count(name)"
        },
        "some of your pairs were called something else before: a pair counts if it was `name`, too.": {
            "old == name and ": ""
        },
        "some of your pairs became a third class: a pair counts if it became `into`.": {"== into": "!= name"},
        "you count every answer that changed: a pair counts if it was `name` and became `into`.": {
            "old == name and new == into": "old != new"
        },
        "this is the number of flips: divide it by the number of pairs.": lambda *given: 8 * flips(*given),
        "this is in per cent: return the share itself, between 0 and 1.": lambda *given: 100 * flips(*given),
    },
)
