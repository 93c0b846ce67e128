"""The exercises of chapter 12, the audit: what only two changes together do, and what a quiet bar still catches."""

from __future__ import annotations

from course_utils.learning.checks_12 import check_caught, check_only_together
from course_utils.learning.exercises import Exercise


def only_together(right):
    """Return the share of all scenes that are named right before, right with
    either change alone, and wrong with both. `right[i, j]` are booleans, one a
    scene: i is 1 if the first thing was changed, j is 1 if the second was."""
    alone = right[0, 0] & right[1, 0] & right[0, 1]
    return (alone & ~right[1, 1]).float().mean().item()


def caught(planted, clean, alarms):
    """Return the share of the planted scores that lie above the lowest bar
    above which no more than `alarms` of the clean scores lie. That bar is one
    of the clean scores: the largest if there shall be no false alarm at all."""
    bar = clean.sort(descending=True).values[alarms]
    return (planted > bar).float().mean().item()


EXERCISES = (
    Exercise(
        id="12-together",
        title="Neither alone",
        why="A blind spot is a combination. Change one thing at a time and it stays hidden; count wrongly, and what "
        "one change does alone is taken for it.",
        minutes=8,
        difficulty=2,
        reference=only_together,
        check=check_only_together,
        hints=(
            "Four conditions hold for a scene that counts: three of the four pictures are named right, one is not.",
            "Booleans combine with `&`, and `~` turns them round: `right[0, 0] & right[1, 0] & …`.",
            "The share is of *all* scenes: `.float().mean().item()`.",
        ),
    ),
    Exercise(
        id="12-bar",
        title="A bar that keeps quiet",
        why="A method that cries at everything finds every secret. What it is worth shows only where its bar is set "
        "on a model in which there is nothing to find.",
        minutes=8,
        difficulty=2,
        reference=caught,
        check=check_caught,
        hints=(
            "Sort the clean scores, the largest first. If none may lie above the bar, the bar is the first of them.",
            "If two may, it is the third: `clean.sort(descending=True).values[alarms]`.",
            "Above means `>`: the clean score at the bar is no alarm, so a planted one there is none either.",
        ),
    ),
)
