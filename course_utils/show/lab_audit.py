"""The lab of chapter 12: an audit bench. Choose a model, a class and a method, and see what it has to say."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch

from course_utils.models.classifier import Classifier
from course_utils.show.effects import plot_effects
from course_utils.show.figures import percent
from course_utils.show.lab import Lab, Progress
from course_utils.show.style import Picture
from course_utils.vision.effects import factor_effects
from course_utils.vision.isolation import isolate_features
from course_utils.vision.prototypes import generate_prototypes
from course_utils.world import Scenes

METHODS = ("interventions", "prototypes, no data", "isolation")
SCENES = 16  # of a class, for interventions: seconds
MASKS = 4  # scenes whose features are isolated
ABOUT = (
    "In it you choose a model, a class and a method: which changes of a scene turn the answer, what the class looks "
    "like to the model, or where in scenes of the class the answer hangs. A clean model beside the others shows what "
    "a method says where there is nothing to find."
)


def audit_lab(models: Mapping[str, Classifier], scenes: Scenes, *, cls: str | None = None, steps: int = 80) -> Lab:
    """A panel in which the reader turns the methods of the course on several models.

    Args:
        models: by the names in the menu, all of the painted world's classes.
        scenes: some of every class, best such in which every factor varies by itself.
        cls: the class to begin with; the first if None.
        steps: of prototypes and masks, 1 … 150.

    Raises:
        ValueError: no model, a class without scenes, or steps outside their range.
    """
    if not models:
        raise ValueError("no models given, expected at least one, such as {'pocket': load_classifier('pocket')}.")
    if not 1 <= steps <= 150:
        raise ValueError(f"steps={steps} given, expected 1 … 150: a lab has to answer in seconds.")
    names = list(dict.fromkeys(scenes.names))
    first_class = names[0] if cls is None else cls
    if first_class not in names:
        raise ValueError(f"cls={first_class!r} given, expected a class with scenes: {', '.join(names)}.")

    @lru_cache(maxsize=64)
    def drawn(model: str, cls: str, method: str) -> tuple[Picture, str]:
        own = scenes[torch.tensor([name == cls for name in scenes.names])]
        return _draw(models[model], own, cls, method, steps)

    def draw(model: str, cls: str, method: str, progress: Progress) -> tuple[Picture, str]:
        return drawn(model, cls, method)

    def controls(first: Mapping[str, Any]) -> dict[str, Any]:
        import ipywidgets as widgets

        menus = {"model": list(models), "cls": names, "method": list(METHODS)}
        words = {"model": "Model", "cls": "Class", "method": "Method"}
        return {
            name: widgets.Dropdown(options=options, value=first[name], description=words[name])
            for name, options in menus.items()
        }

    first = {"model": next(iter(models)), "cls": first_class, "method": METHODS[0]}
    return Lab("Lab: an audit bench", draw, first, controls, ABOUT)


def _draw(classifier: Classifier, scenes: Scenes, cls: str, method: str, steps: int) -> tuple[Picture, str]:
    if method == "interventions":
        effects = factor_effects(classifier, scenes[:SCENES], progress=False)
        line = f"{len(effects.alarms())} of {len(effects)} changes raise an alarm. Strongest: {effects.found[0]}."
        return plot_effects(effects, most=8), line
    if method == "isolation":
        masks = isolate_features(classifier, scenes.images[:MASKS], cls, steps=steps, progress=False)
        area, before, removed = (x.mean().item() for x in (masks.area, masks.before, masks.removed))
        line = (
            f"The masks cover {percent(area)} of the picture; without what they cover {cls} falls from "
            f"{percent(before)} to {percent(removed)} on average."
        )
        return masks.plot(MASKS), line
    made = generate_prototypes(classifier, cls, copies=3, steps=steps, progress=False)
    least = percent(made.probability.min().item())
    return made.plot(), f"Three climbs from other noise each; {classifier.name} is at least {least} sure of each."
