"""The lab of chapter 0: turn the knobs of one scene and watch what the classifier says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_utils.models.classifier import Classifier
from course_utils.show.figures import percent, show_predictions
from course_utils.show.lab import Lab, Progress
from course_utils.show.style import Picture
from course_utils.world import PaintedWorld
from course_utils.world.factors import amount, named_factor

ABOUT = (
    "In it you choose the class, the scene and its background, turn size, rotation, light, focus and noise, and see "
    "what the classifier says."
)
KNOBS = ("size", "rotation", "light", "defocus", "noise")  # amounts that get a slider


def world_lab(classifier: Classifier, world: PaintedWorld | None = None, *, name: str = "goldfish") -> Lab:
    """A panel that paints one scene: choose its class and its number, then change one factor after the other.

    Args:
        classifier: a classifier of the painted world.
        world: where scenes come from; `PaintedWorld()` unless told otherwise.
        name: the class to begin with.

    Raises:
        ValueError: an unknown class.
    """
    world = world or PaintedWorld()
    start = world.sample(1, seed=0, classes=name)

    def draw(
        cls: str, number: int, background: str, occluder: bool, progress: Progress, **amounts: float
    ) -> tuple[Picture, str]:
        scene = world.sample(1, seed=number, classes=cls)
        scene = world.counterfactual(scene, background=background, occluder=occluder, **amounts)
        said = classifier.predict(scene.images)
        answer, sure = said.classes[0], percent(said.confidence[0].item())
        verdict = "right" if answer == cls else f"wrong, it is {cls}"
        return show_predictions(classifier, scene.images, [cls]), f"{classifier.name} says {answer}, {sure}: {verdict}."

    def controls(first: Mapping[str, Any]) -> dict[str, Any]:
        import ipywidgets as widgets

        menus = {
            "cls": widgets.Dropdown(options=world.classes, value=first["cls"], description="class"),
            "number": widgets.IntSlider(
                min=0, max=50, value=first["number"], description="scene", continuous_update=False
            ),
            "background": widgets.Dropdown(options=named_factor("background").values, description="background"),
            "occluder": widgets.Checkbox(value=first["occluder"], description="something in front"),
        }
        menus["background"].value = first["background"]
        for knob in KNOBS:
            scale = amount(knob)
            menus[knob] = widgets.FloatSlider(
                min=scale.low, max=scale.high, step=(scale.high - scale.low) / 40, value=first[knob],
                description=knob, continuous_update=False, readout_format=".3f",
            )  # fmt: skip
        return menus

    first = {"cls": name, "number": 0} | {
        factor: start.factor(factor)[0] for factor in ("background", "occluder", *KNOBS)
    }
    return Lab("Lab: one scene, many knobs", draw, first, controls, ABOUT)
