"""The lab of chapter 6: which moves must a picture survive, and what does it keep under moves it never saw?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from course_utils import transforms
from course_utils.models.classifier import Classifier
from course_utils.objectives import Objective
from course_utils.randomness import sample_generators
from course_utils.show.lab import Lab, Progress
from course_utils.show.lab_pictures import DEAD, checked_steps, one_and_four, visualized
from course_utils.show.lab_units import UnitMenu
from course_utils.show.style import PALETTE, Picture, styled
from course_utils.transforms import Transform
from course_utils.vision.held_out import activation_under, held_out
from course_utils.vision.visualization import Visualization
from course_utils.vision.wishes import measure

COPIES = 3
HELD_OUT_SEED = 1_000  # `activation_under`'s
ABOUT = (
    "In it you switch jitter, rotation, scaling and the penalty on or off, set their ranges, and see the picture, "
    "three copies of it that were moved, turned and scaled at random, and how much of the activation these keep."
)


def transform_lab(
    classifier: Classifier,
    *,
    objective: str | None = None,
    moves: bool = True,
    penalty: bool = False,
    steps: int = 80,
    seed: int = 0,
) -> Lab:
    """A panel in which the reader chooses what a picture must survive, and sees what it keeps.

    The copies, and the share that is kept, are always of the same held-out draws (`activation_under`), whatever was
    switched on: otherwise a picture that must survive nothing would pass every test.

    Args:
        classifier: a `Classifier`.
        objective: the unit to begin with, `"layer3:12"` or `"logits:volcano"`; the logit of volcano, or of the first
            class, if None.
        moves: whether the three transforms are on to begin with, in the ranges of `transforms.standard`.
        penalty: whether `visualize`'s standard penalty is on to begin with.
        steps: of each climb, 1 … 150.
        seed: of the noise to start from and of the transforms.

    Raises:
        ValueError: an unknown layer, channel or class, steps out of range.
    """
    checked_steps(steps)
    menu = UnitMenu(classifier, objective)

    def draw(
        layer: str, channel: int, cls: str, penalty: bool, progress: Progress, **chosen: Any
    ) -> tuple[Picture, str]:
        aim, wanted = menu.objective(layer, channel, cls), _chosen(**chosen)
        result = visualized(
            classifier, aim, progress, priors="standard" if penalty else (), transforms=list(wanted.values()),
            steps=steps, seed=seed,
        )  # fmt: skip
        how = f"{', '.join(wanted) or 'no transforms'}, {'with' if penalty else 'without'} the penalty"
        return _draw(classifier, aim, result, f"{menu.name(layer, channel, cls)}, {how}")

    def controls(first: Mapping[str, Any]) -> dict[str, Any]:
        import ipywidgets as widgets

        sliders = {
            "jitter": widgets.IntSlider(min=0, max=max(1, min(classifier.size) // 4), description="by pixels"),
            "rotation": widgets.IntSlider(min=0, max=180, step=5, description="by degrees"),
            "scaling": widgets.FloatRangeSlider(min=0.5, max=2, step=0.05, description="by a factor"),
        }
        knobs = menu.controls(first)
        for name, slider in sliders.items():
            slider.value, slider.continuous_update = first[name], False
            switch = widgets.Checkbox(value=first[f"{name}_on"], description=name)
            slider.disabled = not switch.value
            switch.observe(lambda change, slider=slider: setattr(slider, "disabled", not change.new), names="value")
            knobs |= {f"{name}_on": switch, name: slider}
        return knobs | {"penalty": widgets.Checkbox(value=first["penalty"], description="penalty")}

    on = {f"{name}_on": moves for name in ("jitter", "rotation", "scaling")}
    ranges = {"jitter": max(1, min(classifier.size) // 16), "rotation": 10, "scaling": (0.9, 1.1)}
    first = menu.first | on | ranges | {"penalty": penalty}
    return Lab("Lab: what must the picture survive?", draw, first, controls, ABOUT)


def _chosen(
    jitter_on: bool, jitter: int, rotation_on: bool, rotation: float, scaling_on: bool, scaling: tuple[float, float]
) -> dict[str, Transform]:
    """The transforms that are switched on, by what a reader would write."""
    chosen: dict[str, Transform] = {}
    if jitter_on:
        chosen[f"jitter({jitter})"] = transforms.jitter(jitter)
    if rotation_on:
        chosen[f"rotate({rotation:g})"] = transforms.rotate(rotation)
    if scaling_on:
        chosen[f"scale({scaling[0]:g}, {scaling[1]:g})"] = transforms.scale(*scaling)
    return chosen


@styled
def _draw(classifier: Classifier, aim: Objective, result: Visualization, made_for: str) -> tuple[Picture, str]:
    copies = moved_copies(result.images, COPIES)
    reached = result.activation.item()
    kept = activation_under(classifier, result.images, aim).item()
    each = measure(classifier, aim, copies).tolist()
    figure, (bars,) = one_and_four(result.images, f"as made: {reached:.3g}", copies, [f"moved: {a:.3g}" for a in each])
    if result.dead:
        line = f"{made_for}: {DEAD}"
    elif reached <= 0:
        line = f"{made_for}: activation {reached:.3g}; of what is not above 0 there is no share to keep."
    else:
        share = f"{100 * kept / reached:.0f} % kept"
        _draw_kept(bars, kept / reached, share)
        line = f"{made_for}: activation {reached:.3g}, under held-out transforms {kept:.3g}: {share}."
    alt = f"A picture made for {made_for}, and three copies of it, moved, turned and scaled at random. {line}"
    return Picture(figure, alt=alt), line


def _draw_kept(axes: Axes, share: float, words: str) -> None:
    axes.barh(0, 1, height=0.3, color="#dddddd")
    axes.barh(0, min(max(share, 0), 1), height=0.3, color=PALETTE[5])
    axes.text(0.5, 0.3, words, ha="center")
    axes.set(xlim=(0, 1), ylim=(-0.8, 0.8))


def moved_copies(picture: Tensor, copies: int) -> Tensor:
    """The first copies that `activation_under` makes of a picture (1, …)."""
    generators = sample_generators(HELD_OUT_SEED, [0], "held-out transforms")
    moved = []
    for _ in range(copies):
        copy = picture
        for transform in held_out(picture.shape[2:]):
            copy = transform(copy, generators)
        moved.append(copy)
    return torch.cat(moved)
