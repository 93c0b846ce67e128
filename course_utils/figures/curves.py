"""Curves and bars with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from course_utils.figures.style import MARKERS, PALETTE, DescribedFigure, described, new_axes, styled
from course_utils.utils import Proportion

Numbers = Sequence[float] | Sequence[int] | np.ndarray | Tensor
STRONG, WEAK = PALETTE[0], "#8a8a8a"  # bars of what holds, and of what does not


@styled
def plot_curves(
    x: Numbers | Mapping[str, Numbers],
    curves: Mapping[str, Numbers | Sequence[Proportion]],
    *,
    intervals: Mapping[str, tuple[Numbers, Numbers]] | None = None,
    xlabel: str,
    ylabel: str,
    title: str,
    alt: str | None = None,
    logarithmic: str = "",
) -> DescribedFigure:
    """Lines over `x`, told apart by colour, marker and dash, with bands for their intervals.

    Args:
        x: the positions, one number for each point; or such numbers for each curve, by its name.
        curves: what to draw, by the name it has in the legend: numbers, or `Proportion`s, which bring their
            intervals along and are drawn in per cent.
        intervals: lower and upper ends for curves of numbers, by the curve's name.
        xlabel, ylabel: what the axes show, with units.
        title: the finding, in a sentence.
        alt: what the figure shows, with the numbers that matter, for readers who cannot see it; by default the title
            and, of each curve, where it begins, its largest value and where it ends.
        logarithmic: axes with logarithmic scales: `"x"`, `"y"` or `"xy"`.

    Raises:
        TypeError, ValueError: an empty alt text, no curves, a curve of another length than `x`, or an interval for
            a curve that is not there.
    """
    from matplotlib.ticker import MaxNLocator, NullFormatter

    if alt is not None:
        described(alt)
    if not curves:
        raise ValueError("no curves given, expected at least one, such as {'pocket': [0.1, 0.5]}.")
    every_x = {name: _numbers(x[name] if isinstance(x, Mapping) else x) for name in curves}
    bands = {name: tuple(map(_numbers, ends)) for name, ends in (intervals or {}).items()}
    for name in bands.keys() - curves.keys():
        raise ValueError(f"an interval for {name!r} given, expected one for a curve: {', '.join(curves)}.")
    figure, axes = new_axes(4.0 + 0.25 * max(0, len(curves) - 2))
    words: list[str] = []
    for name, values in curves.items():
        positions, (heights, band) = every_x[name], _with_band(values, bands.get(name))
        if len(heights) != len(positions):
            raise ValueError(f"curve {name!r} has {len(heights)} points, expected {len(positions)}, as many as x has.")
        (line,) = axes.plot(positions, heights, label=name)
        if band is not None:
            axes.fill_between(positions, *band, color=line.get_color(), alpha=0.12, linewidth=0)
        # The curve's first value, its largest, its last.
        rows = sorted({0, int(np.nanargmax(heights)) if np.isfinite(heights).any() else 0, len(heights) - 1})
        words.append(f"{name}: {', '.join(f'{heights[row]:.3g} at {positions[row]:.3g}' for row in rows)}")
    axes.set(xlabel=xlabel, ylabel=ylabel, **{f"{axis}scale": "log" for axis in logarithmic})
    for axis in logarithmic:  # plain numbers: mathematics is not set in these figures
        getattr(axes, f"{axis}axis").set_major_formatter("{x:g}")
        getattr(axes, f"{axis}axis").set_minor_formatter(NullFormatter())
    if "x" not in logarithmic and all((positions == positions.round()).all() for positions in every_x.values()):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(title, loc="left", wrap=True)
    if len(curves) > 2:  # many lines leave no room among themselves
        figure.legend(loc="outside lower center", ncols=2)
    elif len(curves) > 1:
        axes.legend()
    return DescribedFigure(figure, alt=alt or f"{title}. {ylabel} against {xlabel}. {'; '.join(words)}.")


def _with_band(values: Any, band: tuple | None) -> tuple[np.ndarray, tuple | None]:
    """A curve's heights with its lower and upper ends; shares become per cent."""
    if not isinstance(values, Tensor) and len(values) and isinstance(values[0], Proportion):
        low, high = (np.array([100 * getattr(share, end) for share in values]) for end in ("low", "high"))
        return np.array([100 * share.value for share in values]), (low, high)
    return _numbers(values), band


def _numbers(values: Numbers) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
    return np.asarray(values, dtype=float)


@styled
def plot_shares(
    shares: Mapping[str, Mapping[str, Proportion]], *, xlabel: str, title: str, alt: str | None = None
) -> DescribedFigure:
    """One row for each share: a mark at its value, a bar over its interval; several models side by side.

    Args:
        shares: model -> what was measured -> the share. The rows are those of the first model.
        xlabel: what the shares are of, in per cent.
        title: the finding, in a sentence.
        alt: what the figure shows, with the numbers that matter; by default the title and all shares.

    Raises:
        TypeError, ValueError: an empty alt text, or nothing to draw.
    """
    if alt is not None:
        described(alt)
    if not shares or not all(shares.values()):
        raise ValueError("no shares given, expected some for each model, such as {'pocket': {'lorry': …}}.")
    rows = list(next(iter(shares.values())))
    figure, axes = new_axes(1.1 + 0.42 * len(rows) + 0.3 * (len(shares) > 1))
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
    words = [f"{name}: {', '.join(f'{row} {x}' for row, x in every.items())}" for name, every in shares.items()]
    return DescribedFigure(figure, alt=alt or f"{title}. {xlabel}. {'; '.join(words)}.")


# ------------------------------------------------------------------ panels of bars


class Bar(NamedTuple):
    """A word's bar.

    Attributes:
        word: its name.
        value: length of the bar.
        note: what stands at its right.
        interval: ends of its own interval, where it has one.
        corrected: ends of the interval that allows for many words. Only odds ratios have one: their values are
            logarithms, and they are written as ×10.
        strong: whether it is drawn in colour and filled.
    """

    word: str
    value: float
    note: str
    interval: Sequence[float] | None = None
    corrected: Sequence[float] | None = None
    strong: bool = True


class Panel(NamedTuple):
    """Bars of the same words, what their lengths mean, and a length to compare with, and whose it is, where known."""

    bars: list[Bar]
    xlabel: str
    critical: float | None = None
    reached_by: str = ""


def draw_panels(axes: Sequence[Any], drawn: Sequence[Panel]) -> None:
    """Panels on axes that share their rows."""
    for each, (bars, xlabel, critical, reached_by) in zip(axes, drawn, strict=True):
        draw_bars(each, bars, xlabel)
        each.tick_params(axis="y", labelleft=each is axes[0])
        if critical is not None:
            each.axvline(critical, color="black", linewidth=1.4, linestyle="--", marker="")
            at = {"transform": each.get_xaxis_transform(), "va": "bottom", "fontsize": 9.5}
            each.text(critical, 1.0, reached_by, ha="center", **at)


def draw_bars(axes: Any, bars: Sequence[Bar], xlabel: str) -> None:
    """The bars on matplotlib's axes, the first at the top."""
    rows, colours = range(len(bars)), [STRONG if bar.strong else WEAK for bar in bars]
    fill = [colour if bar.strong else "white" for bar, colour in zip(bars, colours, strict=True)]
    axes.barh(rows, [bar.value for bar in bars], height=0.62, color=fill, edgecolor=colours, alpha=0.55)
    for name, width in (("interval", 2.6), ("corrected", 1.0)):
        if ends := [end for bar in bars if (end := getattr(bar, name))]:
            axes.hlines(rows, *zip(*ends, strict=True), color="black", linewidth=width)
    axes.set_yticks(rows, [bar.word.replace("\n", r"\n") for bar in bars])
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlabel(xlabel)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    beside = {"transform": axes.get_yaxis_transform()}
    for row, bar in zip(rows, bars, strict=True):
        axes.text(1.02, row, bar.note, va="center", fontsize=10.5, **beside)
    if bars[0].corrected:
        _ratio_axis(axes, bars)
        axes.text(1.02, -0.75, "here : there", va="bottom", fontsize=9.5, **beside)


def _ratio_axis(axes: Any, bars: Sequence[Bar]) -> None:
    """Logarithms of ratios, written as the ratios; what a wide interval has beyond ×1000 or below ×0.1 is cut off."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.axvline(0, color="black", linewidth=1.0)
    lows, highs = zip(*(bar.corrected or () for bar in bars), strict=True)
    low = min(0.0, *lows, *(bar.value for bar in bars))
    axes.set_xlim(max(low, -np.log(10)), min(max(highs), np.log(2000)) * 1.02)
    ticks = [10.0**power for power in range(-1, 4)]
    axes.set_xticks(np.log([tick for tick in ticks if axes.get_xlim()[0] <= np.log(tick) <= axes.get_xlim()[1]]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"×{np.exp(x):g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if len(axes.get_xticks()) > 4:
        axes.tick_params(axis="x", labelsize=9)


def panels_in_words(drawn: Sequence[Panel]) -> str:
    """All panels as sentences, for the alt text."""
    sentences = []
    for bars, xlabel, critical, by in drawn:
        values = [f"×{np.exp(bar.value):.3g}" if bar.corrected else f"{bar.value:.3g}" for bar in bars]
        fates = ["" if bar.strong else " (does not survive)" for bar in bars]
        words = [f"{bar.word} {value}{fate}" for bar, value, fate in zip(bars, values, fates, strict=True)]
        sentences.append(f"{xlabel.capitalize()}: {', '.join(words)}.")
        if critical is not None:
            sentences.append(f"{by.capitalize()} reach {critical:.3g}.")
    return " ".join(sentences)
