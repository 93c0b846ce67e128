"""Prompts that were found, as bars: how probable each makes its target, and what the vectors had promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from course_utils.language.found import FoundPrompts
from course_utils.language.prompts import OptimizedPrompts
from course_utils.show.html import described
from course_utils.show.style import PALETTE, Picture, new_figure, styled

LETTERS = 34  # of a prompt, beside its bar


@styled
def plot_prompts(found: FoundPrompts, n: int = 10, *, alt: str | None = None) -> Picture:
    """The best n prompts with the probability of their target.

    Args:
        found: the result of a search.
        n: how many prompts, at least 1; each is drawn once.
        alt: what the figure shows; by default the prompts with their probabilities.

    Raises:
        ValueError: n below 1.
    """
    best = found.best(n)
    probability = best.probability.tolist()
    figure = new_figure(0.9 + 0.32 * len(best))
    axes = figure.add_subplot()
    places = range(len(best))
    axes.barh(places, probability, color=PALETTE[0], height=0.65, label="after the prompt's tokens")
    if isinstance(best, OptimizedPrompts):
        soft = best.soft_probability.tolist()
        axes.plot(soft, places, "D", color="white", markeredgecolor="black", label="after the restart's vectors")
        figure.legend(loc="outside lower center", ncols=2)
    axes.set_yticks(places, [readable(pieces) for pieces in best.pieces])
    axes.set(xlim=(0, 1.02), xlabel=f"probability of {best.target!r}")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    listed = ", ".join(f"{text!r} {p:.2f}" for text, p in zip(best.text, probability, strict=True))
    return Picture(figure, alt=alt or f"Prompts found for {best.target!r} with its probability: {listed}.")


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
) -> Picture:
    """A plane in embedding space as a map: contours of a probability, words as points, a climb as a line.

    Args:
        heights: probabilities in [0, 1]; row 0 is the lowest.
        extent: left, right, bottom and top of the map, in any unit.
        points: words by name, at their places in the plane.
        path: places that a climb went through.
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
    return Picture(figure, alt=alt)


def readable(pieces: list[str]) -> str:
    """A prompt's tokens with dots between them; a space that begins a token is left out, as it would not be seen.

    What no font can draw, such as a control character, becomes �.
    """
    text = "·".join(piece.strip() or "␣" for piece in pieces)
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"
