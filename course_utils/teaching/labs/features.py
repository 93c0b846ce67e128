"""Labs of feature visualisation: units (chapter 4), penalties (chapter 5), transforms (chapter 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from course_utils import priors, transforms
from course_utils.figures.images import as_images, percent
from course_utils.figures.style import PALETTE, WIDTH, DescribedFigure, new_figure, styled
from course_utils.models.classifier import Classifier
from course_utils.objectives import Objective
from course_utils.teaching.labs import lab
from course_utils.teaching.labs.lab import Drawn, Lab, Progress, UnitMenu, draw_framed, one_and_four, visualized
from course_utils.transforms import Transform
from course_utils.utils import sample_generators
from course_utils.vision.feature_visualization import Visualization, measure
from course_utils.vision.measures import activation_under, held_out, high_frequency_share

RECIPES: dict[str, tuple[str, dict[str, Any]]] = {  # in words, and as `visualize` takes it
    "naive": ("pixels alone", {"canvas": "pixel", "priors": (), "transforms": ()}),
    "Fourier": ("waves in decorrelated colours", {"canvas": "fourier", "priors": (), "transforms": ()}),
    "everything": ("waves, penalty and transforms", {}),  # no longer, or the menu cuts it
}


def feature_lab(
    classifier: Classifier,
    *,
    images: Tensor,
    objective: str | None = None,
    recipe: str = "everything",
    steps: int = 80,
    seed: int = 0,
) -> Lab:
    """A panel to browse a network: the image made for a channel or class, and the natural scenes it answers to most.

    In it you choose a layer, a channel or class, a recipe and the number of steps, and see the image made for that unit
    beside the scenes that excite it most.

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
    lab.checked_steps(steps)
    if recipe not in RECIPES:
        raise ValueError(f"recipe={recipe!r} given, expected one of {', '.join(map(repr, RECIPES))}.")
    menu = UnitMenu(classifier, objective)

    excited: dict[str, Tensor] = {}  # what each unit says of the scenes: no recipe changes that

    def draw(layer: str, channel: int, cls: str, recipe: str, steps: int, progress: Progress) -> Drawn:
        aim, unit = menu.chosen(layer, channel, cls)
        words, options = RECIPES[recipe]
        result = visualized(classifier, aim, progress, steps=steps, seed=seed, **options)
        reached = result.activation.item()
        if unit not in excited:
            # a few at a time: the maps of a large net for all of them fill the memory
            said = [measure(classifier, aim, chunk.to(classifier.device)) for chunk in images.split(32)]
            excited[unit] = torch.cat(said).cpu()
        best = excited[unit].topk(min(4, len(images)))
        titles = [f"scene: {value:.3g}" for value in best.values.tolist()]
        figure, _ = one_and_four(result.images, f"{recipe}: {reached:.3g}", images[best.indices], titles)
        line = f"{unit} answers with {reached:.3g} to the image made in {steps} step{'s' * (steps > 1)} from "
        line += f"{words}; the best of {len(images)} scenes reaches {best.values[0]:.3g}."
        line = f"{unit}: {lab.DEAD}" if result.dead else line
        shown = f"An image made for {unit}, and the {len(best.values)} scenes that excite it most"
        return DescribedFigure(figure, alt=f"{shown}. {line}"), line

    recipes = [(f"{name}: {words}", name) for name, (words, _) in RECIPES.items()]
    controls = {**menu.controls, "recipe": lab.menu("Recipe", recipes, recipe), "steps": lab.steps_slider(steps)}
    return Lab("Lab: what does this unit look for?", draw, controls, lab.about(feature_lab), menu.link)


PENALTIES = {prior.name: prior for prior in (priors.l1, priors.total_variation, priors.high_frequency)}
WEIGHTS = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0)  # half a power of ten each
CANVASES = {"pixels": "pixel", "waves (Fourier)": "fourier"}
FAINT = 0.03  # standard deviation of the values in [0, 1]: below it an image looks like an even grey


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
    """A panel in which penalties are weighed against the score: activation bought against high frequencies.

    In it you choose a unit, a canvas and the weights of three penalties, and see the image that they lead to beside the
    one without, with the activation and the high-frequency share of both.

    No transforms are used, so that what is seen is the penalties' doing.

    Args:
        classifier: a `Classifier`.
        objective: the unit to begin with, `"layer3:12"` or `"logits:volcano"`; the logit of volcano, or of the first
            class, if None.
        l1, total_variation, high_frequency: the weights to begin with; the sliders go from 0 to 10000, half a power
            of ten at a time, and take in other numbers that are given here.
        canvas: `"pixel"` or `"fourier"`, to begin with.
        steps: of each optimisation, 1 … 150.
        seed: of the noise to start from.

    Raises:
        ValueError: an unknown layer, channel, class or canvas, a weight below 0, steps out of range.
    """
    lab.checked_steps(steps)
    weights = {"l1": float(l1), "total_variation": float(total_variation), "high_frequency": float(high_frequency)}
    for name, weight in weights.items():
        _ = weight * PENALTIES[name]  # refuses what is no weight
    if canvas not in CANVASES.values():
        raise ValueError(f"canvas={canvas!r} given, expected 'pixel' or 'fourier'.")
    menu = UnitMenu(classifier, objective)

    without: dict[tuple[str, str], Visualization] = {}  # without penalties, by unit and canvas: each is made once

    def draw(layer: str, channel: int, cls: str, canvas: str, progress: Progress, **weights: float) -> Drawn:
        aim, unit = menu.chosen(layer, channel, cls)

        def optimised(weights: Mapping[str, float]) -> Visualization:
            penalties = [weight * PENALTIES[name] for name, weight in weights.items() if weight]
            return visualized(
                classifier, aim, progress, canvas=canvas, priors=penalties, transforms=(), steps=steps, seed=seed
            )

        if (unit, canvas) not in without:
            without[unit, canvas] = optimised({})
        given = optimised(weights) if any(weights.values()) else without[unit, canvas]
        return _draw_penalties(unit, without[unit, canvas], given, weights)

    sliders = {name: lab.weight_slider(name, WEIGHTS, weight) for name, weight in weights.items()}
    controls = {**menu.controls, "canvas": lab.menu("Canvas", CANVASES, canvas), **sliders}
    return Lab("Lab: score − weight · penalty", draw, controls, lab.about(penalty_lab), menu.link)


@styled
def _draw_penalties(unit: str, without: Visualization, given: Visualization, weights: Mapping[str, float]) -> Drawn:
    both = {"no penalty": without, "with your weights": given}
    shares = [percent(high_frequency_share(each.images).item()) for each in both.values()]
    old, new = (each.activation.item() for each in both.values())
    height, width = without.images.shape[2:]
    figure = new_figure(WIDTH / 2 * height / width + 0.6)
    for axes, (name, each), share in zip(figure.subplots(1, 2), both.items(), shares, strict=True):
        draw_framed(axes, as_images(each.images)[0], f"{name}\nactivation {each.activation.item():.3g}, fine {share}")
    used = " + ".join(f"{weight:g} · {name}" for name, weight in weights.items() if weight)
    fine = "of the energy is above half Nyquist"
    if without.dead:
        line = f"{unit}: {lab.DEAD}"
    elif used:
        line = f"{unit} − ({used}): activation {new:.3g} instead of {old:.3g}; "
        line += f"{shares[1]} {fine} instead of {shares[0]}."
        if given.images.std() < FAINT:
            line += " The penalties left an even grey; the share is that of the little noise in it."
    else:
        line = f"{unit} without any penalty: activation {old:.3g}; {shares[0]} {fine}. Move a weight away from 0."
    alt = f"Two images made for {unit}, one without penalties and one with the weights chosen. {line}"
    return DescribedFigure(figure, alt=alt), line


COPIES = 3
HELD_OUT_SEED = 1_000  # `activation_under`'s


def transform_lab(
    classifier: Classifier,
    *,
    objective: str | None = None,
    moves: bool = True,
    penalty: bool = False,
    steps: int = 80,
    seed: int = 0,
) -> Lab:
    """A panel in which the reader chooses what an image must survive, and sees what it keeps.

    In it you switch jitter, rotation, scaling and the penalty on or off, set their ranges, and see the image, three
    copies of it that were moved, turned and scaled at random, and how much of the activation these keep.

    The copies, and the share that is kept, are always of the same held-out draws (`activation_under`), whatever was
    switched on: otherwise an image that must survive nothing would pass every test.

    Args:
        classifier: a `Classifier`.
        objective: the unit to begin with, `"layer3:12"` or `"logits:volcano"`; the logit of volcano, or of the first
            class, if None.
        moves: whether the three transforms are on to begin with, in the ranges of `transforms.standard`.
        penalty: whether `visualize`'s standard penalty is on to begin with.
        steps: of each optimisation, 1 … 150.
        seed: of the noise to start from and of the transforms.

    Raises:
        ValueError: an unknown layer, channel or class, steps out of range.
    """
    lab.checked_steps(steps)
    menu = UnitMenu(classifier, objective)

    def draw(layer: str, channel: int, cls: str, penalty: bool, progress: Progress, **chosen: Any) -> Drawn:
        (aim, unit), wanted = menu.chosen(layer, channel, cls), _chosen(**chosen)
        result = visualized(
            classifier, aim, progress, priors="standard" if penalty else (), transforms=list(wanted.values()),
            steps=steps, seed=seed,
        )  # fmt: skip
        how = f"{', '.join(wanted) or 'no transforms'}, {'with' if penalty else 'without'} the penalty"
        return _draw_transforms(classifier, aim, result, f"{unit}, {how}")

    usual = max(1, min(classifier.size) // 16)
    most = max(1, min(classifier.size) // 4)
    sliders = {
        "jitter": lab.control("IntSlider", "by pixels", usual, min=0, max=most),
        "rotation": lab.control("IntSlider", "by degrees", 10, min=0, max=180, step=5),
        "scaling": lab.control("FloatRangeSlider", "by a factor", (0.9, 1.1), min=0.5, max=2, step=0.05),
    }
    controls = {**menu.controls}
    for name, slider in sliders.items():
        controls |= {f"{name}_on": lab.control("Checkbox", name, moves), name: slider}
    controls["penalty"] = lab.control("Checkbox", "penalty", penalty)

    def link(made: Mapping[str, Any]) -> None:
        from ipywidgets import dlink

        menu.link(made)
        for name in sliders:
            dlink((made[f"{name}_on"], "value"), (made[name], "disabled"), lambda on: not on)

    return Lab("Lab: what must the image survive?", draw, controls, lab.about(transform_lab), link)


def _chosen(
    jitter_on: bool, jitter: int, rotation_on: bool, rotation: float, scaling_on: bool, scaling: tuple[float, float]
) -> dict[str, Transform]:
    """The transforms that are switched on, by what a reader would write."""
    offered = (
        (jitter_on, f"jitter({jitter})", transforms.jitter(jitter)),
        (rotation_on, f"rotate({rotation:g})", transforms.rotate(rotation)),
        (scaling_on, f"scale({scaling[0]:g}, {scaling[1]:g})", transforms.scale(*scaling)),
    )
    return {words: transform for on, words, transform in offered if on}


@styled
def _draw_transforms(classifier: Classifier, aim: Objective, result: Visualization, made_for: str) -> Drawn:
    copies = moved_copies(result.images, COPIES)
    reached = result.activation.item()
    kept = activation_under(classifier, result.images, aim).item()
    each = measure(classifier, aim, copies).tolist()
    figure, (bars,) = one_and_four(result.images, f"as made: {reached:.3g}", copies, [f"moved: {a:.3g}" for a in each])
    if result.dead:
        line = f"{made_for}: {lab.DEAD}"
    elif reached <= 0:
        line = f"{made_for}: activation {reached:.3g}; of what is not above 0 there is no share to keep."
    else:
        share = f"{100 * kept / reached:.0f} % kept"
        bars.barh(0, 1, height=0.3, color="#dddddd")
        bars.barh(0, min(max(kept / reached, 0), 1), height=0.3, color=PALETTE[5])
        bars.text(0.5, 0.3, share, ha="center")
        bars.set(xlim=(0, 1), ylim=(-0.8, 0.8))
        line = f"{made_for}: activation {reached:.3g}, under held-out transforms {kept:.3g}: {share}."
    alt = f"An image made for {made_for}, and three copies of it, moved, turned and scaled at random. {line}"
    return DescribedFigure(figure, alt=alt), line


def moved_copies(image: Tensor, copies: int) -> Tensor:
    """The first copies that `activation_under` makes of an image (1, …)."""
    generators = sample_generators(HELD_OUT_SEED, [0], "held-out transforms")
    (move,) = held_out(image.shape[2:])  # in one resampling
    return torch.cat([move(image, generators) for _ in range(copies)])
