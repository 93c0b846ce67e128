"""What a guess about a mystery model may name."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from course_utils.audit.cues import cues
from course_utils.audit.truths import sealed_answer


@dataclass(frozen=True, repr=False)
class AuditChoices:
    """The words that a guess may use.

    Attributes:
        model: the name of the model that is audited.
        classes: what can be said to be affected: a classifier's classes, a language model's groups.
        cues: what can be said to be the cause, in words: "green plate", "tag in the corner"; a language model's words.
    """

    model: str
    classes: tuple[str, ...]
    cues: tuple[str, ...]

    def __repr__(self) -> str:
        return (
            f"A guess about {self.model} names\n  a class: {', '.join(self.classes)}\n  a cue: {', '.join(self.cues)}"
        )

    def _repr_html_(self) -> str:
        rows = (("a class", self.classes), ("and a cue", self.cues))
        listed = "".join(f"<dt><strong>{what}</strong></dt><dd>{escape(', '.join(names))}</dd>" for what, names in rows)
        return f"<p>A guess about {escape(self.model)} names</p><dl>{listed}</dl>"


def audit_choices(model: str | Path = "mystery-1") -> AuditChoices:
    """What a guess about this model may name: its classes, and every cue that could have been planted.

    Raises:
        ValueError: no such model, or one without a sealed answer.
    """
    answer = sealed_answer(model)
    return AuditChoices(answer.model, answer.classes, tuple(attributes()) if answer.language else tuple(cues()))


def attributes() -> list[str]:
    """Every word that goes with some group of the written world."""
    from course_utils.corpus import groups, true_associations

    return sorted({word for group in groups() for word in true_associations(group)})
