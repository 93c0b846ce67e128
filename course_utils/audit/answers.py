"""`reveal`: the reader's guess held against what was planted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from course_utils.audit.debriefs import Debrief, debrief, shown, table
from course_utils.audit.guesses import FORM, Guess, Match, guesses
from course_utils.audit.truths import Answer, Planted, sealed_answer


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
        return Revelation(answer.model, "given up", _answer(answer), truth, answer.figures, debrief(answer.model))
    verdict, words = judged(guesses(guess, answer), answer)
    known = verdict in ("right", "false alarm")  # else the answer stays closed, for another try
    if not known:
        return Revelation(answer.model, verdict, f"{words} (give_up=True opens the answer.)", (), {})
    return Revelation(answer.model, verdict, words, truth, answer.figures, debrief(answer.model))


def judged(guessed: Sequence[Planted], answer: Answer) -> tuple[str, str]:
    """(the verdict, what it means in sentences)."""
    if not answer.planted:
        said = " and ".join(str(each) for each in guessed)
        return (
            ("right", "Nothing was planted, and you said so.")
            if not guessed
            else ("false alarm", f"Nothing was planted here. What made you think that {said}? Would an intervention on "
                  "a few hundred scenes have shown it?")
        )  # fmt: skip
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
    return ("half right" if any(match.right or match.partly for match in best) else "wrong"), words


def _answer(answer: Answer) -> str:
    return f"Planted: {'; '.join(map(str, answer.planted))}." if answer.planted else "Nothing was planted."
