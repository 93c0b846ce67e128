"""The lab of chapter 2: choose an image, a target and a budget, and trick the classifier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from course_utils.figures.images import as_images, draw_probabilities, percent
from course_utils.figures.style import WIDTH, DescribedFigure, new_figure, styled
from course_utils.models.classifier import Classifier, Prediction
from course_utils.teaching.labs import lab
from course_utils.teaching.labs.lab import Drawn, ImageMenu, Lab, Progress
from course_utils.vision.attacks import draw_change, magnification
from course_utils.world import Scenes


def attack_lab(
    classifier: Classifier, scenes: Scenes, *, target: str | None = None, eps: int = 8, steps: int = 10
) -> Lab:
    """A panel in which the reader tricks the classifier.

    In it you choose an image, a target, epsilon and the number of steps, and see the image before and after the attack,
    the change magnified, and the probabilities of both. A button takes an image of your own.

    Args:
        classifier: a `Classifier`.
        scenes: the images to choose from, with `.images` and `.labels`; the first twenty are offered.
        target: the class to begin with; by default volcano, or the first that is not the image's own.
        eps: the ball's radius to begin with, in 255ths, 0 … 32.
        steps: the number of steps to begin with, 1 … 50.

    Raises:
        ValueError: no scenes, an unknown class, or a beginning outside those ranges.
    """
    offered = ImageMenu(classifier, scenes)
    if not (0 <= eps <= 32 and 1 <= steps <= 50):
        raise ValueError(f"eps={eps} and steps={steps} given, expected 0 … 32 (255ths) and 1 … 50.")
    if target is None:
        others = [name for name in classifier.classes if name != offered.names[0]]
        target = "volcano" if "volcano" in others else others[0]
    target = classifier.classes[int(classifier.targets(target, 1)[0])]

    def draw(image: int, upload: tuple, target: str, eps: int, steps: int, progress: Progress) -> Drawn:
        from course_utils.vision import targeted_attack

        before, note = offered.chosen(image, upload)
        after = before
        if classifier.predict(before).classes != [target]:  # else there is nothing to do, which is no error
            after = targeted_attack(
                classifier, before, target, eps=eps / 255, steps=steps, on_step=lab.on_step(progress, steps),
                progress=False,
            ).images  # fmt: skip
        label = "yours" if image == lab.OWN else offered.names[image]
        drawn, line = _draw(classifier, before, after, label, target, eps, steps)
        return drawn, line + note

    controls = {
        **offered.controls,
        "target": lab.menu("Target", classifier.classes, target),
        "eps": lab.control("IntSlider", "ε · 255", eps, min=0, max=32),
        "steps": lab.steps_slider(steps, 50),
    }
    return Lab("Lab: trick the classifier", draw, controls, lab.about(attack_lab), offered.link)


@styled
def _draw(
    classifier: Classifier, before: Tensor, after: Tensor, label: str, target: str, eps: int, steps: int
) -> Drawn:
    predictions = [classifier.predict(images) for images in (before, after)]
    old, new = as_images(before)[0], as_images(after)[0]
    factor = magnification(new - old)
    figure = new_figure(WIDTH / 3 + 1.2)
    cells = figure.add_gridspec(2, 3, height_ratios=[WIDTH / 3, 0.8])
    draw_change([figure.add_subplot(cells[0, column]) for column in range(3)], old, new, factor)
    for column, prediction in zip((0, 2), predictions, strict=True):
        axes = figure.add_subplot(cells[1, column])
        draw_probabilities(axes, classifier.classes, prediction.probabilities[0].tolist())
    line = _line(predictions, float(np.abs(new - old).max()), target, eps, steps)
    alt = f"An image of {label} before the attack, its change magnified {factor:g} times, and after. {line}"
    return DescribedFigure(figure, alt=alt), line


def _line(predictions: Sequence[Prediction], largest: float, target: str, eps: int, steps: int) -> str:
    old, new = (prediction.classes[0] for prediction in predictions)
    sure = percent(float(predictions[1].confidence[0]))
    if old == target:
        return f"The classifier already says {target} ({sure}): pick another target."
    count = f"{steps} step{'s' * (steps > 1)}"
    if new == target:
        change = f"no number changed by more than {255 * largest:.1f}/255"
        return f"Tricked: {old} is now {target}, {sure}, after {count}; {change}."
    return (
        f"Not tricked: after {count} within ε = {eps}/255 the classifier says {new}, {sure}. "
        "Try more steps or a larger ε."
    )
