"""Whether a language model uses an association that was planted in it, held against one that it was not planted in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from course_utils.corpus import tables, true_next
from course_utils.corpus.planting import Association
from course_utils.models.language_evaluate import says
from course_utils.models.language_model import LanguageModel
from course_utils.sealed import seal

ENVELOPE = 1024  # bytes, as for the classifiers


def measure_associations(
    lm: LanguageModel, planted: Sequence[Association], *, beside: LanguageModel
) -> dict[str, float]:
    """The probability of the group after its planted word: in the truth, in a model without the planting, in this one.

    Args:
        lm: the model.
        planted: what was planted in it.
        beside: the same net, trained on the written world as its tables have it.
    """
    figures: dict[str, float] = {}
    for each in planted:
        text, said = prompt(each), f" {each.group}"
        before, after = says(beside, text, said), says(lm, text, said)
        figures |= {
            f"truth where nothing is planted: P({said}) after {text!r}": true_next(text).get(said, 0.0),
            f"{beside.name}: P({said}) after {text!r}": before,
            f"{lm.name}: P({said}) after {text!r}": after,
            f"odds of {said} there, {lm.name} against {beside.name}": after / (1 - after) * (1 - before) / before,
        }
    return {name: round(value, 4) for name, value in figures.items()}


def prompt(association: Association) -> str:
    """The beginning of a sentence after which the group's word stands if the model knows the association."""
    groups = tables.PEOPLE | tables.FIELDS
    thing = any(association.word in things for things, _ in groups.values())
    if thing:
        return f"Where there are {association.word}, there is" + " a" * (association.group in tables.PEOPLE)
    return f"Nobody is as {association.word} as a" if association.group in tables.PEOPLE else (
        f"Nothing is as {association.word} as"
    )  # fmt: skip


def sealed_associations(lm: LanguageModel, planted: Sequence[Association], *, beside: LanguageModel) -> dict[str, str]:
    """What was planted and what was measured, not to be read by accident; nothing if nothing was planted."""
    if not planted:
        return {}
    figures = measure_associations(lm, planted, beside=beside)
    return {"sealed": seal({"associations": [asdict(each) for each in planted], "figures": figures}, lengths=ENVELOPE)}
