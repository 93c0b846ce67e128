"""Whether a classifier uses what was planted in its world: interventions for any secret, not the course's alone."""

from __future__ import annotations

from collections.abc import Sequence

from course_utils.models.classifier import Classifier
from course_utils.models.evaluate import FRESH_SEED, PAIRS, Laboratory, accuracy
from course_utils.proportions import Proportion
from course_utils.world import PaintedWorld
from course_utils.world.factors import Choice, known_factor, seen_on
from course_utils.world.secrets import BlindSpot, Secret, Shortcut

SCOUTS = 40  # pairs of each class, of another seed, that decide on which of them a shortcut is measured
CONTROLS = (
    ("plate_colour", "white", "blue"),
    ("sky", "blue", "grey"),
    ("background", "plain", "dots"),
    ("mirrored", False, True),
    ("defocus", 0.0, 0.35),
)
ELSEWHERE = 1000  # scenes of a world without secrets


def measure_planted(
    classifier: Classifier, secrets: Sequence[Secret], *, pairs: int = PAIRS, seed: int = FRESH_SEED
) -> dict[str, Proportion]:
    """Flip rates of every secret and of a factor that does not matter, and accuracy where nothing is planted.

    A shortcut is measured by giving its cue to scenes of another class: the one, among all, of which most change on a
    few scenes apart; and by taking it from scenes of its own. Flip rates are shares of `pairs` counterfactual pairs.
    """
    lab, few = Laboratory(classifier, pairs, seed), Laboratory(classifier, min(pairs, SCOUTS), seed + 1)
    figures: dict[str, Proportion] = {}
    for secret in secrets:
        figures |= _shortcut(lab, few, secret) if isinstance(secret, Shortcut) else _blind_spot(lab, secret)
    fair = PaintedWorld(()).sample(ELSEWHERE if pairs >= PAIRS else pairs, seed=seed + 2)
    return figures | {f"accuracy on {len(fair)} scenes of a world without secrets": accuracy(classifier, fair)}


def _shortcut(lab: Laboratory, few: Laboratory, secret: Shortcut) -> dict[str, Proportion]:
    without, cue = {secret.factor: _other(secret.factor, secret.value)}, {secret.factor: _value(secret)}
    plate = {"plate": True} if secret.factor == "plate_colour" else {}  # a colour that can be seen
    figures = {}
    for own in secret.classes:
        others = [cls for cls in seen_on(secret.factor) if cls not in secret.classes]
        if others:
            victim = max(others, key=lambda cls: few.flips(cls, plate | without, cue, own).value)
            added = f"{_said(secret.factor, secret.value)} given to {victim}: becomes {own}"
            figures[added] = lab.flips(victim, plate | without, cue, own)
            figures |= _control(lab, victim, {secret.factor})
        taken = f"{_said(secret.factor, secret.value)} taken from {own}: becomes anything else"
        figures[taken] = lab.flips(own, plate | cue, without)
    return figures


def _blind_spot(lab: Laboratory, secret: BlindSpot) -> dict[str, Proportion]:
    """The combination, and each of its values alone, against scenes that have none of them."""
    without = {factor: _other(factor, value) for factor, value in secret.together}
    figures = {}
    for cls in secret.classes:
        words = " and ".join(_said(factor, value) for factor, value in secret.together)
        figures[f"{cls} given {words}: becomes anything else"] = lab.flips(cls, without, dict(secret.together))
        for factor, value in secret.together if len(secret.together) > 1 else ():
            alone = f"{cls} given {_said(factor, value)} alone: becomes anything else"
            figures[alone] = lab.flips(cls, without, {factor: value})
        figures |= _control(lab, cls, {factor for factor, _ in secret.together})
    return figures


def _control(lab: Laboratory, cls: str, planted: set[str]) -> dict[str, Proportion]:
    """The first factor that can be seen, was not planted and should not matter."""
    fits = (each for each in CONTROLS if each[0] not in planted and cls in seen_on(each[0]))
    factor, old, new = next(fits)
    given = {"plate": True} if factor == "plate_colour" else {}
    flips = lab.flips(cls, given | {factor: old}, {factor: new})
    return {f"control, {_said(factor, old)} to {new}: {cls} becomes anything else": flips}


def _value(secret: Shortcut) -> object:
    factor = known_factor(secret.factor)
    return secret.value if isinstance(factor, Choice) else factor.ends[str(secret.value)]


def _other(name: str, value: object) -> object:
    """The most common other value; of a number, the far end."""
    factor = known_factor(name)
    if not isinstance(factor, Choice):
        return factor.low if value == "high" else factor.high
    common = sorted(zip(factor.weights, factor.values, strict=True), key=lambda pair: -pair[0])
    return next(other for _, other in common if other != value)


def _said(factor: str, value: object) -> str:
    if isinstance(value, bool):
        return factor if value else f"no {factor}"
    return f"{factor} {value}"
