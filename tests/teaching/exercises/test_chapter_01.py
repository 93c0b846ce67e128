"""The checks of chapter 1 accept what is right and name the mistake in what is wrong."""

from collections import Counter

from course_utils.teaching.exercises.chapter_01 import blind_spot, recall_by


def counts(answers, truth, groups):
    return {g: recall_by(answers, truth, groups)[g] * groups.count(g) for g in set(groups)}


def of_all(answers, truth, groups):
    return {g: n / len(groups) for g, n in counts(answers, truth, groups).items()}


def wrong_ones(answers, truth, groups):
    return {g: 1 - share for g, share in recall_by(answers, truth, groups).items()}


def per_cent(answers, truth, groups):
    return {g: 100 * share for g, share in recall_by(answers, truth, groups).items()}


def average(answers, truth, groups):
    share = sum(a == t for a, t in zip(answers, truth, strict=True)) / len(truth)
    return dict.fromkeys(groups, share)


def with_counter(answers, truth, groups):
    right = Counter(g for a, t, g in zip(answers, truth, groups, strict=True) if a == t)
    return {g: right[g] / n for g, n in Counter(groups).items()}


def wrong_with_both(before, one, other, both, name):
    return sum(answer != name for answer in both) / len(both)


def alone_left_out(before, one, other, both, name):
    return sum(a == name and d != name for a, d in zip(before, both, strict=True)) / len(both)


def to_road_only(before, one, other, both, name):
    rows = zip(before, one, other, both, strict=True)
    return sum(a == b == c == name and d == "road" for a, b, c, d in rows) / len(both)


def lost(before, one, other, both, name):
    return blind_spot(before, one, other, both, name) * len(both)


WRONG = {
    "01-recall-by": [
        (counts, "divide each by the number of pictures in its group"),
        (of_all, "you divide by the number of all pictures"),
        (wrong_ones, "shares of wrong answers"),
        (per_cent, "this is in per cent"),
        (average, "every group gets the average over all"),
        (lambda a, t, g: dict.fromkeys(g, 0.0), "compare answers with the *truth*"),
        (lambda a, t, g: [0.5], "expected a dictionary"),
        (lambda a, t, g: {"red": 0.5}, "has the keys"),
        (lambda a, t, g: dict.fromkeys(g, 0.123), "says 0.123, expected"),
    ],
    "01-blind-spot": [
        (lost, "that is how many pictures are lost"),
        (lambda *given: 100 * blind_spot(*given), "this is in per cent"),
        (wrong_with_both, "you count every picture that is wrong with both"),
        (alone_left_out, "you leave out what either change does alone"),
        (to_road_only, "anything but `name` counts"),
        (lambda *given: lost(*given) / given[0].count(given[-1]), "divide by all of them"),
        (lambda *given: 3 / 5, "either change alone leaves right"),
        (lambda *given: False, "compares the whole list"),
        (lambda *given: 0.9, "of which three are lost"),
        (lambda *given: "three", "expected one number"),
    ],
}
RIGHT = {"01-recall-by": [recall_by, with_counter], "01-blind-spot": [blind_spot]}
