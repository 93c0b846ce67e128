"""The checks of chapter 1 accept what is right and name the mistake in what is wrong."""

from collections import Counter, defaultdict

import numpy as np
import torch

from course_utils.teaching.exercises.chapter_01 import blind_spot, recall_by


def with_counter(answers, truth, groups):
    right = Counter(g for a, t, g in zip(answers, truth, groups, strict=True) if a == t)
    return {g: right[g] / n for g, n in Counter(groups).items()}


def with_lists_by_group(answers, truth, groups):
    right = defaultdict(list)
    for i in range(len(groups)):
        right[groups[i]].append(answers[i] == truth[i])
    return {group: sum(each) / len(each) for group, each in right.items()}


def recall_in_numpy(answers, truth, groups):
    right, groups = np.array(answers) == np.array(truth), np.array(groups)
    return {str(group): right[groups == group].mean() for group in np.unique(groups)}


def recall_as_tensors(answers, truth, groups):
    rows = list(zip(answers, truth, groups, strict=True))
    return {group: torch.tensor([a == t for a, t, g in rows if g == group]).float().mean() for group in groups}


def blind_spot_by_a_loop(before, one, other, both, name):
    lost = 0
    for i in range(len(before)):
        if before[i] == one[i] == other[i] == name and both[i] != name:
            lost += 1
    return lost / len(before)


def blind_spot_in_numpy(before, one, other, both, name):
    before, one, other, both = (np.array(answers) == name for answers in (before, one, other, both))
    return (before & one & other & ~both).mean()


def sorted_in_place(answers, truth, groups):
    groups.sort()
    return recall_by(answers, truth, groups)


WRONG = {
    "01-recall-by": [
        (lambda a, t, g: [0.5], "expected a dictionary"),
        (lambda a, t, g: {"red": 0.5}, "has the keys"),
        (lambda a, t, g: dict.fromkeys(g, "half"), "expected one number"),
        (lambda a, t, g: dict.fromkeys(g, 0.123), "says 0.123, expected"),
        (sorted_in_place, "changes the list `groups`"),
    ],
    "01-blind-spot": [
        (lambda *given: 0.9, "3 of 8 images are lost"),
        (lambda *given: blind_spot(*given[:4], "lorry"), "0 of 8 images are lost"),
        (lambda *given: "three", "expected one number"),
        (lambda a, b, c, d, name: blind_spot(a, b, c, d, name) if name != "road" else 0.1, "3 of 8 images are lost"),
    ],
}
RIGHT = {
    "01-recall-by": [with_counter, with_lists_by_group, recall_in_numpy, recall_as_tensors],
    "01-blind-spot": [blind_spot_by_a_loop, blind_spot_in_numpy],
}
