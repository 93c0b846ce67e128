"""The lab of chapter 4: walk through a network's channels and classes, and see what each asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.show.lab import Lab, Progress
from course_utils.show.lab_pictures import DEAD, MOST_STEPS, checked_steps, one_and_four, visualized
from course_utils.show.lab_units import UnitMenu, answers
from course_utils.show.style import Picture

RECIPES: dict[str, dict[str, Any]] = {
    "naive": {"canvas": "pixel", "priors": (), "transforms": ()},
    "Fourier": {"canvas": "fourier", "priors": (), "transforms": ()},
    "everything": {},
}
IN_WORDS = {
    "naive": "pixels alone",
    "Fourier": "waves in decorrelated colours",
    "everything": "waves, a penalty, and transforms",  # no longer, or the menu cuts it
}
ABOUT = (
    "In it you choose a layer, a channel or class, a recipe and the number of steps, and see the picture made for that "
    "unit beside the scenes that excite it most."
)


def feature_lab(
    classifier: Classifier,
    *,
    images: Tensor,
    objective: str | None = None,
    recipe: str = "everything",
    steps: int = 80,
    seed: int = 0,
) -> Lab:
    """A panel to browse a network: the picture made for a channel or class, and the natural scenes it answers to most.

    Args:
        classifier: a `Classifier`.
        images: natural scenes, some hundreds, (n, channels, height, width) in [0, 1]; the best four are shown.
        objective: the unit to begin with, `"layer3:12"` or `"logits:volcano"`; the logit of volcano, or of the first
            class, if None.
        recipe: to begin with: `"naive"` (pixels), `"Fourier"` (waves), or `"everything"` (as `visualize` does it).
        steps: to begin with, 1 … 150.
        seed: of the noise to start from and of the transforms.

    Raises:
        ValueError: an unknown layer, channel, class or recipe, steps out of range, images that the classifier refuses.
        TypeError: images that are no tensor.
    """
    classifier.check_images(images)
    checked_steps(steps)
    if recipe not in RECIPES:
        raise ValueError(f"recipe={recipe!r} given, expected one of {', '.join(map(repr, RECIPES))}.")
    menu = UnitMenu(classifier, objective)

    excited: dict[str, Tensor] = {}  # what each unit says of the scenes: no recipe changes that

    def draw(layer: str, channel: int, cls: str, recipe: str, steps: int, progress: Progress) -> tuple[Picture, str]:
        aim, unit = menu.objective(layer, channel, cls), menu.name(layer, channel, cls)
        result = visualized(classifier, aim, progress, steps=steps, seed=seed, **RECIPES[recipe])
        reached = result.activation.item()
        if unit not in excited:
            excited[unit] = answers(classifier, aim, images)
        best = excited[unit].topk(min(4, len(images)))
        figure, _ = one_and_four(
            result.images,
            f"{recipe}: {reached:.3g}",
            images[best.indices],
            [f"scene: {value:.3g}" for value in best.values.tolist()],
        )
        line = f"{unit} answers with {reached:.3g} to the picture made in {steps} steps from "
        line += f"{IN_WORDS[recipe]}; the best of {len(images)} scenes reaches {best.values[0]:.3g}."
        line = f"{unit}: {DEAD}" if result.dead else line
        shown = f"A picture made for {unit}, and the {len(best.values)} scenes that excite it most"
        return Picture(figure, alt=f"{shown}. {line}"), line

    def controls(first: Mapping[str, Any]) -> dict[str, Any]:
        import ipywidgets as widgets

        return menu.controls(first) | {
            "recipe": widgets.Dropdown(
                options=[(f"{name}: {words}", name) for name, words in IN_WORDS.items()],
                value=first["recipe"],
                description="Recipe",
            ),
            "steps": widgets.IntSlider(
                value=first["steps"], min=1, max=MOST_STEPS, description="Steps", continuous_update=False
            ),
        }

    first = menu.first | {"recipe": recipe, "steps": steps}
    return Lab("Lab: what does this unit look for?", draw, first, controls, ABOUT)
