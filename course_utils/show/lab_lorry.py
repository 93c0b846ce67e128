"""The lab of chapter 1: paint a lorry, its sky and its trailer, and see whether the classifier sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_utils.models.classifier import Classifier
from course_utils.show.figures import percent, show_predictions
from course_utils.show.lab import Lab, Progress
from course_utils.show.style import Picture
from course_utils.world import PaintedWorld
from course_utils.world.factors import named_factor

ABOUT = "In it you choose the sky and the colour of the trailer, and see whether the classifier sees the lorry."
KNOBS = ("trailer", "sky")


def lorry_lab(classifier: Classifier, *, trailer: str = "red", sky: str = "blue") -> Lab:
    """A panel that paints one lorry: choose its scene, the trailer's colour and the sky.

    Args:
        classifier: a classifier of the painted world.
        trailer, sky: what to begin with.

    Raises:
        ValueError: an unknown colour or sky.
    """
    world = PaintedWorld(secrets=())
    for knob, value in zip(KNOBS, (trailer, sky), strict=True):
        named_factor(knob).encode(knob, value)

    def draw(number: int, progress: Progress, **colours: str) -> tuple[Picture, str]:
        scene = world.counterfactual(world.sample(1, seed=number, classes="lorry"), **colours)
        said = classifier.predict(scene.images)
        answer, sure = said.classes[0], percent(said.confidence[0].item())
        verdict = "it sees the lorry" if answer == "lorry" else "it does not see the lorry"
        picture = show_predictions(classifier, scene.images, ["lorry"])
        return picture, f"{classifier.name} says {answer}, {sure}: {verdict}."

    def controls(first: Mapping[str, Any]) -> dict[str, Any]:
        import ipywidgets as widgets

        number = widgets.IntSlider(min=0, max=50, value=first["number"], description="scene", continuous_update=False)
        menus = {
            knob: widgets.Dropdown(options=named_factor(knob).values, value=first[knob], description=knob)
            for knob in KNOBS
        }
        return {**menus, "number": number}

    return Lab("Lab: paint a lorry", draw, {"trailer": trailer, "sky": sky, "number": 0}, controls, ABOUT)
