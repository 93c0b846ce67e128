"""The exercises of chapter 1: what an average hides, and what one change shows."""

from collections.abc import Callable
from numbers import Real
from operator import eq

from course_utils.teaching.exercises.checks import Comparison, one_number, same
from course_utils.teaching.exercises.exercise import Exercise, Mistake


def recall_by(answers, truth, groups):
    """Return a dictionary: for each group, the share of its images, in
    [0, 1], whose answer is the truth.

    Why: One number over all images is mostly about the common ones. The same number for each slice of them is the
    cheapest audit there is.

    Hint: `set(groups)` holds every group once. For each you need the images of that group only.

    Hint: `zip(answers, truth, groups)` goes through the three lists together. Collect `answer == truth` where the
    group is the one in question.

    Hint: The share of a group is `sum(right) / len(right)`: divide by the number of its own images, not of all.
    """
    shares = {}
    for group in set(groups):
        right = [a == t for a, t, g in zip(answers, truth, groups, strict=True) if g == group]
        shares[group] = sum(right) / len(right)
    return shares


def blind_spot(before, one, other, both, name):
    """Return the share of all images, in [0, 1], that are called `name`
    before the change and with either change alone, and something else with
    both changes together.

    Why: A blind spot is a combination of changes. To call it one, you must show that each change is harmless alone.

    Hint: Four lists of answers come in, about the same images in the same order. What must hold of an image, in
    each of the four, for it to count?

    Hint: Three times `== name`, joined by `and`, and once `!= name`.

    Hint: The share is of *all* images, `sum(lost) / len(lost)`: a model that never answers `name` loses nothing.
    """
    rows = zip(before, one, other, both, strict=True)
    lost = [a == name and b == name and c == name and d != name for a, b, c, d in rows]
    return sum(lost) / len(lost)


ANSWERS = ["lorry", "lorry", "road", "lorry", "road", "road", "lorry", "road", "road", "road"]
TRUTH = ["lorry", "lorry", "lorry", "lorry", "road", "road", "road", "lorry", "lorry", "lorry"]
GROUPS = ["red", "red", "red", "blue", "none", "none", "none", "white", "white", "white"]

BEFORE = ["lorry", "lorry", "lorry", "lorry", "road", "lorry", "lorry", "lorry"]
ONE = ["lorry", "lorry", "lorry", "road", "lorry", "lorry", "lorry", "lorry"]
OTHER = ["lorry", "lorry", "lorry", "lorry", "lorry", "road", "lorry", "lorry"]
BOTH = ["road", "road", "lorry", "road", "road", "road", "bus", "lorry"]


def one_share_for_each_group(result: object, right: object) -> None:
    """Form of a result: a dictionary with the groups as keys and numbers as values."""
    assert isinstance(right, dict)
    if not isinstance(result, dict):
        raise Mistake(f"your function returns a {type(result).__name__}, expected a dictionary: group → share.")
    if set(result) != set(right):
        raise Mistake(f"your dictionary has the keys {sorted(map(str, result))}, expected {sorted(right)}.")
    for group, share in result.items():
        if not isinstance(share, Real) or isinstance(share, bool):
            raise Mistake(f"for {group!r} your function gives a {type(share).__name__}, expected one number.")


def first_difference(result: dict[str, float], right: dict[str, float], *given: list[str]) -> str:
    """The message for shares that no wrong answer of the table gives."""
    group = min(group for group in right if not same(result[group], right[group]))
    return f"for {group!r} your function says {result[group]:.3g}, expected {right[group]:.3g}."


def each_share(change: Callable[[float, int, int], float]) -> Callable:
    """Recall by group with `change` of each share, its group's size and the number of all images in its place."""

    def changed(answers, truth, groups):
        shares = recall_by(answers, truth, groups)
        return {group: change(share, groups.count(group), len(groups)) for group, share in shares.items()}

    return changed


def share_of(counts: Callable[..., bool]) -> Callable:
    """The share of images that count; `counts` takes an image's four answers and the name."""

    def share(*given):
        return sum(counts(*answers, given[-1]) for answers in zip(*given[:-1], strict=True)) / len(given[0])

    return share


EXERCISES = (
    Exercise(
        id="01-recall-by",
        title="Accuracy, slice by slice",
        minutes=6,
        difficulty=1,
        reference=recall_by,
        check=Comparison(lambda: [(ANSWERS, TRUTH, GROUPS)], first_difference, one_share_for_each_group),
        wrong={
            "you divide by the number of all images: take the group's.": each_share(lambda r, n, total: r * n / total),
            "these are numbers of right answers: divide by the group's size.": each_share(lambda r, n, total: r * n),
            "every group gets the average over all: take only the images of the group.": (
                lambda answers, truth, groups: dict.fromkeys(groups, sum(map(eq, answers, truth)) / len(truth))
            ),
            "these are shares of wrong answers: compare with ==.": each_share(lambda r, n, total: 1 - r),
            "this is in per cent: return shares between 0 and 1.": each_share(lambda r, n, total: 100 * r),
            "no answer is the name of a group: compare answers with the *truth*, and select by group.": (
                lambda answers, truth, groups: dict.fromkeys(groups, 0.0)
            ),
        },
    ),
    Exercise(
        id="01-blind-spot",
        title="Neither alone, only together",
        minutes=8,
        difficulty=2,
        reference=blind_spot,
        check=Comparison(
            lambda: [(BEFORE, ONE, OTHER, BOTH, "lorry"), (BEFORE, ONE, OTHER, BOTH, "bus")],
            otherwise=lambda share, right, *given: (
                f"your function says {float(share):.3g}, expected {right:.3g}: {8 * right:.0f} of 8 images are lost."
            ),
            form=one_number,
        ),
        wrong={
            "you leave out what a change does alone: `one` and `other` must both still say `name`.": (
                share_of(lambda a, b, c, d, name: a == name != d),
                share_of(lambda a, b, c, d, name: a == b == name != d),
                share_of(lambda a, b, c, d, name: a == c == name != d),
            ),
            "you count every image that is wrong with both changes: it must be right before and with either alone.": (
                share_of(lambda a, b, c, d, name: d != name)
            ),
            "you divide by the images that are right before the changes: divide by all of them.": (
                lambda *given: blind_spot(*given) / share_of(lambda a, b, c, d, name: a == name)(*given),
                lambda *given: blind_spot(*given) / share_of(lambda a, b, c, d, name: a == b == c == name)(*given),
            ),
            "you miss an image that is called something new: with both changes anything but `name` counts.": (
                share_of(lambda a, b, c, d, name: a == b == c == name and d == "road")
            ),
            "this is how many images are lost: divide it by how many there are.": lambda *given: 8 * blind_spot(*given),
            "this is in per cent: return the share itself, between 0 and 1.": lambda *given: 100 * blind_spot(*given),
            "`before == name` compares a whole list with one name: go image by image, with `zip`.": (
                lambda before, one, other, both, name: before == name
            ),
        },
    ),
)
