"""Cards that readers see of an exercise: its head, the verdict, hints, the solution and the progress.

The public functions come first, then the cards, then the file in which the progress is remembered. Each card is HTML
in a notebook and plain text in a terminal, and says in words and with a mark what colour only repeats.

The progress file holds ids of exercises and nothing else: no answers, no names, no times. It lies in the user's state
folder (`~/.local/state/what-did-the-model-learn/progress.json` on Linux), or where `COURSE_PROGRESS` says.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from course_utils.figures.style import display, in_book, render
from course_utils.teaching.exercises.exercise import RENAMED, Exercise, Verdict, all_exercises, find, judge
from course_utils.utils import write

_ONWARDS = "The cells below go on with the course's version until yours passes."
_IN_BOOK = "Write the function in JupyterLab: there this cell tells you at once what is right and wrong with it."

# Mark, heading and colour of each verdict.
_LOOKS = {
    "passed": ("✓", "Passed", "#009E73"),
    "mistake": ("✗", "Not yet", "#D55E00"),
    "not started": ("○", "Not started yet", "#0072B2"),
    "reference": ("○", "The course's version", "#0072B2"),
}

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
    display(Card(verdict, remember(id).count if verdict.status == "passed" else ""))
    return function if verdict.status == "passed" else verdict.exercise.reference


def exercise(id: str) -> Shown:
    """The head of an exercise: what is to be done, what for, how hard it is and how long it takes.

    Raises:
        ValueError: there is no exercise of that id.
    """
    it = find(id)
    effort = f"difficulty {it.difficulty} of 3, about {it.minutes} minutes"
    text = f"Exercise: {it.title} ({effort})\n  {it.task}\n  {it.why}"
    return Shown(text, "exercise.html", {"exercise": it})


def hint(id: str) -> Shown:
    """The next hint: the first call gives the first one, each further call one more.

    Raises:
        ValueError: there is no exercise of that id.
    """
    found = find(id)
    _hints_given[id] = given = min(_hints_given.get(id, 0) + 1, len(found.hints))
    onwards = f'One more: `hint("{id}")`' if given < len(found.hints) else f'The answer: `solution("{id}")`'
    lines = [f"Hint {number}: {text}" for number, text in enumerate(found.hints[:given], 1)]
    values = {"exercise": found, "given": given, "onwards": onwards}
    return Shown("\n".join([*lines, onwards]), "hints.html", values)


def solution(id: str) -> Solution:
    """The course's own version of an exercise's function.

    Raises:
        ValueError: there is no exercise of that id.
    """
    return Solution(find(id))


def progress(*, reset: bool = False) -> Progress:
    """Which exercises are done, over all chapters and all kernels.

    Args:
        reset: forget everything first.
    """
    passed, note = (frozenset(), _write(frozenset())) if reset else _read()
    return Progress(tuple(all_exercises()), passed, note)


@dataclass(frozen=True)
class Card:
    """A verdict as the reader sees it, and how many exercises are done by now, if that is known.

    In the built book, hints and the solution open with a click.
    """

    verdict: Verdict
    count: str = ""

    @property
    def text(self) -> str:
        """Advice on what to do now, in a sentence or two."""
        id, message = self.verdict.exercise.id, self.verdict.message
        return {
            "passed": f"The cells below use your function.{self.count}",
            "mistake": f"{message[:1].upper()}{message[1:]}",
            "not started": f'Complete the function and run both cells. `hint("{id}")` helps. {_ONWARDS}',
            "reference": "This is the course's function: run the cell with yours first, then this one.",
        }[self.verdict.status]

    @property
    def help(self) -> str:
        """Calls that help after a mistake."""
        id = self.verdict.exercise.id
        return f'`hint("{id}")` gives a hint, `solution("{id}")` the answer. {_ONWARDS}'

    def _repr_html_(self) -> str:
        mark, heading, colour = _LOOKS[self.verdict.status]
        book = in_book() and self.verdict.status in ("not started", "reference")
        if book:
            mark, heading = "✎", "Your turn"
        return render(
            "verdict.html",
            mark=mark,
            heading=heading,
            colour=colour,
            title=self.verdict.exercise.title,
            text=_IN_BOOK if book else self.text,
            help=self.help if self.verdict.status == "mistake" else "",
            hints=self.verdict.exercise.hints if book else (),
            solution=highlighted(self.verdict.exercise.source) if book else "",
        )

    def __repr__(self) -> str:
        mark, heading, _ = _LOOKS[self.verdict.status]
        lines = [f"[{mark} {heading}] {self.verdict.exercise.title}", f"  {self.text}"]
        return "\n".join(lines + [f"  {self.help}"] * (self.verdict.status == "mistake"))


@dataclass(frozen=True)
class Shown:
    """A card of fixed content, an exercise's head or its hints: plain text, and a template with its values."""

    text: str
    template: str
    values: Mapping[str, Any]

    def _repr_html_(self) -> str:
        return render(self.template, **self.values)

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Solution:
    """The source of an exercise's reference, taken from the function itself."""

    exercise: Exercise

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.exercise.source}\n```"

    def __repr__(self) -> str:
        return self.exercise.source


def highlighted(source: str) -> str:
    """Python source as HTML in the classes that the book's theme colours, in its light and its dark mode."""
    from pygments import highlight  # comes with Sphinx and IPython: only books and notebooks ask for it
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return highlight(source, PythonLexer(), HtmlFormatter())


@dataclass(frozen=True)
class Progress:
    """Every exercise of the course, and which of them the reader has solved.

    Attributes:
        exercises: all of them, in the order of reading.
        passed: ids of those that a check has accepted.
        note: what went wrong with the file, empty if nothing did.
    """

    exercises: tuple[Exercise, ...]
    passed: frozenset[str]
    note: str = ""

    @property
    def done(self) -> int:
        """The number of exercises done."""
        return sum(exercise.id in self.passed for exercise in self.exercises)

    @property
    def count(self) -> str:
        """The number of exercises done, for the card of a verdict, and what went wrong with the file."""
        done = f" {self.done} of {len(self.exercises)} exercises done: `progress()` shows which."
        return f"{done} {self.note}".rstrip()

    @property
    def chapters(self) -> dict[str, list[Exercise]]:
        """The exercises by chapter, `"02"` and so on."""
        return {chapter: list(each) for chapter, each in groupby(self.exercises, key=lambda exercise: exercise.id[:2])}

    @property
    def next(self) -> Exercise | None:
        """The first exercise that is not done; None if all are."""
        return next((exercise for exercise in self.exercises if exercise.id not in self.passed), None)

    def _repr_html_(self) -> str:
        return render("progress.html", progress=self, book=in_book())

    def __repr__(self) -> str:
        lines = [f"{self.done} of {len(self.exercises)} exercises done"]
        for chapter, exercises in self.chapters.items():
            marks = ", ".join(f"{'✓' if each.id in self.passed else '○'} {each.title}" for each in exercises)
            lines.append(f"  {chapter}  {marks}")
        return "\n".join(lines + [self.note] * bool(self.note))


def remember(id: str) -> Progress:
    """Note that an exercise is done. Where the file cannot be written, the result's `note` says so."""
    passed, trouble = _read()
    note = "" if id in passed else _write(passed | {id})
    return Progress(tuple(all_exercises()), passed | {id}, note or trouble)


def progress_file() -> Path:
    """The file: where `COURSE_PROGRESS` says, otherwise in the user's state folder."""
    named = os.environ.get("COURSE_PROGRESS")
    return Path(named) if named else user_state_path("what-did-the-model-learn", appauthor=False) / "progress.json"


def _read() -> tuple[frozenset[str], str]:
    """The content of the file, and what is wrong with it. A damaged one is put aside, so that a new one can begin."""
    path = progress_file()
    try:
        return _ids(path.read_bytes()), ""
    except FileNotFoundError:
        return frozenset(), ""
    except ValueError:
        aside = path.with_suffix(".damaged")
        try:
            path.replace(aside)
        except OSError:
            return frozenset(), f"{path} is damaged and cannot be moved: counting starts anew."
        return frozenset(), f"{path.name} was damaged; it is now {aside}, and counting starts anew."
    except OSError as error:
        return frozenset(), f"{path} cannot be read ({error.strerror}): nothing is counted."


def _ids(content: bytes) -> frozenset[str]:
    """The ids in a file's content; a `ValueError` for anything that this module does not write."""
    stored = json.loads(content)
    passed = stored.get("passed") if isinstance(stored, dict) else None
    if not isinstance(passed, list) or not all(isinstance(id, str) and re.match(r"\d\d-\w", id) for id in passed):
        raise ValueError("not a list of exercises")
    return frozenset(str(RENAMED.get(id, id)) for id in passed)


def _write(passed: frozenset[str]) -> str:
    """Write the file in one move, so that it is never half there; return what went wrong, or nothing."""
    path = progress_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, (json.dumps({"passed": sorted(passed)}, indent=1) + "\n").encode())
    except OSError as error:
        return f"{path} cannot be written ({os.strerror(error.errno or 0)}): what you solve now is not remembered."
    return ""
