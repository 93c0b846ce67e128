"""The lab of chapter 7: what does the match with natural images add to a class's image, and where?"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.figures.images import as_images, percent
from course_utils.figures.style import PALETTE, WIDTH, DescribedFigure, new_figure, styled
from course_utils.models.classifier import Classifier
from course_utils.teaching.labs import lab
from course_utils.teaching.labs.lab import Drawn, Lab, Progress, draw_framed
from course_utils.vision.prototypes import MATCH, Prototypes, generate_prototypes
from course_utils.vision.reference import FEWEST, Similarity, class_means, similarity, with_labels

MOST_MATCH = 60.0  # logits; beyond that nothing new is seen


def prototype_lab(
    classifier: Classifier,
    reference: Any,
    held_out: Any,
    *,
    cls: str | int | None = None,
    match: float = MATCH,
    steps: int = 100,
    seed: int = 0,
) -> Lab:
    """A panel in which the reader makes prototypes, with more or less of natural images in them.

    In it you choose a class, the weight of the match with natural images (0: the logit alone, without any data) and the
    number of steps, and see the prototype and how close it comes to its class at each layer, beside natural scenes.

    Args:
        classifier: a `Classifier`.
        reference: natural images whose activations are matched, or `ClassMeans`, as `generate_prototypes` takes them.
        held_out: other natural images, at least five of each class, that the image is held against.
        cls: the class to begin with; the first if None.
        match: the weight to begin with, 0 … 60 logits.
        steps: of each optimisation, 1 … 150.
        seed: of the noise to start from and of the transforms.

    Raises:
        ValueError: an unknown class, a weight or steps out of range, too few images of the first class.
    """
    lab.checked_steps(steps)
    if not 0 <= match <= MOST_MATCH:
        raise ValueError(f"match={match} given, expected 0 … {MOST_MATCH:g} logits.")
    first_class = classifier.classes[classifier.index(0 if cls is None else cls)]
    means = reference if hasattr(reference, "means") else class_means(classifier, reference, progress=False)
    means.of([first_class])
    images, labels = with_labels(classifier, held_out)

    @lru_cache(maxsize=64)
    def made(cls: str, match: float, steps: int) -> tuple[Prototypes, Similarity]:
        run = generate_prototypes(classifier, cls, reference=means, match=match, steps=steps, seed=seed, progress=False)
        rows = _own_and_others(labels, classifier.index(cls))
        return run, similarity(classifier, run.images, cls, (images[rows], labels[rows]), progress=False)

    def draw(cls: str, match: float, steps: int, progress: Progress) -> Drawn:
        return _draw(*made(cls, match, steps), f"{cls}, match {match:g}, {steps} steps")

    controls = {
        "cls": lab.menu("Class", classifier.classes, first_class),
        "match": lab.control("FloatSlider", "Match", match, min=0, max=MOST_MATCH, step=5),
        "steps": lab.steps_slider(steps),
    }
    return Lab("Lab: how much of natural images does a prototype need?", draw, controls, lab.about(prototype_lab))


def _own_and_others(labels: Tensor, target: int) -> Tensor:
    """All images of the class, and of each other class as few as make a mean: enough for both baselines."""
    others = [(labels == label).nonzero()[:FEWEST, 0] for label in labels.unique().tolist() if label != target]
    return torch.cat([(labels == target).nonzero()[:, 0], *others])


@styled
def _draw(run: Prototypes, found: Similarity, made_with: str) -> Drawn:
    figure = new_figure(WIDTH / 2)
    left, right = figure.subplots(1, 2)
    probability = percent(run.probability.item())
    draw_framed(left, as_images(run.images)[0], f"{run.classes[0]}: {probability}")
    own = found.labels == found.targets[0]
    _draw_layers(right, found.layers, found.spearman[0], found.same[own], found.different[own])
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    shares = zip(found.layers, (100 * found.above[0]).tolist(), strict=True)
    above = ", ".join(f"{layer} {share:.0f} %" for layer, share in shares)
    line = (
        f"{made_with}: logit {run.logit.item():.1f}, probability {probability}; closer to the class mean than this "
        f"share of natural images of the class: {above}."
    )
    alt = f"A prototype, and its rank correlation at each layer beside natural images: {line}"
    return DescribedFigure(figure, alt=alt), line


def _draw_layers(axes: Any, layers: list[str], image: Tensor, same: Tensor, different: Tensor) -> None:
    """For each layer the middle 90 % of natural images of the class and of others, and the image as a dot."""
    for place, values, colour, label in (
        (0.14, same, PALETTE[5], "same class, 90 %"),
        (-0.14, different, PALETTE[1], "other classes, 90 %"),
    ):
        low, high = np.quantile(values.numpy(), (0.05, 0.95), axis=0)
        axes.barh(np.arange(len(layers)) + place, high - low, 0.26, left=low, color=colour, alpha=0.45, label=label)
    axes.plot(image.numpy(), np.arange(len(layers)), "D", color="black", label="prototype")
    axes.set_yticks(range(len(layers)), layers)
    axes.invert_yaxis()
    axes.set(xlabel="rank correlation with class mean", xlim=(min(-0.1, axes.get_xlim()[0]), 1))
