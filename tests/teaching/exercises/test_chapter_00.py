"""The checks of chapter 0 accept what is right and name the mistake in what is wrong."""

import pytest
import torch

from course_utils.learning import find
from course_utils.teaching.exercises.chapter_00 import accuracy
from course_utils.teaching.exercises.exercise import judge


def accuracy_by_a_loop(logits, labels):
    right = 0
    for row, label in zip(logits, labels, strict=True):
        right += int(row.argmax() == label)
    return right / len(labels)


def flip_rate_by_a_loop(before, after):
    pairs = zip(before.tolist(), after.tolist(), strict=True)
    flips = [old.index(max(old)) != new.index(max(new)) for old, new in pairs]
    return sum(flips) / len(flips)


def in_place(logits, labels):
    return accuracy(logits.softmax(1), labels) + 0 * logits.zero_().sum()


RIGHT = {
    "00-accuracy": [
        accuracy_by_a_loop,
        lambda logits, labels: (logits.softmax(1).argmax(1) == labels).float().mean(),
        lambda logits, labels: (logits.numpy().argmax(1) == labels.numpy()).mean(),
        lambda logits, labels: logits.max(1).indices.eq(labels).sum().item() / len(labels),
    ],
    "00-flip-rate": [
        flip_rate_by_a_loop,
        lambda before, after: 1 - (before.argmax(1) == after.argmax(1)).double().mean(),
        lambda before, after: torch.tensor((before.numpy().argmax(1) != after.numpy().argmax(1)).mean()),
    ],
}
WRONG = {
    "00-accuracy": [
        (lambda logits, labels: "70 %", "is a str, expected one number"),
        (lambda logits, labels: 0.5, "your function says 0.5, expected"),
        (in_place, "in place"),
        (lambda logits, labels: (logits == labels).float().mean(), "not one image is right"),
        (lambda logits, labels: (logits.argmax(1) == labels).sum() // len(labels), "not one image is right"),
        (lambda logits, labels: (logits.argmax() == labels).float().mean(), "one for each image"),
    ],
    "00-flip-rate": [
        (lambda before, after: (before != after).any(1).float().mean(), "compare the answers"),
        (lambda before, after: (before.argmax(1) - after.argmax(1)).float().mean(), "your function says"),
    ],
}


@pytest.mark.parametrize("id", RIGHT)
def test_an_untouched_exercise_is_not_a_mistake(id):
    def untouched(first, second): ...

    assert judge(find(id), untouched).status == "not started"
