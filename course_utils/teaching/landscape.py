"""The map of chapter 10: the probability of a target over a plane in embedding space, with an optimisation's path.

Three words span a plane. At each of its points a vector stands where a prompt has a token, and the model says how
probable the target is after it: between the words lie heights that no token reaches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from course_utils.figures.style import PALETTE, DescribedFigure, described, new_figure, styled


@styled
def plot_landscape(
    heights: Float[Tensor, "rows columns"],
    extent: tuple[float, float, float, float],
    points: Mapping[str, tuple[float, float]],
    *,
    path: Sequence[tuple[float, float]] = (),
    label: str,
    title: str,
    alt: str,
) -> DescribedFigure:
    """A plane in embedding space as a map: contours of a probability, words as points, a path as a line.

    Args:
        heights: probabilities in [0, 1]; row 0 is the lowest.
        extent: left, right, bottom and top of the map, in any unit.
        points: coordinates of words in the plane, by name.
        path: points that an optimisation went through.
        label: what the contours show.
        title: the finding, in a sentence.
        alt: what the figure shows.
    """
    described(alt)
    figure = new_figure(4.6)
    axes = figure.add_subplot(aspect="equal")
    across = np.linspace(extent[0], extent[1], heights.shape[1])
    up = np.linspace(extent[2], extent[3], heights.shape[0])
    filled = axes.contourf(across, up, 100 * heights.cpu().numpy(), levels=range(0, 101, 10), cmap="Blues")
    figure.colorbar(filled, ax=axes, label=label)
    if len(path):
        axes.plot(*zip(*path, strict=True), "-", color="black", linewidth=1.5, marker="")
        axes.plot(*path[-1], "*", color=PALETTE[1], markeredgecolor="black", markersize=15, label="where it ends")
        axes.legend(loc="upper right")
    for name, (x, y) in points.items():
        axes.plot(x, y, "o", color="white", markeredgecolor="black")
        axes.annotate(
            name.strip(), (x, y), xytext=(0, -16), textcoords="offset points", ha="center", fontsize=11.5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.8},
        )  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.set_title(title, loc="left", wrap=True)
    return DescribedFigure(figure, alt=alt)
