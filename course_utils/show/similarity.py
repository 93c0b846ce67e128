"""How close pictures are to their class's mean activations, between the natural images that say what is close."""

from __future__ import annotations

import numpy as np

from course_utils.show.style import PALETTE, Picture, new_figure, styled
from course_utils.vision.rank_similarity import Similarity


@styled
def plot_similarity(found: Similarity, *, what: str = "pictures") -> Picture:
    """For each layer the middle 90 % of natural images of the same and of other classes, and each picture as a dot."""
    places = np.arange(len(found.layers))
    figure = new_figure(3.9)
    axes = figure.add_subplot()
    spread = np.random.default_rng(0).uniform(-0.08, 0.08, len(found.spearman))
    for shift, values, label, colour in (
        (-0.27, found.different, "natural, other classes", PALETTE[1]),
        (0.0, found.same, "natural, same class", PALETTE[5]),
    ):
        low, middle, high = np.quantile(values.numpy(), (0.05, 0.5, 0.95), axis=0)
        axes.bar(places + shift, high - low, 0.2, bottom=low, color=colour, alpha=0.45, label=f"{label} (90 %)")
        axes.hlines(middle, places + shift - 0.1, places + shift + 0.1, color="black", linewidth=1.5)
    for place, column in zip(places, found.spearman.T.numpy(), strict=True):
        axes.plot(
            place + 0.27 + spread, column, "o", color=PALETTE[0], markersize=4, label=what if place == 0 else None
        )
    axes.set_xticks(places, found.layers)
    axes.set(ylabel="rank correlation with class mean", ylim=(min(0, axes.get_ylim()[0]), 1))
    axes.grid(visible=False, axis="x")
    figure.legend(loc="outside lower center", ncols=2)
    medians = ", ".join(
        f"{layer} {own:.2f} ({same:.2f} and {other:.2f})"
        for layer, own, same, other in zip(
            found.layers, *(part.median(0).values.tolist() for part in (found.spearman, found.same, found.different)),
            strict=True,
        )
    )  # fmt: skip
    return Picture(
        figure, alt=f"Median rank correlation of {what} (natural images of same and other classes): {medians}."
    )
