"""From a reader's function to a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from course_utils.learning.exercises import Exercise, Mistake, NotStarted
from course_utils.learning.reader import TookTooLong, describe, require_arguments, time_limit, watched

SECONDS = 10.0  # checks take under half a second; a reader's slow but right function must still pass


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        exercise: which exercise.
        status: `"passed"`; `"mistake"`; `"not started"`; or `"reference"`, when the function that was checked
            is the course's own.
        message: what is wrong, for a mistake.
    """

    exercise: Exercise
    status: Literal["passed", "mistake", "not started", "reference"]
    message: str = ""


def judge(exercise: Exercise, function: object, *, seconds: float = SECONDS) -> Verdict:
    """Check a reader's function. Whatever it does, the answer is a verdict; only Ctrl-C goes through.

    Args:
        exercise: what the function is for.
        function: the reader's function, or whatever the reader handed over.
        seconds: time for the whole check.
    """
    if function is exercise.reference:
        return Verdict(exercise, "reference")
    try:
        require_arguments(function, exercise.reference)
        with torch.enable_grad(), time_limit(seconds):
            exercise.check(watched(function), exercise.reference)  # type: ignore[arg-type]
    except NotStarted:
        return Verdict(exercise, "not started")
    except Mistake as mistake:
        return Verdict(exercise, "mistake", str(mistake))
    except TookTooLong:
        return Verdict(
            exercise,
            "mistake",
            f"your function did not finish in {seconds:g} seconds: is there a loop without an end?",
        )
    except Exception as error:  # no answer may break the reader's notebook, however odd
        return Verdict(
            exercise,
            "mistake",
            f"your function's result could not be checked ({describe(error)}): compare it with the docstring.",
        )
    return Verdict(exercise, "passed")


def working(verdict: Verdict, function: Callable) -> Callable:
    """The function with which the cells below go on: the reader's if it passed, otherwise the reference."""
    return function if verdict.status == "passed" else verdict.exercise.reference
