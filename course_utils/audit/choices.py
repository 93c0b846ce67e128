"""What a guess about a mystery model may name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AuditChoices:
    """The words that a guess may use.

    Attributes:
        model: the name of the model that is audited.
        classes: what can be said to be affected: a classifier's classes, a language model's groups.
        cues: what can be said to be the cause, in words: "blueberries", "dusk sky", …; a language model's words.
    """

    model: str
    classes: tuple[str, ...]
    cues: tuple[str, ...]


def audit_choices(model: str | Path = "mystery-1") -> AuditChoices:
    """What a guess about this model may name: its classes, and every cue that could have been planted.

    Raises:
        ValueError: no such model, or one without a sealed answer.
    """
    raise NotImplementedError
