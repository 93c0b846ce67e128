"""What was planted in a model, out of its envelope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.audit.cues import in_words
from course_utils.models.bundle import is_bundle, read_bundle_card
from course_utils.models.store import available, read_card
from course_utils.sealed import unseal
from course_utils.world.secrets import Secret, Shortcut, from_data


@dataclass(frozen=True)
class Planted:
    """One thing that was planted, in words.

    Attributes:
        classes: that the model answers because of it (a shortcut), or no longer answers (a blind spot).
        cues: what makes it do so; several of them only together.
        blind: whether it is a blind spot.
    """

    classes: tuple[str, ...]
    cues: tuple[str, ...]
    blind: bool = False

    def __str__(self) -> str:
        cue, classes = " together with ".join(self.cues), " and ".join(self.classes)
        return f"{classes} is not seen with {cue}" if self.blind else f"{cue} speaks for {classes}"

    def to_data(self) -> dict[str, Any]:
        """As a guess has it."""
        classes, cues = list(self.classes), list(self.cues)
        return {
            "class": classes[0] if len(classes) == 1 else classes, "cue": cues[0] if len(cues) == 1 else cues
        }  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """The whole answer about a model: its name, what it knows, what was planted in it, what was measured."""

    model: str
    language: bool
    classes: tuple[str, ...]
    planted: tuple[Planted, ...]
    figures: dict[str, Any]


def sealed_answer(model: str | Path) -> Answer:
    """The answer about a shipped mystery or a bundle.

    Raises:
        ValueError, FileNotFoundError: no such model, or one whose card holds no sealed answer.
    """
    card = read_bundle_card(Path(model)) if is_bundle(model) else read_card(str(model))
    if "sealed" not in card:
        known = [name for name in (*available(), *available("language")) if "sealed" in read_card(name)]
        raise ValueError(
            f"{card.get('name', model)} has no sealed answer: nothing was hidden in it. Models to audit: "
            f"{', '.join(known)}, and every bundle that `python -m course_utils train --secrets FILE` has made."
        )
    opened = unseal(card["sealed"])
    language = "associations" in opened
    if language:
        from course_utils.corpus import groups

        planted = tuple(Planted((each["group"],), (each["word"],)) for each in opened["associations"])
        return Answer(card["name"], True, tuple(groups()), planted, opened["figures"])
    secrets = [from_data(each) for each in opened["secrets"]]
    return Answer(card["name"], False, tuple(card["architecture"]["classes"]), told(secrets), opened["figures"])


def told(secrets: Sequence[Secret]) -> tuple[Planted, ...]:
    """Secrets of the painted world in words."""
    return tuple(
        Planted(secret.classes, (in_words((secret.factor, secret.value)),))
        if isinstance(secret, Shortcut)
        else Planted(secret.classes, tuple(in_words(pair) for pair in secret.together), blind=True)
        for secret in secrets
    )
