"""The checks of chapter 3 accept what is right and name the mistake in what is wrong."""

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.learning import find
from course_utils.teaching.exercises.chapter_03 import entanglement, flips
from course_utils.teaching.exercises.exercise import judge


def with_loops(probabilities, own):
    size = probabilities.shape[1]
    table = torch.zeros(size, size)
    for a in range(size):
        for b in range(a):
            ways = probabilities[own == a, b].mean() + probabilities[own == b, a].mean()
            table[a, b] = table[b, a] = ways / 2
    return table


def by_matrices(probabilities, own):
    members = F.one_hot(own).float()
    rows = (members / members.sum(0)).T @ probabilities
    return (rows + rows.T) / 2 * (1 - torch.eye(len(rows)))


def in_numpy(probabilities, own):
    rows = np.stack([probabilities.numpy()[own.numpy() == name].mean(0) for name in range(probabilities.shape[1])])
    table = (rows + rows.T) / 2
    np.fill_diagonal(table, 0)
    return torch.from_numpy(table)


def in_place(probabilities, own):
    return entanglement(probabilities.div_(probabilities.sum(1, keepdim=True) + 1), own)


def flips_by_a_loop(before, after, name, into):
    count = 0
    for i in range(len(before)):
        if before[i] == name and after[i] == into:
            count += 1
    return count / len(before)


def flips_in_numpy(before, after, name, into):
    return ((np.array(before) == name) & (np.array(after) == into)).mean()


WRONG = {
    "03-entanglement": [
        (lambda p, own: entanglement(p.log(), own), "not the mean probabilities"),
        (lambda p, own: p, "shape (12, 4), expected (4, 4)"),
        (lambda p, own: entanglement(p, own) / 0, "NaN or infinity"),
        (in_place, "in place"),
    ],
    "03-flips": [
        (lambda b, a, n, i: 0.11, "expected 0.375: 3 of 8"),
        (lambda b, a, n, i: flips(b, a, "waffle", "pancakes"), "0 of 8"),
        (lambda b, a, n, i: "many", "expected one number"),
    ],
}
RIGHT = {
    "03-entanglement": [with_loops, by_matrices, in_numpy],
    "03-flips": [flips_by_a_loop, flips_in_numpy, lambda b, a, n, i: list(zip(b, a, strict=True)).count((n, i)) / 8],
}


def test_the_references_are_known_as_such():
    assert judge(find("03-entanglement"), entanglement).status == "reference"
    assert judge(find("03-flips"), flips).status == "reference"
