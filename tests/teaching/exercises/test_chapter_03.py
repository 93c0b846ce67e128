"""The checks of chapter 3 accept what is right and name the mistake in what is wrong."""

import torch

from course_utils.learning import find
from course_utils.teaching.exercises.chapter_03 import entanglement, flips
from course_utils.teaching.exercises.exercise import judge


def rows(probabilities, own):
    return torch.stack([probabilities[own == each].mean(0) for each in range(probabilities.shape[1])])


def not_symmetric(probabilities, own):
    return rows(probabilities, own).fill_diagonal_(0)


def with_diagonal(probabilities, own):
    table = rows(probabilities, own)
    return (table + table.T) / 2


def both_ways_summed(probabilities, own):
    return 2 * entanglement(probabilities, own)


def summed(probabilities, own):
    return 3 * entanglement(probabilities, own)


def logs(probabilities, own):
    return entanglement(probabilities.log(), own)


def count(before, after, name, into):
    return sum(old == name and new == into for old, new in zip(before, after, strict=True))


def among_right(before, after, name, into):
    return count(before, after, name, into) / before.count(name)


def with_loops(probabilities, own):
    size = probabilities.shape[1]
    table = torch.zeros(size, size)
    for a in range(size):
        for b in range(a):
            ways = probabilities[own == a, b].mean() + probabilities[own == b, a].mean()
            table[a, b] = table[b, a] = ways / 2
    return table


WRONG = {
    "03-entanglement": [
        (rows, "not symmetric, and a class speaks for itself"),
        (not_symmetric, "the table is not symmetric"),
        (lambda p, own: not_symmetric(p, own).T, "the table is not symmetric"),
        (with_diagonal, "put zeros there"),
        (both_ways_summed, "twice what it should be"),
        (summed, "not their sum"),
        (logs, "not the mean probabilities"),
        (lambda p, own: p, "shape"),
    ],
    "03-flips": [
        (count, "divided by the number of all pairs"),
        (among_right, "among pairs that were called the class before"),
        (lambda b, a, n, i: sum(new == i for new in a) / len(a), "called something else before"),
        (lambda b, a, n, i: sum(o == n != w for o, w in zip(b, a, strict=True)) / len(a), "a third class"),
        (lambda b, a, n, i: sum(o != w for o, w in zip(b, a, strict=True)) / len(a), "every answer that changed"),
        (lambda b, a, n, i: 100 * flips(b, a, n, i), "from 0 to 1"),
        (lambda b, a, n, i: 0.11, "expected 0.375"),
        (lambda b, a, n, i: "many", "expected one number"),
    ],
}
RIGHT = {
    "03-entanglement": [entanglement, with_loops],
    "03-flips": [flips, lambda b, a, n, i: count(b, a, n, i) / len(b)],
}


def test_the_references_are_known_as_such():
    assert judge(find("03-entanglement"), entanglement).status == "reference"
    assert judge(find("03-flips"), flips).status == "reference"
