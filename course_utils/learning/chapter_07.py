"""The exercises of chapter 7, prototypes: the measure of closeness, and the definition put to the test."""

from __future__ import annotations

import torch
from scipy.stats import rankdata

from course_utils.learning.checks_07 import check_rank_correlation
from course_utils.learning.checks_07_definition import check_by_definition
from course_utils.learning.exercises import Exercise


def rank_correlation(a, b):
    """Return Spearman's rank correlation of each row of `a` with the same row
    of `b`, one number a row. Equal values share the mean of their ranks."""
    x, y = (torch.from_numpy(rankdata(values.numpy(), axis=1)) for values in (a, b))
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    return (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))


def by_definition(pictures, natural, labels, targets):
    """Return for each picture whether it is, at every layer, closer to the mean
    of its class than any single natural image of that class: one boolean a
    picture."""
    answers = []
    for closeness, target in zip(pictures, targets, strict=True):
        closest = natural[labels == target].amax(0)
        answers.append((closeness > closest).all())
    return torch.stack(answers)


EXERCISES = (
    Exercise(
        id="07-ranks",
        title="Rank correlation, with ties",
        why="Closeness in this chapter is Spearman's correlation: do the same units answer more, and the same ones "
        "less? After a ReLU many units answer 0, and it matters what rank they get.",
        minutes=8,
        difficulty=2,
        reference=rank_correlation,
        check=check_rank_correlation,
        hints=(
            "Replace each value by its rank within its row, then take the ordinary (Pearson) correlation of the ranks.",
            "`scipy.stats.rankdata(values, axis=1)` gives equal values the mean of their ranks. `argsort` does not: it "
            "says where each rank stands, and gives equal values different ranks.",
            "Correlation: subtract each row's mean, multiply and sum, and divide by the product of the two rows' "
            "lengths (`.norm(dim=1)`).",
        ),
    ),
    Exercise(
        id="07-definition",
        title="The definition, taken literally",
        why="A definition that can be checked should be. Is each picture closer to its class than every natural image "
        "is, at all layers?",
        minutes=6,
        difficulty=1,
        reference=by_definition,
        check=check_by_definition,
        hints=(
            "`natural[labels == target]` are the natural images of one picture's class, (images, layers).",
            "Closer than *any* of them means above their largest value, layer by layer: `.amax(0)`.",
            "At *every* layer: `.all()` over the layers. `torch.stack` makes one tensor of the answers.",
        ),
    ),
)
