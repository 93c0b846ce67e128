"""The lab of chapter 5: weigh penalties against the score, and watch fine detail and activation go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_utils import priors
from course_utils.models.classifier import Classifier
from course_utils.show.arrays import as_pictures
from course_utils.show.figures import percent
from course_utils.show.lab import Lab, Progress
from course_utils.show.lab_pictures import DEAD, checked_steps, draw_framed, visualized
from course_utils.show.lab_units import UnitMenu
from course_utils.show.style import WIDTH, Picture, new_figure, styled
from course_utils.vision.spectrum import high_frequency_share
from course_utils.vision.visualization import Visualization

PENALTIES = {prior.name: prior for prior in (priors.l1, priors.total_variation, priors.high_frequency)}
WEIGHTS = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0)  # half a power of ten each
CANVASES = {"pixels": "pixel", "waves (Fourier)": "fourier"}
ABOUT = (
    "In it you choose a unit, a canvas and the weights of three penalties, and see the picture that they lead to "
    "beside the one without, with the activation and the share of fine detail of both."
)
FAINT = 0.03  # standard deviation of the values in [0, 1]: below it a picture looks like an even grey


def penalty_lab(
    classifier: Classifier,
    *,
    objective: str | None = None,
    l1: float = 0.0,
    total_variation: float = 0.0,
    high_frequency: float = 1_000.0,
    canvas: str = "pixel",
    steps: int = 80,
    seed: int = 0,
) -> Lab:
    """A panel in which penalties are weighed against the score: activation bought against fine detail.

    No transforms are used, so that what is seen is the penalties' doing.

    Args:
        classifier: a `Classifier`.
        objective: the unit to begin with, `"layer3:12"` or `"logits:volcano"`; the logit of volcano, or of the first
            class, if None.
        l1, total_variation, high_frequency: the weights to begin with; the sliders go from 0 to 10000, half a power
            of ten at a time, and take in other numbers that are given here.
        canvas: `"pixel"` or `"fourier"`, to begin with.
        steps: of each climb, 1 … 150.
        seed: of the noise to start from.

    Raises:
        ValueError: an unknown layer, channel, class or canvas, a weight below 0, steps out of range.
    """
    checked_steps(steps)
    weights = {"l1": float(l1), "total_variation": float(total_variation), "high_frequency": float(high_frequency)}
    for name, weight in weights.items():
        _ = weight * PENALTIES[name]  # refuses what is no weight
    if canvas not in CANVASES.values():
        raise ValueError(f"canvas={canvas!r} given, expected 'pixel' or 'fourier'.")
    menu = UnitMenu(classifier, objective)

    without: dict[
        tuple[str, str], Visualization
    ] = {}  # pictures without penalties, by unit and canvas: each is made once

    def draw(
        layer: str, channel: int, cls: str, canvas: str, progress: Progress, **weights: float
    ) -> tuple[Picture, str]:
        aim, unit = menu.objective(layer, channel, cls), menu.name(layer, channel, cls)

        def climb(weights: Mapping[str, float]) -> Visualization:
            penalties = [weight * PENALTIES[name] for name, weight in weights.items() if weight]
            return visualized(
                classifier, aim, progress, canvas=canvas, priors=penalties, transforms=(), steps=steps, seed=seed
            )

        if (unit, canvas) not in without:
            without[unit, canvas] = climb({})
        given = climb(weights) if any(weights.values()) else without[unit, canvas]
        return _draw(unit, without[unit, canvas], given, weights)

    def controls(first: Mapping[str, Any]) -> dict[str, Any]:
        import ipywidgets as widgets

        return (
            menu.controls(first)
            | {"canvas": widgets.Dropdown(options=CANVASES, value=first["canvas"], description="Canvas")}
            | {
                name: widgets.SelectionSlider(
                    options=[(f"{weight:g}", weight) for weight in sorted({*WEIGHTS, first[name]})],
                    value=first[name],
                    description=name,
                    continuous_update=False,
                )
                for name in PENALTIES
            }
        )

    first = menu.first | {"canvas": canvas} | weights
    return Lab("Lab: score − weight · penalty", draw, first, controls, ABOUT)


@styled
def _draw(unit: str, without: Visualization, given: Visualization, weights: Mapping[str, float]) -> tuple[Picture, str]:
    both = {"no penalty": without, "with your weights": given}
    shares = [percent(high_frequency_share(each.images).item()) for each in both.values()]
    old, new = (each.activation.item() for each in both.values())
    height, width = without.images.shape[2:]
    figure = new_figure(WIDTH / 2 * height / width + 0.6)
    for axes, (name, each), share in zip(figure.subplots(1, 2), both.items(), shares, strict=True):
        draw_framed(axes, as_pictures(each.images)[0], f"{name}\nactivation {each.activation.item():.3g}, fine {share}")
    used = " + ".join(f"{weight:g} · {name}" for name, weight in weights.items() if weight)
    fine = "of the energy is above half Nyquist"
    if without.dead:
        line = f"{unit}: {DEAD}"
    elif used:
        line = (
            f"{unit} − ({used}): activation {new:.3g} instead of {old:.3g}; {shares[1]} {fine} instead of {shares[0]}."
        )
        if given.images.std() < FAINT:
            line += " The penalties left an even grey; the share is that of the little noise in it."
    else:
        line = f"{unit} without any penalty: activation {old:.3g}; {shares[0]} {fine}. Move a weight away from 0."
    alt = f"Two pictures made for {unit}, one without penalties and one with the weights chosen. {line}"
    return Picture(figure, alt=alt), line
