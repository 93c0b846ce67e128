"""What the checks of chapter 3 look at."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

import torch

from course_utils.learning.exercises import Mistake
from course_utils.learning.properties import inputs_untouched, require_equal, require_tensor_like

CLASSES, COPIES = 4, 3


def check_entanglement(function: Callable, reference: Callable) -> None:
    """Means over pictures, class by class, both ways alike, nothing on the diagonal."""
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


def check_flips(function: Callable, reference: Callable) -> None:
    """Counts what was `name` and is `into`, among all pairs."""
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
