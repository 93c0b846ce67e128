"""What the course's own methods find in a mystery model: opened with its answer, never before.

`benchmarks/mysteries.py` measures it with the calls that a reader has, and seals it into `debriefs.json` beside this
file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from course_utils.sealed import seal, unseal

FILE = Path(__file__).with_name("debriefs.json")
ENVELOPE = 4096  # bytes: more than any debrief needs, so that all look alike
MARKS = {True: "✓", False: "✗", None: "–"}


@dataclass(frozen=True)
class Tried:
    """One method, applied to the model.

    Attributes:
        method: what it is called in chapter 12.
        found: whether it met its criterion; None where there was nothing to find, or the method cannot name it.
        words: what it showed, with its figures.
    """

    method: str
    found: bool | None
    words: str


@dataclass(frozen=True)
class Debrief:
    """What there was to see in a model.

    Attributes:
        slices: the slices of `audit_scenes` that are furthest behind: in words -> recall there, recall on the rest of
            the class, each with value, low and high in [0, 1]; empty for a language model.
        tried: every method that was tried.
    """

    slices: dict[str, tuple[dict[str, float], dict[str, float]]]
    tried: tuple[Tried, ...]

    def __str__(self) -> str:
        cut = [f"  {words}: {shown(here)}, elsewhere {shown(rest)}" for words, (here, rest) in self.slices.items()]
        methods = [f"  {MARKS[each.found]} {each.method}: {each.words}" for each in self.tried]
        return "\n".join([*cut, *methods])

    def to_html(self) -> str:
        """Two tables: slices, and methods."""
        cut = [(words, shown(here), shown(rest)) for words, (here, rest) in self.slices.items()]
        methods = [(each.method, MARKS[each.found], each.words) for each in self.tried]
        return table(("slice, furthest behind first", "recall", "rest of the class"), cut) + table(
            ("method of the course", "found", "what it showed"), methods
        )


def debrief(model: str) -> Debrief | None:
    """The debrief of a shipped mystery; None for a model that nobody tried the course's methods on."""
    sealed = json.loads(FILE.read_text(encoding="utf-8"))
    if model not in sealed:
        return None
    opened = unseal(sealed[model])
    slices = {words: (here, rest) for words, here, rest in opened["slices"]}
    return Debrief(slices, tuple(Tried(*each) for each in opened["tried"]))


def save_debrief(model: str, found: Debrief, path: Path = FILE) -> None:
    """Seals a debrief into the file; those of other models stay."""
    sealed = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    slices = [(words, *both) for words, both in found.slices.items()]
    tried = [(each.method, each.found, each.words) for each in found.tried]
    sealed[model] = seal({"slices": slices, "tried": tried}, lengths=ENVELOPE)
    path.write_text(json.dumps(dict(sorted(sealed.items())), indent=1) + "\n", encoding="utf-8")


def shown(figure: Any) -> str:
    """A share with its interval, in per cent, or a plain number."""
    if isinstance(figure, dict):
        return f"{100 * figure['value']:.1f} % [{100 * figure['low']:.1f}, {100 * figure['high']:.1f}]"
    return f"{figure:.3g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    cells = ["".join(f'<td style="text-align: left;">{escape(cell)}</td>' for cell in row) for row in rows]
    titles = "".join(f'<th style="text-align: left;">{escape(title)}</th>' for title in head)
    return f"<table><tr>{titles}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
