"""The questions of the audit game: what a guess about a mystery model may name, and scenes to look for it.

The words of a guess are classes and cues ("green plate", "tag in the corner"); each cue stands for a factor of the
painted world and its value. `sealed_answer` opens what was planted in a model, in the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import yaml

from course_utils.corpus import groups, true_associations
from course_utils.models.shipped import available, is_bundle, read_bundle_card, read_card
from course_utils.teaching.training.save import unseal
from course_utils.teaching.training.secrets import from_data
from course_utils.validation import unknown
from course_utils.world import PaintedWorld, Scenes
from course_utils.world.factors import FACTORS, Secret, Shortcut

Cue = tuple[str, object]  # a factor and its value; of a number "low" or "high"
WORDS: dict[str, dict[object, str]] = yaml.safe_load(Path(__file__).with_name("cues.yml").read_text(encoding="utf-8"))


def audit_choices(model: str | Path = "mystery-1") -> AuditChoices:
    """The classes and cues that a guess about this model may name: every one that could have been planted.

    Raises:
        ValueError: no such model, or one without a sealed answer.
    """
    answer = sealed_answer(model)
    return AuditChoices(answer.model, answer.classes, tuple(attributes()) if answer.language else tuple(cues()))


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


def audit_scenes(n: int, *, seed: int = 0, classes: str | Sequence[str] | None = None) -> Scenes:
    """Scenes of a world in which nothing is planted: every factor is drawn by itself, whatever the class.

    So they tell nothing about what was planted in a model: what goes together in its answers comes from the model.

    Args:
        n: how many; the classes (all of them unless picked) take turns.
        seed: of all that is drawn.
        classes: one class or several, by name.

    Raises:
        ValueError: n < 1, or an unknown class.
    """
    return PaintedWorld(secrets=()).sample(n, seed=seed, classes=classes)


def attributes() -> list[str]:
    """Every word that goes with some group of the written world."""
    return sorted({word for group in groups() for word in true_associations(group)})


def cues() -> dict[str, Cue]:
    """Words -> the factor and the value that they mean, for every factor of the painted world."""
    return {words: (factor, value) for factor, values in WORDS.items() for value, words in values.items()}


def in_words(cue: Cue) -> str:
    """A factor's value in words."""
    return next(words for words, other in cues().items() if other == cue)


def cue_of(text: str) -> Cue:
    """What the words mean; the name of a yes-or-no factor ("berries") means yes.

    Raises:
        ValueError: no cue is called that (offers close ones).
    """
    known, said = cues(), text.strip().lower().replace("_", " ")
    if said in known:
        return known[said]
    if text in FACTORS and (text, True) in known.values():
        return text, True
    raise ValueError(unknown("cue", text, known))


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
        named = {"class": list(self.classes), "cue": list(self.cues)}
        return {field: names[0] if len(names) == 1 else names for field, names in named.items()}


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
        ValueError, FileNotFoundError: no such model, or one whose card holds no sealed answer, or another world's.
    """
    card = read_bundle_card(Path(model)) if is_bundle(model) else read_card(str(model))
    if "sealed" not in card:
        known = [name for name in (*available(), *available("language")) if "sealed" in read_card(name)]
        raise ValueError(
            f"{card.get('name', model)} has no sealed answer: nothing was hidden in it. Models to audit: "
            f"{', '.join(known)}, and every bundle that `python -m course_utils train --secrets FILE` has made."
        )
    opened = unseal(card["sealed"])
    try:
        return _answer(card, opened, model)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the sealed answer in {model} is damaged ({error!r}); get the file anew") from None


def _answer(card: dict[str, Any], opened: Any, model: str | Path) -> Answer:
    for each in opened["figures"].values():  # numbers, or shares with their intervals
        sum(each[part] for part in ("value", "low", "high")) if isinstance(each, dict) else each + 0.0
    if "associations" in opened:
        planted = tuple(Planted((each["group"],), (each["word"],)) for each in opened["associations"])
        return Answer(card["name"], True, tuple(groups()), planted, opened["figures"])
    plan, world = card["architecture"], PaintedWorld
    if plan["classes"] != list(world.classes) or plan["size"] != world.size[0]:
        raise ValueError(
            f"the card in {model} does not fit: classes and size must be those of the painted world; "
            "ask for the file again"
        )
    secrets = [from_data(each) for each in opened["secrets"]]
    return Answer(card["name"], False, tuple(plan["classes"]), told(secrets), opened["figures"])


def told(secrets: Sequence[Secret]) -> tuple[Planted, ...]:
    """Secrets of the painted world in words."""
    return tuple(
        Planted(secret.classes, (in_words((secret.factor, secret.value)),))
        if isinstance(secret, Shortcut)
        else Planted(secret.classes, tuple(in_words(pair) for pair in secret.together), blind=True)
        for secret in secrets
    )
