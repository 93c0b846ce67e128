"""Which exercises are done: kept in one small file of the reader's own, so that a new kernel still knows.

The file holds ids of exercises and nothing else: no answers, no names, no times. It lies in the user's state folder
(`~/.local/state/what-did-the-model-learn/progress.json` on Linux), or where `COURSE_PROGRESS` says.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_state_path

from course_utils.figures.style import in_book, render
from course_utils.learning.exercises import Exercise, all_exercises


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
        """How many exercises are done."""
        return sum(exercise.id in self.passed for exercise in self.exercises)

    @property
    def chapters(self) -> dict[str, list[Exercise]]:
        """The exercises by chapter, `"02"` and so on."""
        chapters: dict[str, list[Exercise]] = {}
        for exercise in self.exercises:
            chapters.setdefault(exercise.id[:2], []).append(exercise)
        return chapters

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


def progress(*, reset: bool = False) -> Progress:
    """Which exercises are done, over all chapters and all kernels.

    Args:
        reset: forget everything first.
    """
    note = _write(frozenset()) if reset else ""
    passed, trouble = (frozenset(), "") if reset else _read()
    return Progress(tuple(all_exercises()), passed, note or trouble)


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
    """What the file says, and what is wrong with it. A damaged one is put aside, so that a new one can begin."""
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
    return frozenset(passed)


def _write(passed: frozenset[str]) -> str:
    """Write the file in one move, so that it is never half there; return what went wrong, or nothing."""
    path = progress_file()
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps({"passed": sorted(passed)}, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        return f"{path} cannot be written ({error.strerror}): what you solve now is not remembered."
    return ""
