"""What an exercise is, and where exercises are found.

An exercise is plain data and two functions: the `reference`, whose source is the solution that readers get
to see, and the `check`, which looks at properties of a reader's function (`properties.py` has the usual
ones). The exercises of chapter 2 are in `chapter_02.py` as `EXERCISES`; a chapter's file is imported when one
of its exercises is asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

import course_utils.learning as _package
from course_utils.validation import unknown


class Mistake(Exception):
    """What is wrong with a reader's function, as advice to them. Checks raise it, `judge` catches it."""


class NotStarted(Exception):
    """The reader has not written anything yet."""


@dataclass(frozen=True)
class Exercise:
    """A function for the reader to write.

    Attributes:
        id: chapter and name, `"02-targeted-step"`.
        title: a few words.
        why: what the piece is for, in a sentence or two.
        minutes: how long a reader needs, about.
        difficulty: 1 (a line) … 3 (takes thought).
        reference: the course's own version. Its source is the solution, its docstring the task.
        check: takes the reader's function and the reference, and raises `Mistake` if a property does not
            hold. Under half a second.
        hints: from a nudge to nearly the solution.
    """

    id: str
    title: str
    why: str
    minutes: int
    difficulty: int
    reference: Callable
    check: Callable[[Callable, Callable], None]
    hints: tuple[str, ...]

    @property
    def task(self) -> str:
        """What the function has to do: the first paragraph of the reference's docstring."""
        return " ".join((inspect.getdoc(self.reference) or "").split("\n\n")[0].split())

    @property
    def source(self) -> str:
        """The source of the reference: the solution."""
        return inspect.getsource(self.reference).rstrip()

    @property
    def call(self) -> str:
        """How the function is called: `targeted_step(images, gradient, alpha)`."""
        return f"{self.reference.__name__}({', '.join(inspect.signature(self.reference).parameters)})"


def find(id: str) -> Exercise:
    """The exercise of that id.

    Raises:
        ValueError: there is none; the message offers close ones.
    """
    chapter = f"chapter_{str(id).split('-')[0]}"
    exercises = {exercise.id: exercise for exercise in _exercises(chapter)} if chapter in _chapters() else {}
    if id not in exercises:
        raise ValueError(unknown("exercise", id, [exercise.id for exercise in all_exercises()]))
    return exercises[id]


def all_exercises() -> list[Exercise]:
    """Every exercise of the course, in the order of reading."""
    return [exercise for chapter in _chapters() for exercise in _exercises(chapter)]


def _chapters() -> list[str]:
    return sorted(module.name for module in iter_modules(_package.__path__) if module.name.startswith("chapter_"))


def _exercises(chapter: str) -> tuple[Exercise, ...]:
    return import_module(f"{_package.__name__}.{chapter}").EXERCISES
