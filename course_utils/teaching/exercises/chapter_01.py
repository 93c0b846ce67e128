"""The exercises of chapter 1: what an average hides, and what one change shows."""

from numbers import Real

from torch import Tensor

from course_utils.teaching.exercises.checks import Compared, same
from course_utils.teaching.exercises.exercise import Mistake


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
BOTH = ["lorry", "road", "bus", "road", "road", "road", "bus", "lorry"]
ELSEWHERE = {"lorry": "road", "road": "lorry", "bus": "bus"}  # the same images with the two names exchanged
EXCHANGED = [[ELSEWHERE[answer] for answer in answers] for answers in (BEFORE, ONE, OTHER, BOTH)]


def one_share_for_each_group(result: object, right: dict[str, float]) -> None:
    """Form of a result: a dictionary with the groups as keys and numbers as values."""
    if not isinstance(result, dict):
        raise Mistake(f"your function returns a {type(result).__name__}, expected a dictionary: group → share.")
    if set(result) != set(right):
        raise Mistake(f"your dictionary has the keys {sorted(map(str, result))}, expected {sorted(right)}.")
    for group, share in result.items():
        number = share.numel() == 1 if isinstance(share, Tensor) else isinstance(share, Real)
        if not number or isinstance(share, bool):
            raise Mistake(f"for {group!r} your function gives a {type(share).__name__}, expected one number.")


def first_difference(result: dict[str, float], right: dict[str, float], *given: list[str]) -> str:
    """The message for shares that no wrong answer of the table gives."""
    group = min(group for group in right if not same(result[group], right[group]))
    return f"for {group!r} your function says {result[group]:.3g}, expected {right[group]:.3g}."


RECALL_BY = Compared(
    id="01-recall-by",
    title="Accuracy, slice by slice",
    minutes=6,
    difficulty=1,
    reference=recall_by,
    cases=lambda: [(ANSWERS, TRUTH, GROUPS)],
    otherwise=first_difference,
    form=one_share_for_each_group,
    wrong={
        "you divide by the number of all images: take the group's.": {"len(right)": "len(groups)"},
        "these are numbers of right answers: divide by the group's size.": {" / len(right)": ""},
        "every group gets the average over all: take only the images of the group.": {" if g == group": ""},
        "these are shares of wrong answers: compare with ==.": {"a == t": "a != t"},
        "this is in per cent: return shares between 0 and 1.": {"sum(": "100 * sum("},
        "no answer is the name of a group: compare answers with the *truth*, and select by group.": {
            "a == t": "a == group"
        },
    },
)


BLIND_SPOT = Compared(
    id="01-blind-spot",
    title="Neither alone, only together",
    minutes=8,
    difficulty=2,
    reference=blind_spot,
    cases=lambda: [(BEFORE, ONE, OTHER, BOTH, name) for name in ("lorry", "bus")] + [(*EXCHANGED, "road")],
    otherwise=lambda share, right, *given: (
        f"your function says {float(share):.3g}, expected {right:.3g}: {8 * right:.0f} of 8 images are lost."
    ),
    wrong={
        "you leave out what a change does alone: `one` and `other` must both still say `name`.": {
            "b == name and c == name and ": ("", "b == name and ", "c == name and ")
        },
        "you count every image that is wrong with both changes: it must be right before and with either alone.": {
            "a == name and b == name and c == name and ": ""
        },
        "you divide by the images that are right before the changes: divide by all of them.": {
            "len(lost)": ("before.count(name)", "list(zip(before, one, other)).count((name,) * 3)")
        },
        "you miss an image that is called something new: with both changes anything but `name` counts.": {
            "d != name": "d == 'road'"
        },
        "these are still called `name` with both changes: the last answer must be another, `!= name`.": {
            "d != name": "d == name"
        },
        "this is how many images are lost: divide it by how many there are.": lambda *given: 8 * blind_spot(*given),
        "this is in per cent: return the share itself, between 0 and 1.": lambda *given: 100 * blind_spot(*given),
        "`before == name` compares a whole list with one name: go image by image, with `zip`.": (
            lambda before, one, other, both, name: before == name
        ),
    },
)
