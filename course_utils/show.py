"""Figures, the scrubber and the labs.

Everything here that is drawn has words beside it: `alt=` says what a figure shows, the words are in the HTML
that notebooks and the built book get, and without them nothing is drawn. Functions that know what they draw
(`show_predictions`, `show_perturbation`, `plot_attack`) write the words themselves; the others demand them.

Names are loaded when they are first used, so that a lab's ipywidgets or a figure's matplotlib cost nothing
before.
"""

from __future__ import annotations

from importlib import import_module

__path__: list[str] = []  # so that the first edition's `course_utils.show.style` is looked for

_WHERE = {
    "DescribedFigure": "figures.style",
    "Lab": "teaching.labs.lab",
    "Scrubber": "figures.images",
    "attack_lab": "teaching.labs.attack",
    "audit_lab": "teaching.labs.world",
    "cloud_lab": "teaching.labs.language",
    "feature_lab": "teaching.labs.features",
    "isolation_lab": "teaching.labs.isolation",
    "lorry_lab": "teaching.labs.world",
    "next_token_lab": "teaching.labs.language",
    "penalty_lab": "teaching.labs.features",
    "plot_associations": "language.word_scores",
    "plot_attack": "vision.attacks",
    "plot_calibration": "language.next_token",
    "plot_curves": "figures.curves",
    "plot_effects": "vision.slicing",
    "plot_forward_pass": "teaching.labs.language",
    "plot_landscape": "teaching.labs.language",
    "plot_next_tokens": "language.next_token",
    "plot_prompts": "language.prompt_results",
    "plot_scoreboard": "teaching.scoreboard",
    "plot_shares": "figures.curves",
    "prompt_lab": "teaching.labs.language",
    "prototype_lab": "teaching.labs.prototypes",
    "show_images": "figures.images",
    "show_isolation": "vision.saliency",
    "show_perturbation": "vision.attacks",
    "show_predictions": "models.classifier",
    "show_table": "figures.style",
    "transform_lab": "teaching.labs.features",
    "world_lab": "teaching.labs.world",
}

__all__ = sorted(_WHERE)
_RENAMED = {"Picture": "DescribedFigure"}  # the first edition's names, for this edition


def __getattr__(name: str) -> object:
    name = _RENAMED.get(name, name)
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from course_utils.validation import with_checked_kinds  # here: it imports torch

    return with_checked_kinds(getattr(import_module(f"course_utils.{_WHERE[name]}"), name))


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
