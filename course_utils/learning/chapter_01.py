"""The exercises of chapter 1: what an average hides, and what one change shows."""

from __future__ import annotations

from course_utils.learning.checks_01 import check_blind_spot, check_recall_by
from course_utils.learning.exercises import Exercise


def recall_by(answers, truth, groups):
    """Return a dictionary: for each group, the share of its pictures, in
    [0, 1], whose answer is the truth."""
    shares = {}
    for group in set(groups):
        right = [a == t for a, t, g in zip(answers, truth, groups, strict=True) if g == group]
        shares[group] = sum(right) / len(right)
    return shares


def blind_spot(before, one, other, both, name):
    """Return the share of all pictures, in [0, 1], that are called `name`
    before the change and with either change alone, and something else with
    both changes together."""
    rows = zip(before, one, other, both, strict=True)
    lost = [a == name and b == name and c == name and d != name for a, b, c, d in rows]
    return sum(lost) / len(lost)


EXERCISES = (
    Exercise(
        id="01-recall-by",
        title="Accuracy, slice by slice",
        why="One number over all pictures is mostly about the common ones. The same number for each slice is the "
        "cheapest audit there is.",
        minutes=6,
        difficulty=1,
        reference=recall_by,
        check=check_recall_by,
        hints=(
            "`set(groups)` holds every group once. For each you need the pictures of that group only.",
            "`zip(answers, truth, groups)` goes through the three lists together; keep `answer == truth` where the "
            "group is the one you are at.",
            "The share of a slice is `sum(right) / len(right)`: divide by the slice's pictures, not by all.",
        ),
    ),
    Exercise(
        id="01-blind-spot",
        title="Neither alone, only together",
        why="A blind spot is a combination. To say that it is one, each half must be shown to be harmless by itself.",
        minutes=8,
        difficulty=2,
        reference=blind_spot,
        check=check_blind_spot,
        hints=(
            "Four lists of answers come in, about the same pictures in the same order. What must hold of a picture, in "
            "each of the four, for it to count?",
            "Three times `== name`, joined by `and`, and once `!= name`.",
            "The share is of *all* pictures, `sum(lost) / len(lost)`: a model that never says the class loses nothing.",
        ),
    ),
)
