"""The exercises of chapter 12, the audit: what only two changes together do, and what a quiet bar still catches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from numbers import Real

import torch

from course_utils.teaching.exercises.checks import inputs_untouched
from course_utils.teaching.exercises.exercise import Exercise, Mistake


def only_together(right):
    """Return the share of all scenes that are named right before, right with
    either change alone, and wrong with both. `right[i, j]` are booleans, one a
    scene: i is 1 if the first thing was changed, j is 1 if the second was.

    Why: A blind spot is a combination. Change one thing at a time and it stays hidden; count wrongly, and what one
    change does alone is taken for it.

    Hint: Four conditions hold for a scene that counts: three of the four pictures are named right, one is not.

    Hint: Booleans combine with `&`, and `~` turns them round: `right[0, 0] & right[1, 0] & …`.

    Hint: The share is of *all* scenes: `.float().mean().item()`.
    """
    alone = right[0, 0] & right[1, 0] & right[0, 1]
    return (alone & ~right[1, 1]).float().mean().item()


def caught(planted, clean, alarms):
    """Return the share of the planted scores that lie above the lowest bar
    above which no more than `alarms` of the clean scores lie. That bar is one
    of the clean scores: the largest if there shall be no false alarm at all.

    Why: A method that cries at everything finds every secret. What it is worth shows only where its bar is set on a
    model in which there is nothing to find.

    Hint: Sort the clean scores, the largest first. If none may lie above the bar, the bar is the first of them.

    Hint: If two may, it is the third: `clean.sort(descending=True).values[alarms]`.

    Hint: Above means `>`: the clean score at the bar is no alarm, so a planted one there is none either.
    """
    bar = clean.sort(descending=True).values[alarms]
    return (planted > bar).float().mean().item()


def check_only_together(function: Callable, exercise: Exercise) -> None:
    """Every one of the sixteen ways in which four pictures can be named right or wrong, some more than once."""
    reference = exercise.reference
    ways = list(product((True, False), repeat=4))
    repeats = [1 + (4 * number) % 7 for number in range(len(ways))]  # so that no two mistakes give one share
    scenes = [
        way for way, times in zip(ways, repeats, strict=True) for _ in range(times + 4 * (way[:3] == (True,) * 3))
    ]
    right = torch.tensor(scenes).T.reshape(2, 2, -1)
    with inputs_untouched(right=right):
        value = one_number(function(right.clone()))
    before, first, second, both = right[0, 0], right[1, 0], right[0, 1], right[1, 1]
    turned = before & first & second & ~both
    require_share(
        value,
        reference(right),
        [
            (turned.sum(), "that is how many scenes turn; divide by the number of all scenes."),
            (100 * turned.float().mean(), "in per cent it is right; return the share, from 0 to 1."),
            (mean(before & ~both), "what one change alone turns is counted, too: either alone must leave it right."),
            (mean(before & second & ~both), "the first change alone, `right[1, 0]`, must leave it right as well."),
            (mean(before & first & ~both), "the second change alone, `right[0, 1]`, must leave it right as well."),
            (mean(~both), "every scene that is wrong after both is counted; it must be right before."),
            (mean(first & second & ~both), "a scene must be named right *before*, `right[0, 0]`, or nothing turned."),
            (mean(before & (first | second) & ~both), "it must be right with the first and with the second: `&`."),
            (mean(before & ~first & ~second & ~both), "with either change alone the answer must stay *right*."),
            (turned.sum() / before.sum(), "that is the share among scenes that are right before; divide by all."),
            (turned.sum() / (before & first & second).sum(), "the share is of all scenes."),
            (mean(before) - mean(both), "a scene that turns right cancels one that turns wrong in a difference of "
             "averages: look scene by scene, with `&`."),
            (mean(first) + mean(second) - mean(before) - mean(both), "averages are added and subtracted, so scenes "
             "cancel each other: look scene by scene, with `&`."),
            (mean(before & first & second & both), "these are the scenes that stay right after both: `~right[1, 1]`."),
        ],
        "not the share of scenes that are right before and with either change alone, and wrong with both",
    )  # fmt: skip


def check_caught(function: Callable, exercise: Exercise) -> None:
    """Scores with a tie at the bar, for no false alarm, for one and for three."""
    reference = exercise.reference
    clean = torch.tensor([0.05, 0.40, 0.10, 0.30, 0.00, 0.20, 0.15, 0.25])
    planted = torch.tensor([0.40, 0.95, 0.20, 0.35, 0.55, 0.30, 0.08, 0.70, 0.22, 0.31])
    highest = clean.sort(descending=True).values
    for alarms in (0, 1, 3):
        with inputs_untouched(planted=planted, clean=clean):
            value = one_number(function(planted.clone(), clean.clone(), alarms))
        above = planted > highest[alarms]
        require_share(
            value,
            reference(planted, clean, alarms),
            [
                (mean(planted >= highest[alarms]), "`>`: a score at the bar is no alarm, planted or clean."),
                (above.sum(), "that is how many are caught; divide by the number of planted scores."),
                (100 * above.float().mean(), "in per cent it is right; return the share, from 0 to 1."),
                (mean(~above), "this is the share that stays below the bar: the rest is caught."),
                (mean(planted > highest[max(0, alarms - 1)]), f"the bar is too high; the largest clean score has "
                 f"place 0, and with at most {alarms} false alarm{'s' * (alarms != 1)} the bar is at place {alarms}."),
                (mean(planted > highest[alarms + 1]), "the bar is one place too low: too many clean scores are above."),
                (mean(planted > clean.sort().values[alarms]), "the bar is among the smallest: `descending=True`."),
                (mean(planted > clean[alarms]), "the clean scores are in no order: sort them first."),
                (mean(planted > highest[0]), "with `alarms` above 0 the bar may be lower than that."),
                (mean(planted > planted.sort().values[-1 - alarms]), "the bar is one of the *clean* scores."),
                (mean(planted > clean.mean()), "the mean of the clean scores lets about half of them through."),
            ],
            f"with at most {alarms} false alarms the bar is {highest[alarms]:.2f}, and {int(above.sum())} of "
            f"{len(planted)} planted scores lie above it",
        )  # fmt: skip


def mean(yes: torch.Tensor) -> torch.Tensor:
    return yes.float().mean()


def one_number(value: object) -> float:
    """The number that was returned, as a float."""
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        return float(value)
    if not isinstance(value, Real) or isinstance(value, bool):
        many = ": take the mean" * (isinstance(value, torch.Tensor) and value.numel() > 1)
        kind = type(value).__name__
        raise Mistake(f"your function returned a {kind}, expected one number, a share from 0 to 1{many}.")
    return float(value)


def require_share(value: float, right: float, mistakes: Iterable[tuple[torch.Tensor, str]], otherwise: str) -> None:
    """The right share, or the first known mistake that leads to this one."""
    if abs(value - right) < 1e-6:
        return
    for wrong, advice in mistakes:
        if abs(value - float(wrong)) < 1e-6:
            raise Mistake(f"{value:g} given, expected {right:g}: {advice}")
    raise Mistake(f"{value:g} given, expected {right:g}: {otherwise}.")


EXERCISES = (
    Exercise(
        id="12-together",
        title="Neither alone",
        minutes=8,
        difficulty=2,
        reference=only_together,
        check=check_only_together,
    ),
    Exercise(
        id="12-bar",
        title="A bar that keeps quiet",
        minutes=8,
        difficulty=2,
        reference=caught,
        check=check_caught,
    ),
)
