"""A reader's guess, from plain data to the words in which answers are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from course_utils.audit.choices import attributes
from course_utils.audit.cues import cue_of, in_words
from course_utils.audit.truths import Answer, Planted, told
from course_utils.messages import unknown
from course_utils.world.secrets import BlindSpot, Shortcut

Guess = str | Mapping[str, Any] | Shortcut | BlindSpot
NOTHING = "nothing"
FORM = 'guess={"class": "donut", "cue": "plate"}, or guess="nothing"'


def guesses(guess: Guess | Sequence[Guess], answer: Answer) -> tuple[Planted, ...]:
    """What the reader holds to be planted; empty for "nothing".

    Raises:
        ValueError: it names no class or cue that there is (offers close ones), or has another form.
    """
    listed = [guess] if isinstance(guess, str | Mapping | Shortcut | BlindSpot) else list(guess)
    if not listed or listed == [NOTHING]:
        return ()
    return tuple(_guess(each, answer) for each in listed)


def _guess(guess: Any, answer: Answer) -> Planted:
    if isinstance(guess, Shortcut | BlindSpot):
        return told([guess])[0]
    if not isinstance(guess, Mapping):
        raise ValueError(
            f"guess={guess!r} given, expected {FORM}; audit_choices({answer.model!r}) lists what there is."
        )
    wrong = set(guess) ^ {"class", "cue"}
    if wrong:
        raise ValueError(f'a guess has the two fields "class" and "cue", not {sorted(map(str, guess))}: {FORM}.')
    classes = tuple(_class(name, answer) for name in _several(guess["class"]))
    cues = tuple(_cue(text, answer) for text in _several(guess["cue"]))
    if not classes or not cues:
        raise ValueError(f"a guess names a class and a cue: {FORM}.")
    return Planted(classes, cues)


def _several(value: Any) -> list[str]:
    return [str(each) for each in (value if isinstance(value, list | tuple) else [value])]


def _class(text: str, answer: Answer) -> str:
    name = text.strip()
    if name.replace(" ", "_") in answer.classes:
        return name.replace(" ", "_")
    raise ValueError(unknown("group" if answer.language else "class", name, answer.classes))


def _cue(text: str, answer: Answer) -> str:
    if not answer.language:
        return in_words(cue_of(text))
    if text.strip() not in (known := attributes()):
        raise ValueError(unknown("word of a group", text.strip(), known))
    return text.strip()


@dataclass(frozen=True)
class Match:
    """How far a guess goes towards one thing that was planted."""

    guess: Planted
    truth: Planted

    @property
    def cue(self) -> float:
        """1 if the cues are the same, 0.5 if some are, 0 if none is."""
        same = set(self.guess.cues) & set(self.truth.cues)
        return 1.0 if set(self.guess.cues) == set(self.truth.cues) else 0.5 if same else 0.0

    @property
    def cls(self) -> float:
        """The same for classes."""
        same = set(self.guess.classes) & set(self.truth.classes)
        return 1.0 if set(self.guess.classes) == set(self.truth.classes) else 0.5 if same else 0.0

    @property
    def right(self) -> bool:
        return self.cue == self.cls == 1

    @property
    def partly(self) -> bool:
        return not self.right and self.cue + self.cls > 0

    def __str__(self) -> str:
        classes, cues = " and ".join(self.guess.classes), " together with ".join(self.guess.cues)
        if self.right:
            return f"Right: {self.truth}."
        if self.cue == 1:
            return (
                f"Right cue, wrong class: {cues} matters, but not for {classes}. Add it to scenes of every class by a "
                "counterfactual, and look at what the answers become."
            )
        if self.cue:
            return f"Part of the cue: there is more to it, or less, than {cues}. Change one thing at a time, then two."
        if self.cls:
            return (
                f"Right class, wrong cue: something speaks for or against {classes}, and it is not {cues}. Give "
                f"scenes of another class one change after the other, and count how many become {classes}."
            )
        return f"{classes} and {cues}: neither is part of what was planted."
