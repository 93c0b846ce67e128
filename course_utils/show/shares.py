"""Shares beside each other, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping

from course_utils.proportions import Proportion
from course_utils.show.html import described
from course_utils.show.style import MARKERS, PALETTE, Picture, new_figure, styled


@styled
def plot_shares(shares: Mapping[str, Mapping[str, Proportion]], *, xlabel: str, title: str, alt: str) -> Picture:
    """One row for each share: a mark at its value, a bar over its interval; several models side by side.

    Args:
        shares: model -> what was measured -> the share. The rows are those of the first model.
        xlabel: what the shares are of, in per cent.
        title: the finding, in a sentence.
        alt: what the figure shows, with the numbers that matter.

    Raises:
        TypeError, ValueError: no alt text, or nothing to draw.
    """
    described(alt)
    if not shares or not all(shares.values()):
        raise ValueError("no shares given, expected some for each model, such as {'pocket': {'lorry': …}}.")
    rows = list(next(iter(shares.values())))
    figure = new_figure(1.1 + 0.42 * len(rows) + 0.3 * (len(shares) > 1))
    axes = figure.add_subplot()
    for place, (name, measured) in enumerate(shares.items()):
        shift = 0.26 * (place - (len(shares) - 1) / 2)
        heights = [row + shift for row in range(len(rows)) if rows[row] in measured]
        found = [100 * measured[row].value for row in rows if row in measured]
        low, high = ([100 * getattr(measured[row], end) for row in rows if row in measured] for end in ("low", "high"))
        axes.hlines(heights, low, high, color=PALETTE[place], linewidth=4, alpha=0.35)
        axes.plot(found, heights, MARKERS[place], color=PALETTE[place], label=name, linestyle="none", clip_on=False)
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlabel=xlabel, xlim=(-1, 101), ylim=(len(rows) - 0.5, -0.5))
    axes.set_title(title, loc="left", wrap=True)
    if len(shares) > 1:
        figure.legend(loc="outside lower center", ncols=2)
    return Picture(figure, alt=alt)
