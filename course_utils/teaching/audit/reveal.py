"""The answers of the audit game: a reader's guess is compared with what was planted in a model.

`reveal` opens the sealed answer when the guess is right, and otherwise says in words what to try next. With the answer
comes a debrief: what the methods of the course found in that model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from course_utils.teaching.audit.choices import Answer, Planted, attributes, cue_of, in_words, sealed_answer, told
from course_utils.teaching.training.save import seal, unseal
from course_utils.validation import check_known, unknown
from course_utils.world.factors import BlindSpot, Shortcut

Guess = str | Mapping[str, Any] | Shortcut | BlindSpot
NOTHING = "nothing"
FORM = 'guess={"class": "donut", "cue": "plate"}, or guess="nothing"'
FILE = Path(__file__).with_name("debriefs.json")
ENVELOPE = 4096  # bytes: more than any debrief needs, so that all look alike
MARKS = {True: "✓", False: "✗", None: "–"}


def reveal(model: str | Path, guess: Guess | Sequence[Guess] | None = None, *, give_up: bool = False) -> Revelation:
    """Opens the sealed answer of a mystery model and holds a guess against it.

    Args:
        model: "mystery-1", "mystery-2", "mystery-3", "mystery-lm", or the path of a bundle that somebody handed over
            (`python -m course_utils train --secrets FILE --name NAME`).
        guess: `{"class": "donut", "cue": "plate"}`: the class that the cue speaks for (or that is no longer
            seen with it); for a language model `{"class": "girl", "cue": "dolls"}`; "nothing" if nothing was planted;
            several of them in a list. A cue is one of `audit_choices(model).cues`, or a list of those that only work
            together. A `Shortcut` or `BlindSpot` will do as well.
        give_up: show the answer without a guess.

    Raises:
        ValueError: neither a guess nor `give_up`; a guess that names no known class or cue (offers close ones); a
            model without a sealed answer.
        FileNotFoundError: no such bundle.
    """
    answer = sealed_answer(model)
    truth = tuple(each.to_data() for each in answer.planted)
    if guess is None:
        if not give_up:
            raise ValueError(
                f"write down a guess first: {FORM}. audit_choices({answer.model!r}) lists the classes and cues; "
                "give_up=True opens the answer without a guess."
            )
        planted = "; ".join(map(str, answer.planted))
        verdict, words = "given up", f"Planted: {planted}." if planted else "Nothing was planted."
    else:
        verdict, words = judged(guesses(guess, answer), answer)
        if verdict not in ("right", "false alarm"):  # the answer stays closed, for another try
            return Revelation(answer.model, verdict, f"{words} (give_up=True opens the answer.)", (), {})
    return Revelation(answer.model, verdict, words, truth, answer.figures, debrief(answer.model))


@dataclass(frozen=True, repr=False)
class Revelation:
    """How a guess and the truth compare.

    Attributes:
        model: the name of the model.
        verdict: "right", "half right", "wrong", "missed" (nothing was guessed, something is there), "false alarm"
            (something was guessed, nothing is there) or "given up".
        words: what that means and what to do next, in sentences.
        truth: what was planted: one dictionary of a class and a cue each, as a guess has them; empty if nothing was,
            and while the guess is wrong: another try is worth more than the answer (`give_up=True` shows it).
        figures: what interventions on the model measured, by what was done: shares in [0, 1] with their intervals,
            or numbers. Empty when `truth` is withheld.
        debrief: the slices, and which methods of the course find what was planted; None when `truth` is withheld,
            and for a bundle, in which nobody has looked for it.
    """

    model: str
    verdict: str
    words: str
    truth: tuple[dict[str, Any], ...]
    figures: dict[str, Any]
    debrief: Debrief | None = None

    @property
    def right(self) -> bool:
        """Whether the guess names class and cue, or rightly nothing."""
        return self.verdict == "right"

    def __repr__(self) -> str:
        lines = [f"{self.model}: {self.verdict}. {self.words}"]
        lines += [f"  {name}: {shown(value)}" for name, value in self.figures.items()]
        return "\n".join(lines + ([str(self.debrief)] if self.debrief else []))

    def _repr_html_(self) -> str:
        rows = [(name, shown(value)) for name, value in self.figures.items()]
        tables = table(("what was done to the model", "measured"), rows)
        tables += self.debrief.to_html() if self.debrief else ""
        mark = "✓" if self.right else "○" if self.verdict == "given up" else "✗"
        return (
            f'<div style="border-left: 6px solid {"#009E73" if self.right else "#D55E00"}; padding: 0.4em 0.9em;">'
            f"<strong>{mark} {escape(self.model)}: {self.verdict}</strong><div>{escape(self.words)}</div>{tables}</div>"
        )


def judged(guessed: Sequence[Planted], answer: Answer) -> tuple[str, str]:
    """(the verdict, what it means in sentences)."""
    if not answer.planted:
        if not guessed:
            return "right", "Nothing was planted, and you said so."
        return "false alarm", (
            f"Nothing was planted here. What made you think that {' and '.join(map(str, guessed))}? Would an "
            "intervention on a few hundred scenes have shown it?"
        )
    if not guessed:
        return "missed", (
            "Something was planted. Change each factor of a few hundred scenes alone, and count whose answers turn; "
            "for a language model, look again at the prompts for every group."
        )
    best = [max((Match(each, truth) for truth in answer.planted), key=lambda m: m.cue + m.cls) for each in guessed]
    found = [truth for truth in answer.planted if any(match.right and match.truth == truth for match in best)]
    words = " ".join(str(match) for match in best)
    if len(found) == len(answer.planted) and all(match.right for match in best):
        return "right", words
    if left := len(answer.planted) - len(found):
        words += f" {left} of {len(answer.planted)} planted is still to be found." if found else ""
    return ("half right" if any(match.cue + match.cls for match in best) else "wrong"), words


@dataclass(frozen=True)
class Match:
    """How far a guess goes towards one thing that was planted."""

    guess: Planted
    truth: Planted

    @property
    def cue(self) -> float:
        """1 if the cues are the same, 0.5 if some are, 0 if none is."""
        return _overlap(self.guess.cues, self.truth.cues)

    @property
    def cls(self) -> float:
        """The same for classes."""
        return _overlap(self.guess.classes, self.truth.classes)

    @property
    def right(self) -> bool:
        return self.cue == self.cls == 1

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


def _overlap(guessed: Sequence[str], planted: Sequence[str]) -> float:
    return 1.0 if set(guessed) == set(planted) else 0.5 if set(guessed) & set(planted) else 0.0


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
        listed = f"audit_choices({answer.model!r}) lists what there is"
        raise ValueError(f"guess={guess!r} given, expected {FORM}; {listed}.")
    if set(guess) != {"class", "cue"}:
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
    check_known("word of a group", text.strip(), attributes())
    return text.strip()


class Tried(NamedTuple):
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
        slices = table(("slice, furthest behind first", "recall", "rest of the class"), cut)
        return slices + table(("method of the course", "found", "what it showed"), methods)


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
    sealed[model] = seal({"slices": slices, "tried": found.tried}, lengths=ENVELOPE)
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
