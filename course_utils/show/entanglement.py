"""Entanglement as a heat map, classes that share features side by side, with the model's confusions beside it."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.image import AxesImage
from torch import Tensor

from course_utils.show.style import WIDTH, Picture, new_figure, styled
from course_utils.vision.entanglement_result import Entanglement, largest_pairs

SMALLEST = 6.0  # points: lettering below that cannot be read on a phone
LARGEST = 10.5
MOST_NAMED = 40  # classes; with more, names would lie over each other


@styled
def plot_entanglement(entanglement: Entanglement, *, alt: str | None = None) -> Picture:
    """The matrix ordered by clustering; with images, the soft confusions below in the same order, in shares of 100.

    Args:
        entanglement: of `entanglement_matrix`.
        alt: what the figure shows; by default the most entangled pairs.
    """
    confusions = entanglement.confusions
    count = 1 if confusions is None else 2
    figure = new_figure(count * 0.92 * WIDTH)
    upper, *lower = figure.subplots(count, 1, squeeze=False)[:, 0]
    # Each with a power that spreads what matters: of places the highest, of probabilities, mostly small, the small.
    image = _draw(upper, entanglement, entanglement.matrix, "Prototypes: {} share most", power=3.0)
    upper.set(xlabel="class", ylabel="class")
    figure.colorbar(image, ax=upper, shrink=0.7, label="entanglement", ticks=[0.4, 0.6, 0.8, 1.0])
    if confusions is not None:
        [axes] = lower
        image = _draw(axes, entanglement, 100 * confusions, "Blurred images: {} are confused most", power=0.5)
        axes.set(xlabel="taken for", ylabel="blurred images of")
        figure.colorbar(image, ax=axes, shrink=0.7, label="mean probability (%)")
    return Picture(figure, alt=alt or in_words(entanglement))


def in_words(entanglement: Entanglement) -> str:
    """What the figure shows, for readers who cannot see it."""
    pairs = ", ".join(f"{first} and {second} ({value:.2f})" for first, second, value in entanglement.pairs(5))
    beside = "; below it the model's confusions of blurred images" if entanglement.confusions is not None else ""
    return f"Heat map of how entangled each class is with every other, most {pairs}{beside}."


def _draw(axes: Axes, entanglement: Entanglement, table: Tensor, title: str, *, power: float) -> AxesImage:
    order = entanglement.order
    [most] = largest_pairs((table + table.T) / 2, entanglement.classes, 1)
    axes.set_title(title.format(f"{most.first} and {most.second}"), parse_math=False)
    values = table[order][:, order].numpy()
    image = axes.imshow(
        values,
        cmap=colormaps["Blues"].with_extremes(bad="#dddddd"),
        norm=PowerNorm(power, vmin=0, vmax=max(1e-9, float(np.nanmax(values)))),
    )
    axes.grid(visible=False)
    names = [entanglement.classes[i] for i in order]
    if len(names) <= MOST_NAMED:
        size = max(SMALLEST, min(LARGEST, 200 / len(names)))
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size, parse_math=False)
        axes.set_yticks(range(len(names)), names, fontsize=size, parse_math=False)
    return image
