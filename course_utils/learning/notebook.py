"""What readers call in a notebook about one exercise: `exercise`, `check`, `hint`, `solution`."""

from __future__ import annotations

from collections.abc import Callable

from course_utils.figures.style import display
from course_utils.learning.cards import Card, Header, Hints, Solution
from course_utils.learning.exercises import find
from course_utils.learning.judging import judge, working
from course_utils.learning.progress_panel import remember

_hints_given: dict[str, int] = {}


def check(id: str, function: Callable) -> Callable:
    """Check the reader's function, say what was found, and return a function that works.

        targeted_step = check("02-targeted-step", targeted_step)

    The returned function is the reader's own if it passes and the course's otherwise, so that the cells below
    run in any case. Nothing that the reader's function does raises here.

    Args:
        id: the exercise.
        function: the reader's function.

    Raises:
        ValueError: there is no exercise of that id.
    """
    verdict = judge(find(id), function)
    display(Card(verdict, remember(id) if verdict.status == "passed" else None))
    return working(verdict, function)


def exercise(id: str) -> Header:
    """The head of an exercise: what is to be done, what for, how hard it is and how long it takes.

    Raises:
        ValueError: there is no exercise of that id.
    """
    return Header(find(id))


def hint(id: str) -> Hints:
    """The next hint: the first call gives the first one, each further call one more.

    Raises:
        ValueError: there is no exercise of that id.
    """
    found = find(id)
    _hints_given[id] = min(_hints_given.get(id, 0) + 1, len(found.hints))
    return Hints(found, _hints_given[id])


def solution(id: str) -> Solution:
    """The course's own version of an exercise's function.

    Raises:
        ValueError: there is no exercise of that id.
    """
    return Solution(find(id))
