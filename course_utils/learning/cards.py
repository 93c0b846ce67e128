"""What readers see of an exercise: its head, the verdict on their function, hints and the solution.

Each card is HTML in a notebook and plain text in a terminal, and says in words and with a mark what colour
only repeats.
"""

from __future__ import annotations

from dataclasses import dataclass

from course_utils.figures.style import in_book, render
from course_utils.learning.exercises import Exercise
from course_utils.learning.judging import Verdict
from course_utils.learning.progress_panel import Progress

_ONWARDS = "The cells below go on with the course's version until yours passes."
_IN_BOOK = "Write the function in JupyterLab: there this cell tells you at once what is right and wrong with it."

# Mark, heading and colour of each verdict.
_LOOKS = {
    "passed": ("✓", "Passed", "#009E73"),
    "mistake": ("✗", "Not yet", "#D55E00"),
    "not started": ("○", "Not started yet", "#0072B2"),
    "reference": ("○", "The course's version", "#0072B2"),
}


@dataclass(frozen=True)
class Card:
    """A verdict as the reader sees it. In the built book, hints and the solution open with a click."""

    verdict: Verdict
    progress: Progress | None = None

    @property
    def text(self) -> str:
        """What to do now, in a sentence or two."""
        id, message = self.verdict.exercise.id, self.verdict.message
        return {
            "passed": f"The cells below use your function.{self.count}",
            "mistake": f"{message[:1].upper()}{message[1:]}",
            "not started": f'Complete the function and run both cells. `hint("{id}")` helps. {_ONWARDS}',
            "reference": "This is the course's function: run the cell with yours first, then this one.",
        }[self.verdict.status]

    @property
    def count(self) -> str:
        """How many exercises are done by now, where that is known."""
        if self.progress is None:
            return ""
        done = f" {self.progress.done} of {len(self.progress.exercises)} exercises done: `progress()` shows which."
        return f"{done} {self.progress.note}".rstrip()

    @property
    def help(self) -> str:
        """Where help is, after a mistake."""
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
class Header:
    """The head of an exercise."""

    exercise: Exercise

    def _repr_html_(self) -> str:
        return render("exercise.html", exercise=self.exercise)

    def __repr__(self) -> str:
        it = self.exercise
        effort = f"difficulty {it.difficulty} of 3, about {it.minutes} minutes"
        return f"Exercise: {it.title} ({effort})\n  {it.task}\n  {it.why}"


@dataclass(frozen=True)
class Hints:
    """The first `given` hints of an exercise, the latest one last."""

    exercise: Exercise
    given: int

    @property
    def onwards(self) -> str:
        """What can be asked for next."""
        call = "hint" if self.given < len(self.exercise.hints) else "solution"
        return f'{"One more" if call == "hint" else "The answer"}: `{call}("{self.exercise.id}")`'

    def _repr_html_(self) -> str:
        return render("hints.html", exercise=self.exercise, given=self.given, onwards=self.onwards)

    def __repr__(self) -> str:
        lines = [f"Hint {number}: {text}" for number, text in enumerate(self.exercise.hints[: self.given], 1)]
        return "\n".join([*lines, self.onwards])


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
