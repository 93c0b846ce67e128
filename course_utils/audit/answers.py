"""`reveal`: the reader's guess held against what was planted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Guess = str | Mapping[str, Any]  # "nothing", or {"class": …, "cue": …}


@dataclass(frozen=True)
class Revelation:
    """How a guess and the truth compare.

    Attributes:
        model: the name of the model.
        verdict: "right", "half right", "wrong", "missed" (nothing was guessed, something is there), "false alarm"
            (something was guessed, nothing is there) or "given up".
        words: what that means and what to do next, in sentences.
        truth: what was planted: one dictionary of a class and a cue each, as a guess has them; empty if nothing was.
        figures: what interventions on the model measured, by what was done; values are shares in [0, 1].
    """

    model: str
    verdict: str
    words: str
    truth: tuple[dict[str, Any], ...]
    figures: dict[str, Any]

    @property
    def right(self) -> bool:
        """Whether the guess names class and cue, or rightly nothing."""
        return self.verdict == "right"


def reveal(model: str | Path, guess: Guess | Sequence[Guess] | None = None, *, give_up: bool = False) -> Revelation:
    """Opens the sealed answer of a mystery model and holds a guess against it.

    Args:
        model: "mystery-1", "mystery-2", "mystery-3", "mystery-lm", or the path of a bundle that somebody handed over
            (`python -m course_utils train --secrets FILE --name NAME`).
        guess: `{"class": "waffle", "cue": "blueberries"}`, for a language model `{"class": "girl", "cue": "dolls"}`;
            "nothing" if nothing was planted; several of them in a list. A cue is one of
            `audit_choices(model).cues`, or a list of those that only work together.
        give_up: show the answer without a guess.

    Raises:
        ValueError: neither a guess nor `give_up`; a guess that names no known class or cue (offers close ones); a
            model without a sealed answer.
    """
    raise NotImplementedError
