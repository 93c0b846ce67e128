"""The exercises of chapter 0, meet the models: the two numbers with which the whole course measures."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course_utils.teaching.exercises.exercise import Exercise, Mistake


def accuracy(logits, labels):
    """Return the share of pictures, in [0, 1], whose largest logit is at
    their label.

    Why: The first question to any classifier, and the one that hides most: chapter 1 shows how much.

    Hint: What a classifier says is the class with the largest logit. `logits` has one row for each picture and one
    column for each class.

    Hint: `logits.argmax(dim=1)` gives the answers; `answers == labels` is True where they are right.

    Hint: `.float().mean().item()` makes a share of a tensor of truth values.
    """
    return (logits.argmax(dim=1) == labels).float().mean().item()


def flip_rate(before, after):
    """Return the share of pictures, in [0, 1], whose answer (the class with
    the largest logit) differs between `before` and `after`.

    Why: Change one thing in every picture and count how many answers change: the course's way of finding out what a
    model looks at.

    Hint: Two batches of logits come in, for the same pictures before and after the change. Which answer does each
    row give?

    Hint: Compare `before.argmax(dim=1)` with `after.argmax(dim=1)`; a flip is where they are not equal.

    Hint: The mean of the truth values is the share: `.float().mean().item()`.
    """
    return (before.argmax(dim=1) != after.argmax(dim=1)).float().mean().item()


def check_accuracy(function: Callable, exercise: Exercise) -> None:
    """The right share, on several cases, as a plain number."""
    reference = exercise.reference
    logits, labels = _case(40, 5, 0)
    value = _share(function(logits, labels))
    right = reference(logits, labels)
    mistakes = [
        (1 - right, "this is the share of wrong answers: compare with ==, not with !=."),
        (100 * right, "this is in per cent: return the share itself, between 0 and 1."),
        (40 * right, "this is the number of right answers: divide it by the number of pictures."),
        (
            (logits.argmax(dim=0) == labels[:5]).float().mean().item(),
            "argmax runs over the wrong axis: classes are dim=1.",
        ),
        (
            (logits.argmin(dim=1) == labels).float().mean().item(),
            "this takes the smallest logit: use argmax.",
        ),
    ]
    _require(value, right, mistakes)
    _require(_share(function(*_case(7, 3, 1))), reference(*_case(7, 3, 1)), [])


def check_flip_rate(function: Callable, exercise: Exercise) -> None:
    """Answers are compared, not numbers; and in either direction."""
    reference = exercise.reference
    (before, _), (after, _) = _case(40, 5, 2), _case(40, 5, 3)
    after = torch.where(torch.arange(40)[:, None] < 22, before + 0.1, after)  # other logits, the same answers
    right = reference(before, after)
    said = before.argmax(1), after.argmax(1)
    mistakes = [
        (1 - right, "this is the share of answers that stayed: compare with !=."),
        (100 * right, "this is in per cent: return the share itself, between 0 and 1."),
        (40 * right, "this is the number of flips: divide it by the number of pictures."),
        (1.0, "logits nearly always differ a little: compare the answers, `argmax(dim=1)`, not the logits."),
        ((said[0] > said[1]).float().mean().item(), "this counts flips in one direction only: use !=."),
    ]
    _require(_share(function(before, after)), right, mistakes)
    same = _share(function(before, before + 1.0))
    _require(
        same,
        0.0,
        [(1.0, "adding 1 to every logit changes no answer: compare `argmax(dim=1)`, not the logits.")],
    )


def _case(pictures: int, classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(pictures, classes, generator=generator)
    guess = torch.randint(classes, (pictures,), generator=generator)
    right = torch.rand(pictures, generator=generator) < 0.7
    return logits, torch.where(right, logits.argmax(1), guess)


def _share(result: object) -> float:
    if isinstance(result, torch.Tensor) and result.numel() == 1:
        result = result.item()
    if isinstance(result, torch.Tensor):
        raise Mistake(f"your function returns {result.numel()} numbers: average them, `.float().mean().item()`.")
    if not isinstance(result, int | float) or isinstance(result, bool):
        raise Mistake(f"your function returns a {type(result).__name__}, expected one number between 0 and 1.")
    return float(result)


def _require(value: float, right: float, mistakes: list[tuple[float, str]]) -> None:
    if abs(value - right) < 1e-6:
        return
    for wrong, message in mistakes:
        if abs(value - wrong) < 1e-6:
            raise Mistake(message)
    raise Mistake(f"your function says {value:.4g}, expected {right:.4g} for these pictures.")


EXERCISES = (
    Exercise(
        id="00-accuracy",
        title="Accuracy",
        minutes=4,
        difficulty=1,
        reference=accuracy,
        check=check_accuracy,
    ),
    Exercise(
        id="00-flip-rate",
        title="Flip rate",
        minutes=4,
        difficulty=1,
        reference=flip_rate,
        check=check_flip_rate,
    ),
)
