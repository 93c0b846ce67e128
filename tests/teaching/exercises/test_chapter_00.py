"""The checks of chapter 0 accept what is right and name the mistake in what is wrong."""

import pytest

from course_utils.learning import find
from course_utils.teaching.exercises.chapter_00 import accuracy, flip_rate
from course_utils.teaching.exercises.exercise import judge

RIGHT = {
    "00-accuracy": [
        lambda logits, labels: (logits.argmax(1) == labels).float().mean().item(),
        lambda logits, labels: (logits.softmax(1).argmax(1) == labels).float().mean(),
        lambda logits, labels: sum(int(a == b) for a, b in zip(logits.argmax(1), labels, strict=True)) / len(labels),
    ],
    "00-flip-rate": [
        lambda before, after: (before.argmax(1) != after.argmax(1)).float().mean().item(),
        lambda before, after: 1 - (before.argmax(1) == after.argmax(1)).double().mean(),
    ],
}
WRONG = {
    "00-accuracy": [
        (lambda logits, labels: (logits.argmax(1) != labels).float().mean().item(), "share of wrong answers"),
        (lambda logits, labels: 100 * accuracy(logits, labels), "in per cent"),
        (lambda logits, labels: (logits.argmax(1) == labels).sum().item(), "divide it by the number"),
        (lambda logits, labels: (logits.argmin(1) == labels).float().mean(), "smallest logit"),
        (lambda logits, labels: (logits.argmax(1) == labels).float(), "average them"),
        (lambda logits, labels: "70 %", "returns a str"),
        (lambda logits, labels: 0.5, "your function says 0.5, expected"),
    ],
    "00-flip-rate": [
        (lambda before, after: 1 - flip_rate(before, after), "answers that stayed"),
        (lambda before, after: 100 * flip_rate(before, after), "in per cent"),
        (lambda before, after: (before.argmax(1) != after.argmax(1)).sum(), "divide it by the number"),
        (lambda before, after: (before != after).any(1).float().mean(), "compare the answers"),
        (lambda before, after: (before.argmax(1) > after.argmax(1)).float().mean(), "one direction only"),
    ],
}


@pytest.mark.parametrize("id", RIGHT)
def test_an_untouched_exercise_is_not_a_mistake(id):
    def untouched(first, second): ...

    assert judge(find(id), untouched).status == "not started"
