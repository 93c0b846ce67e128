"""What an attack changed: before, the magnified difference, after."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.show.arrays import as_pictures
from course_utils.show.figures import draw_picture, percent
from course_utils.show.style import WIDTH, Picture, new_figure, styled

MOST = 4  # pictures in one figure: more rows than a screen holds help nobody


@styled
def show_perturbation(
    before: Tensor,
    after: Tensor,
    *,
    magnify: float | int | str = "auto",
    classifier: Classifier | None = None,
    captions: tuple[Sequence[str], Sequence[str]] | None = None,
    alt: str | None = None,
) -> Picture:
    """Pictures before and after, and between them their difference, magnified around mid-grey.

    The first four of a batch are drawn. Grey means "unchanged"; the factor stands in the title.

    Args:
        before: (batch, 3, height, width) in [0, 1].
        after: the same pictures changed, of the same shape.
        magnify: what to multiply the difference by; `"auto"` takes the whole number with which the largest
            change just fits the range from black to white.
        classifier: a `Classifier`, whose prediction is then written under each picture.
        captions: what to write under the pictures before and after instead, one text for each.
        alt: what the figure shows; by default the factor, the largest change and the captions.

    Raises:
        ValueError: shapes that differ, values outside [0, 1], a factor that is not above 0.
    """
    old, new = as_pictures(before, "before"), as_pictures(after, "after")
    if old.shape != new.shape:
        raise ValueError(f"before is {tuple(before.shape)} and after {tuple(after.shape)}, expected the same shape.")
    difference = new - old
    factor = magnification(difference) if magnify == "auto" else _checked(magnify)
    if classifier is not None and captions is None:
        captions = (_said(classifier, before[:MOST]), _said(classifier, after[:MOST]))
    rows = min(len(old), MOST)
    cell = WIDTH / 3 * old.shape[1] / old.shape[2]
    figure = new_figure(rows * (cell + (0.25 if captions else 0.05)) + 0.36)
    grid = figure.subplots(rows, 3, squeeze=False)
    for index, cells in enumerate(grid.tolist()):
        draw_change(cells, old[index], new[index], factor, titles=index == 0)
        for axes, texts in zip((cells[0], cells[2]), captions or (), strict=False):
            axes.text(0.5, -0.03, texts[index], transform=axes.transAxes, ha="center", va="top", fontsize=11.5)
    return Picture(figure, alt=alt or _in_words(difference[:rows], factor, captions))


def plot_attack(
    classes: Sequence[str],
    before: Tensor,
    after: Tensor,
    probabilities_before: Tensor,
    probabilities_after: Tensor,
    *,
    alt: str | None = None,
) -> Picture:
    """An attack's pictures with what the model said before and says after.

    Args:
        classes: the model's class names, in the order of its logits.
        before, after: (batch, 3, height, width) in [0, 1].
        probabilities_before, probabilities_after: (batch, classes) in [0, 1].
        alt: what the figure shows; by default the predictions and the largest change.
    """
    captions = (_best(classes, probabilities_before), _best(classes, probabilities_after))
    return show_perturbation(before, after, captions=captions, alt=alt)


def draw_change(cells: Sequence[Axes], old: np.ndarray, new: np.ndarray, factor: float, *, titles: bool = True) -> None:
    """A picture (height, width, 3), its magnified change and what became of it, into three axes."""
    change = (0.5 + factor * (new - old)).clip(0, 1)
    names = ("before", f"change × {factor:g}", "after") if titles else ("", "", "")
    for axes, picture, name in zip(cells, (old, change, new), names, strict=True):
        draw_picture(axes, picture, name)


def magnification(difference: np.ndarray) -> float:
    """The largest whole number with which the difference, around mid-grey, stays within black and white."""
    largest = float(np.abs(difference).max())
    return 1.0 if largest == 0 else max(1.0, float(floor(0.5 / largest + 1e-3)))


def _checked(magnify: float | int | str) -> float:
    if isinstance(magnify, str) or not magnify > 0:
        raise ValueError(f"magnify={magnify!r} given, expected 'auto' or a number above 0.")
    return float(magnify)


def _said(classifier: Classifier, images: Tensor) -> list[str]:
    prediction = classifier.predict(images)
    return [
        f"{name} {percent(float(sure))}" for name, sure in zip(prediction.classes, prediction.confidence, strict=True)
    ]


def _best(classes: Sequence[str], probabilities: Tensor) -> list[str]:
    sure, index = probabilities.max(dim=1)
    return [f"{classes[int(i)]} {percent(float(p))}" for p, i in zip(sure, index, strict=True)]


def _in_words(difference: np.ndarray, factor: float, captions: tuple[Sequence[str], Sequence[str]] | None) -> str:
    largest = 255 * float(np.abs(difference).max())
    rows = len(difference)
    words = (
        f"{rows} picture{'s' * (rows > 1)} before and after a change of at most {largest:.1f}/255 a pixel, "
        f"with the change magnified {factor:g} times between them"
    )
    if captions:
        words += ": " + ", ".join(f"{old} becomes {new}" for old, new in zip(*captions, strict=True))
    return words + "."
