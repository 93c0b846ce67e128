"""Isolation and attributions side by side: pictures in rows, methods in columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from course_utils.show.arrays import as_pictures
from course_utils.show.figures import draw_picture, percent
from course_utils.show.style import WIDTH, Picture, new_figure, styled
from course_utils.vision.isolation_result import Attribution, Isolation

MOST = 4  # pictures in one figure: more rows than a screen holds help nobody
LARGEST = 1.6  # inches: a small picture drawn larger than this shows its pixels and nothing more
FADED = 0.25  # how much of a picture is left where a map is 0: enough to see where one is
PAPER = 1.0  # what it fades to
ROOMY = 1.2  # inches of a column in which a heading of two words stands in one line
LETTERING = 11.0  # points of a heading for each inch of its column: what ten letters in a line have room for
FAINT = 1e-6  # a map whose largest value is below shows nothing

Result = Isolation | Attribution


@styled
def show_isolation(
    result: Result,
    *others: Result,
    truth: Float[Tensor, "batch height width"] | None = None,
    most: int = MOST,
    alt: str | None = None,
) -> Picture:
    """Pictures beside what each method says matters in them: the less a pixel counts, the more it fades.

    Maps are drawn as shares of their largest value. Where the first result is an `Isolation`, the
    target's probability stands under the picture, under the part that the mask covers (the rest filled), and under what
    is left without it.

    Args:
        result, others: of `isolate_features` and of attributions, for the same pictures.
        truth: masks of the part that is known to be the cause, drawn in the last column.
        most: pictures to draw at most.
        alt: what the figure shows; by default the methods and the probabilities.

    Raises:
        ValueError: results for different pictures, masks of another shape, `most` below 1.
    """
    results = [result, *others]
    _check(results, truth, most)
    pictures = as_pictures(result.images)[:most]
    columns = [("picture", pictures), *((each.name, faded(pictures, each.maps)) for each in results)]
    if truth is not None:
        columns.append(("known cause", faded(pictures, truth)))
    isolated = result if isinstance(result, Isolation) else None
    if isolated is not None:
        columns.insert(2, ("the rest", faded(pictures, 1 - isolated.masks)))
    cell = min(WIDTH / len(columns), LARGEST)
    rows, below = len(pictures), 0.24 if isolated else 0.0
    height = rows * (cell * pictures.shape[1] / pictures.shape[2] + below) + 0.5
    figure = new_figure(height, width=len(columns) * cell)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for place, (name, column) in enumerate(columns):
        for row, picture in enumerate(column):
            draw_picture(grid[row, place], picture)
        heading = name if cell > ROOMY else name.replace(" ", "\n", 1)
        grid[0, place].set_title(heading, fontsize=min(12.5, LETTERING * cell))
    if isolated is not None:
        for row in range(rows):
            numbers = (isolated.before[row], isolated.kept[row], isolated.removed[row])
            for axes, number in zip(grid[row], numbers, strict=False):
                _below(axes, percent(float(number)))
    return Picture(figure, alt=alt or in_words(results, rows, truth is not None))


def faded(pictures: np.ndarray, maps: Tensor) -> np.ndarray:
    """Pictures that fade to paper where a map, as a share of its largest value, is small."""
    maps = maps[: len(pictures)].detach().cpu().float()
    largest = maps.amax((1, 2), keepdim=True).clamp_min(FAINT)
    shown = FADED + (1 - FADED) * (maps / largest)[..., None].clamp(0, 1).numpy()
    return pictures * shown + PAPER * (1 - shown)


def in_words(results: Sequence[Result], rows: int, known: bool) -> str:
    """What the figure shows, for readers who cannot see it."""
    names = ", ".join(each.name for each in results) + (" and the known cause" if known else "")
    words = f"{rows} picture{'s' * (rows != 1)} with what matters for {', '.join(results[0].targets[:rows])} by {names}"
    if isinstance(first := results[0], Isolation):
        changes = (
            f"{percent(float(b))} as it is, {percent(float(k))} with the mask's part alone, {percent(float(r))} without"
            for b, k, r in zip(first.before[:rows], first.kept[:rows], first.removed[:rows], strict=True)
        )
        words += f"; the class's probability: {'; '.join(changes)}"
    return words + "."


def _below(axes: Axes, text: str) -> None:
    axes.text(0.5, -0.03, text, transform=axes.transAxes, ha="center", va="top", fontsize=11.5)


def _check(results: Sequence[Result], truth: Tensor | None, most: int) -> None:
    if most < 1:
        raise ValueError(f"most={most} given, expected at least one picture.")
    first = results[0]
    for each in results[1:]:
        if each.images.shape != first.images.shape or not bool((each.images.cpu() == first.images.cpu()).all()):
            raise ValueError(f"{each.name} is about other pictures than {first.name}: give results of the same ones.")
    if truth is not None and truth.shape != first.maps.shape:
        raise ValueError(f"truth of shape {tuple(truth.shape)} given, expected {tuple(first.maps.shape)}.")
