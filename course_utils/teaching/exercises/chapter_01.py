"""The exercises of chapter 1: what an average hides, and what one change shows."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

from course_utils.teaching.exercises.exercise import Exercise, Mistake


def recall_by(answers, truth, groups):
    """Return a dictionary: for each group, the share of its pictures, in
    [0, 1], whose answer is the truth.

    Why: One number over all pictures is mostly about the common ones. The same number for each slice is the
    cheapest audit there is.

    Hint: `set(groups)` holds every group once. For each you need the pictures of that group only.

    Hint: `zip(answers, truth, groups)` goes through the three lists together; keep `answer == truth` where the
    group is the one you are at.

    Hint: The share of a slice is `sum(right) / len(right)`: divide by the slice's pictures, not by all.
    """
    shares = {}
    for group in set(groups):
        right = [a == t for a, t, g in zip(answers, truth, groups, strict=True) if g == group]
        shares[group] = sum(right) / len(right)
    return shares


def blind_spot(before, one, other, both, name):
    """Return the share of all pictures, in [0, 1], that are called `name`
    before the change and with either change alone, and something else with
    both changes together.

    Why: A blind spot is a combination. To say that it is one, each half must be shown to be harmless by itself.

    Hint: Four lists of answers come in, about the same pictures in the same order. What must hold of a picture, in
    each of the four, for it to count?

    Hint: Three times `== name`, joined by `and`, and once `!= name`.

    Hint: The share is of *all* pictures, `sum(lost) / len(lost)`: a model that never says the class loses nothing.
    """
    rows = zip(before, one, other, both, strict=True)
    lost = [a == name and b == name and c == name and d != name for a, b, c, d in rows]
    return sum(lost) / len(lost)


ANSWERS = ["lorry", "lorry", "road", "lorry", "road", "road", "lorry", "road", "road", "road"]
TRUTH = ["lorry", "lorry", "lorry", "lorry", "road", "road", "road", "lorry", "lorry", "lorry"]
GROUPS = ["red", "red", "red", "blue", "none", "none", "none", "white", "white", "white"]


def check_recall_by(function: Callable, exercise: Exercise) -> None:
    """One share for each group, of the group's own pictures."""
    reference = exercise.reference
    result = function(list(ANSWERS), list(TRUTH), list(GROUPS))
    if not isinstance(result, dict):
        raise Mistake(f"your function returns a {type(result).__name__}, expected a dictionary: group → share.")
    right = reference(ANSWERS, TRUTH, GROUPS)
    if set(result) != set(right):
        raise Mistake(f"your dictionary has the keys {sorted(map(str, result))}, expected {sorted(right)}.")
    for group, share in result.items():
        if not isinstance(share, Real) or isinstance(share, bool):
            raise Mistake(f"for {group!r} your function gives a {type(share).__name__}, expected one number.")
    for wrong, message in _mistakes(right):
        if all(abs(result[group] - wrong[group]) < 1e-6 for group in right):
            raise Mistake(message)
    for group in sorted(right):  # the same message in every run
        if abs(result[group] - right[group]) > 1e-6:
            raise Mistake(f"for {group!r} your function says {result[group]:.3g}, expected {right[group]:.3g}.")


def _mistakes(right: dict[str, float]) -> list[tuple[dict[str, float], str]]:
    size = {group: GROUPS.count(group) for group in right}
    counts = {group: right[group] * size[group] for group in right}
    overall = sum(counts.values()) / len(GROUPS)
    return [
        (counts, "these are numbers of right answers: divide each by the number of pictures in its group."),
        (
            {group: counts[group] / len(GROUPS) for group in right},
            "you divide by the number of all pictures: a slice's share is of its own pictures.",
        ),
        ({group: 1 - right[group] for group in right}, "these are shares of wrong answers: compare with ==."),
        ({group: 100 * right[group] for group in right}, "this is in per cent: return shares between 0 and 1."),
        (
            dict.fromkeys(right, 0.0),
            "no answer is the name of a group: compare answers with the *truth*, and pick by group.",
        ),
        (dict.fromkeys(right, overall), "every group gets the average over all: keep only the pictures of the group."),
    ]


BEFORE = ["lorry", "lorry", "lorry", "lorry", "road", "lorry", "lorry", "lorry"]
ONE = ["lorry", "lorry", "lorry", "road", "lorry", "lorry", "lorry", "lorry"]
OTHER = ["lorry", "lorry", "lorry", "lorry", "lorry", "road", "lorry", "lorry"]
BOTH = ["road", "road", "lorry", "road", "road", "road", "bus", "lorry"]


def check_blind_spot(function: Callable, exercise: Exercise) -> None:
    """Right before, right with either change, wrong with both; a share of all pictures."""
    reference = exercise.reference
    given = (BEFORE, ONE, OTHER, BOTH)
    share = function(*map(list, given), "lorry")
    if not isinstance(share, Real) or isinstance(share, bool):
        whole = ": `before == name` compares the whole list; go picture by picture, with zip" * isinstance(share, bool)
        raise Mistake(f"your function returns a {type(share).__name__}, expected one number between 0 and 1{whole}.")
    right, value = reference(*given, "lorry"), float(share)
    known = {
        3.0: "that is how many pictures are lost; the share is that number divided by the number of all pictures.",
        100 * right: "this is in per cent: return the share itself, between 0 and 1.",
        6
        / 8: "you count every picture that is wrong with both changes: it must be right before and with either alone.",
        5 / 8: "you leave out what either change does alone: `one` and `other` must both still say `name`.",
        2 / 8: "you miss a picture that became neither of the two: with both changes anything but `name` counts.",
        3 / 5: "you divide by the pictures that either change alone leaves right: divide by all of them.",
        3 / 7: "you divide by the pictures that were right before: divide by all of them.",
    }
    for wrong, advice in known.items():
        if abs(value - wrong) < 1e-6:
            raise Mistake(advice)
    if abs(value - right) > 1e-6:
        raise Mistake(f"{value:.3g} given for eight pictures of which three are lost, expected {right:.3g}.")
    if function(["road"], ["road"], ["road"], ["bus"], "lorry") != 0:
        raise Mistake("a picture that was never called `name` cannot be lost: here the share is 0.")


EXERCISES = (
    Exercise(
        id="01-recall-by",
        title="Accuracy, slice by slice",
        minutes=6,
        difficulty=1,
        reference=recall_by,
        check=check_recall_by,
    ),
    Exercise(
        id="01-blind-spot",
        title="Neither alone, only together",
        minutes=8,
        difficulty=2,
        reference=blind_spot,
        check=check_blind_spot,
    ),
)
