"""What the labs of chapters 4 to 6 have in common: the climb, watched by the panel's bar, and how its end is drawn."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.objectives import Objective
from course_utils.show.arrays import as_pictures
from course_utils.show.figures import draw_picture
from course_utils.show.lab import Progress
from course_utils.show.style import WIDTH, new_figure, styled
from course_utils.vision.visualization import Visualization

MOST_STEPS = 150  # about 1.6 seconds on an idle core for the shipped models
EVERY = 5  # steps between two moves of the bar: each is a message to the browser
DEAD = "No start wakes this unit: it is off wherever we begin (a dead ReLU), and the picture stays noise."


def checked_steps(steps: int) -> int:
    if not 1 <= steps <= MOST_STEPS:
        raise ValueError(f"steps={steps} given, expected 1 … {MOST_STEPS}: a lab has to answer in seconds.")
    return steps


def visualized(
    classifier: Classifier, objective: Objective, progress: Progress, *, steps: int, **options: Any
) -> Visualization:
    """`visualize` for a panel: its bar moves, and a dead unit is said in the panel instead of warned about."""
    from course_utils.vision import visualize

    def on_step(step: int, *_: object) -> None:
        if step % EVERY == 0:
            progress(step, steps)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return visualize(classifier, objective, steps=steps, on_step=on_step, progress=False, **options)


@styled
def one_and_four(picture: Tensor, title: str, others: Tensor, titles: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """A picture (1, …) large, and up to four others small beside it; the empty places are returned as axes."""
    large, small = as_pictures(picture)[0], as_pictures(others)
    figure = new_figure(WIDTH / 2 * large.shape[0] / large.shape[1] + 0.7)
    cells = figure.add_gridspec(2, 4)
    draw_framed(figure.add_subplot(cells[:, :2]), large, title)
    places = [figure.add_subplot(cells[row, column]) for row in (0, 1) for column in (2, 3)]
    for axes, each, name in zip(places, small, titles, strict=False):
        draw_framed(axes, each, name)
    for axes in places[len(small) :]:
        axes.set_axis_off()
    return figure, places[len(small) :]


def draw_framed(axes: Axes, picture: np.ndarray, title: str) -> None:
    """A picture with a thin line around it: a white sky would end nowhere on a white page."""
    draw_picture(axes, picture, title)
    axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, edgecolor="#888888", linewidth=0.8))
