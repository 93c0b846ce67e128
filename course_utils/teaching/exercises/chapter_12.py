"""The exercises of chapter 12, the audit: what only two changes together do, and detection without false alarms."""

from collections.abc import Iterator

import torch
from torch import Tensor

from course_utils.teaching.exercises.checks import Compared


def only_together(right):
    """Return the share of all scenes that are named right before, right with
    either change alone, and wrong with both. `right[i, j]` are booleans, one a
    scene: i is 1 if the first thing was changed, j is 1 if the second was.

    Why: A blind spot is a combination. It stays hidden if only one thing is changed at a time, and if the count
    includes what one change does alone.

    Hint: Four conditions hold for a scene that counts: three of the four images are named right, one is not.

    Hint: Booleans combine with `&`, and `~` negates them: `right[0, 0] & right[1, 0] & …`.

    Hint: The share is of *all* scenes: `.float().mean().item()`.
    """
    alone = right[0, 0] & right[1, 0] & right[0, 1]
    return (alone & ~right[1, 1]).float().mean().item()


def caught(planted, clean, alarms):
    """Return the share of the planted scores that lie above the lowest bar
    above which no more than `alarms` of the clean scores lie. That bar is one
    of the clean scores: the largest if there shall be no false alarm at all.

    Why: A method that raises an alarm at everything finds every secret. How good it is shows only if its bar is set
    on a model in which there is nothing to find.

    Hint: Sort the clean scores, the largest first. If none may lie above the bar, the bar is the first of them.

    Hint: If two may, it is the third: `clean.sort(descending=True).values[alarms]`.

    Hint: Above means `>`: the clean score at the bar is no alarm, so a planted one there is none either.
    """
    bar = clean.sort(descending=True).values[alarms]
    return (planted > bar).float().mean().item()


def scenes_to_check() -> Iterator[tuple[Tensor]]:
    """Arguments of a share: scenes whose four images are named right or wrong in every combination."""
    yield (torch.rand(2, 2, 300, generator=torch.Generator().manual_seed(0)) < 0.7,)


def scores_to_check() -> Iterator[tuple[Tensor, Tensor, int]]:
    """Arguments of a detection: scores, some equal to clean ones, for one false alarm, for none and for three."""
    clean = torch.tensor([0.25, 0.00, 0.41, 0.31, 0.10, 0.05, 0.15, 0.25])
    planted = torch.tensor([0.41, 0.95, 0.17, 0.35, 0.39, 0.31, 0.03, 0.70, 0.28, 0.32, 0.22, 0.12])
    for alarms in (1, 0, 3):
        yield planted, clean, alarms


TOGETHER = Compared(
    id="12-together",
    title="Neither alone",
    minutes=8,
    difficulty=2,
    reference=only_together,
    cases=scenes_to_check,
    otherwise="{result:.4g} is not the share of scenes that are right before and with either change alone, and "
    "wrong with both, {right:.4g}.",
    wrong={
        "what one change alone turns is counted, too.": {" & right[1, 0] & right[0, 1]": ""},
        "the first change alone, `right[1, 0]`, must leave it right.": {" & right[1, 0]": ""},
        "the second change alone, `right[0, 1]`, must leave it right.": {" & right[0, 1]": ""},
        "every scene that is wrong after both is counted: it must be right before.": {"alone & ": ""},
        "a scene must be named right *before*, `right[0, 0]`.": {"right[0, 0] & ": ""},
        "it must be right with the first and with the second: `&`.": {
            "right[1, 0] & right[0, 1]": "(right[1, 0] | right[0, 1])"
        },
        "with either change alone the answer must be *right*.": {"& right": "& ~right"},
        "these scenes are right with both changes: `~right[1, 1]`.": {"~": ""},
        "these are booleans, one a scene: take the mean.": {".float().mean().item()": ""},
        "this is a number of scenes: divide by the number of all scenes.": {"mean()": "sum()"},
        "this is in per cent: return the share, from 0 to 1.": {"return ": "return 100 * "},
        "this is the share among scenes that are right before: divide by all scenes.": {
            "mean().item()": ("sum().item() / right[0, 0].sum()", "sum().item() / alone.sum()")
        },
        "in a difference of averages scenes cancel each other: combine scene by scene, with `&`.": (
            lambda r: r[0, 0].float().mean() - r[1, 1].float().mean(),
            lambda r: (r[1, 0].float() + r[0, 1].float() - r[0, 0].float() - r[1, 1].float()).mean(),
        ),
    },
)


BAR = Compared(
    id="12-bar",
    title="A bar against false alarms",
    minutes=8,
    difficulty=2,
    reference=caught,
    cases=scores_to_check,
    otherwise=lambda result, right, planted, clean, alarms: (
        f"with at most {alarms} false alarms the bar is {clean.sort().values[~alarms]:.2f}, and {100 * right:.0f} % of "
        f"the planted scores lie above it; your function says {float(result):.4g}."
    ),
    wrong={
        "a score at the bar is no alarm: `>`.": {"> bar": ">= bar"},
        "the bar is too high: it is the clean score at index `alarms`, the largest has index 0.": {
            "[alarms]": ("[max(0, alarms - 1)]", "[0]")
        },
        "the bar is one index too low: too many clean scores are above.": {"[alarms]": "[alarms + 1]"},
        "this is the number of planted scores: divide by all of them.": {"mean()": "sum()"},
        "this is in per cent: return the share, from 0 to 1.": {"return ": "return 100 * "},
        "this is the share that stays below the bar.": {"return ": "return 1 - "},
        "the bar is among the smallest: `descending=True`.": {"descending=True": ""},
        "the clean scores are in no order: sort them first.": {".sort(descending=True).values": ""},
        "the bar is one of the *clean* scores.": {"clean": "planted"},
        "the bar is the mean of the clean scores, or their median, and about half of them are above.": {
            "sort(descending=True).values[alarms]": ("mean()", "median()")
        },
        "this is the bar: return the share of the planted scores above it.": {"(planted > bar).float().mean()": "bar"},
    },
)
