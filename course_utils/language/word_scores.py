"""Words with how strongly each is associated with a target, wherever they were counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from random import Random
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.font_manager import findfont
from matplotlib.ticker import FuncFormatter, NullFormatter
from torch import Tensor

from course_utils.figures.style import PALETTE, WIDTH, DescribedFigure, new_figure, styled
from course_utils.stats import Proportion


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class WordScores:
    """Words with how strongly they are associated with a target, the strongest first; one row a word.

    Attributes:
        words: without the spaces around them.
        z: log-odds ratio in units of its standard error; above 0: more frequent here than in the background.
        log_odds: logarithm of the odds ratio, drawn toward 0 by the prior.
        deviation: standard error of `log_odds`.
        counts: how many here contain the word.
        background_counts: how many of the background contain it.
        critical: the |z| above which a word survives the correction.
        level: confidence level of the intervals and of the correction.
        prior: how many words the prior is worth.
        target: what they are associated with, where that is known.
    """

    counted_in: ClassVar[str] = "prompts"  # what was counted

    words: list[str]
    z: Float[Tensor, "words"]
    log_odds: Float[Tensor, "words"]
    deviation: Float[Tensor, "words"]
    counts: Int[Tensor, "words"]
    background_counts: Int[Tensor, "words"]
    critical: float
    level: float
    prior: float
    target: str | None = None

    @property
    def interval(self) -> Float[Tensor, "words 2"]:
        """Lower and upper end of each word's own interval for `log_odds`, uncorrected."""
        from scipy.stats import norm  # here, because it takes as long to import as half of PyTorch

        return self._around(float(norm.ppf((1 + self.level) / 2)))

    @property
    def corrected_interval(self) -> Float[Tensor, "words 2"]:
        """The wider interval that allows for the number of words; it leaves out 0 where the word survives."""
        return self._around(self.critical)

    @property
    def survives(self) -> Bool[Tensor, "words"]:
        """Whether a word is more frequent here than chance and the number of words explain."""
        return self.z > self.critical

    @property
    def survivors(self) -> list[str]:
        """The words that survive the correction, the strongest first."""
        return [word for word, survives in zip(self.words, self.survives.tolist(), strict=True) if survives]

    def top(self, n: int = 10) -> list[str]:
        """The `n` words with the highest z, whether they survive the correction or not."""
        return self.words[:n]

    def plot(self, most: int = 15) -> Any:
        """Bars of the `most` strongest words with their intervals; hollow where a word does not survive."""

        return plot_associations(self, most=most)

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        what = f"associations of {self.target!r}" if self.target else "associations"
        best = ", ".join(f"{word} {z:.1f}" for word, z in zip(self.words[:5], self.z.tolist(), strict=False))
        return (
            f"{what}: {len(self.survivors)} of {len(self)} words survive the correction (z > {self.critical:.1f}); "
            f"highest z: {best}{self._more()}"
        )

    def _more(self) -> str:
        return ""

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"

    def _around(self, times: float) -> Float[Tensor, "words 2"]:
        return torch.stack([self.log_odds - times * self.deviation, self.log_odds + times * self.deviation], dim=1)


STRONG, WEAK = PALETTE[0], "#8a8a8a"
BARS = 12  # as many rows as stay legible beside a cloud
INCHES = 3.3  # height of a cloud and the bars beside it
FONTS = (48, 40, 34, 28, 24, 20, 17, 14)  # of the largest word, in pixels of 1/96 inch, the first that fits
SHADES = (PALETTE[0], PALETTE[1], PALETTE[2], "#000000")  # dark enough on white, told apart by the colour-blind


@dataclass(frozen=True)
class Bars:
    """What a plot of words shows: one entry a word, the strongest first.

    Attributes:
        words: their names.
        values, low, high: lengths of the bars and ends of their intervals; no intervals where `low` is None.
        wide: ends of the intervals that allow for many words, where there are such.
        strong: which words are drawn in colour and filled.
        notes: what stands at the right of each bar.
        xlabel: what the bars' lengths mean.
        ratios: whether the values are logarithms of ratios, written as ×10.
    """

    words: Sequence[str]
    values: Sequence[float]
    notes: Sequence[str]
    xlabel: str
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    wide: Sequence[tuple[float, float]] | None = None
    strong: Sequence[bool] | None = None
    ratios: bool = False

    def first(self, n: int) -> Bars:
        cut = {name: getattr(self, name) and getattr(self, name)[:n] for name in ("low", "high", "wide", "strong")}
        return Bars(self.words[:n], self.values[:n], self.notes[:n], self.xlabel, ratios=self.ratios, **cut)


@styled
def plot_associations(scores: WordScores, *, most: int = 15, alt: str | None = None) -> DescribedFigure:
    """The strongest words' odds ratios as bars, sorted by z.

    The thick line is each word's own interval, the thin one that which allows for the number of words: a word whose
    thin line keeps clear of ×1 survives. Bars of the others are hollow. At the right: prompts of the target with the
    word, and of the background.

    Args:
        scores: what to draw.
        most: how many words.
        alt: what the figure shows; by default the words with their odds ratios.
    """
    bars = _bars(scores).first(most)
    figure = new_figure(0.27 * len(bars.words) + 1.35)
    _draw_bars(figure.add_subplot(), bars)
    figure.suptitle(_finding(scores), fontsize=12.5, wrap=True)
    return DescribedFigure(figure, alt=alt or f"{_finding(scores)}. {_words_of(bars)}")


@styled
def cloud_of_scores(scores: WordScores, *, most: int, seed: int, title: str | None, alt: str | None) -> DescribedFigure:
    """Words with z above 0, sized by z, grey where they do not survive; beside them the bars."""
    chosen = [i for i in range(min(most, len(scores))) if scores.z[i] > 0]
    sizes = {scores.words[i]: float(scores.z[i]) for i in chosen}
    colours = {scores.words[i]: STRONG if scores.survives[i] else WEAK for i in chosen}
    return _cloud_and_bars(sizes, colours, _bars(scores), title or _finding(scores), "z", seed, alt)


@styled
def cloud_of_shares(
    shares: Mapping[str, Proportion], *, target: str | None, most: int, seed: int, title: str | None, alt: str | None
) -> DescribedFigure:
    """Words sized by the number of prompts that contain them; beside them these shares with intervals."""
    names = list(shares)
    per_cent = [[100 * getattr(share, end) for share in shares.values()] for end in ("value", "low", "high")]
    counts = [f"{share.successes}" for share in shares.values()]
    total = next(iter(shares.values())).total
    bars = Bars(names, per_cent[0], counts, "% of prompts with the word", per_cent[1], per_cent[2])
    of = f" for {target.strip()!r}" if target else ""
    title = title or f"Words in {total} prompts{of}, by frequency alone"
    sizes = {word: float(shares[word].successes) for word in names[:most]}
    return _cloud_and_bars(sizes, _shades(sizes), bars, title, "frequency", seed, alt)


@styled
def cloud_of_weights(
    weights: Mapping[str, float], *, most: int, seed: int, title: str | None, alt: str | None
) -> DescribedFigure:
    """Words sized by weight; beside them the weights."""
    names, values = list(weights), list(weights.values())
    bars = Bars(names, values, [f"{value:.3g}" for value in values], "weight")
    sizes = dict(list(weights.items())[:most])
    return _cloud_and_bars(sizes, _shades(sizes), bars, title or "Words by weight", "weight", seed, alt)


def _cloud_and_bars(
    sizes: Mapping[str, float],
    colours: Mapping[str, str],
    bars: Bars,
    title: str,
    sized_by: str,
    seed: int,
    alt: str | None,
) -> DescribedFigure:
    bars = bars.first(BARS)
    figure = new_figure(INCHES + 0.75)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.05])
    drawn = _draw_cloud(left, sizes, colours, seed)
    left.set_title(f"sized by {sized_by}", fontsize=11.5)
    _draw_bars(right, bars)
    figure.suptitle(title, fontsize=12.5, wrap=True)
    cloud = f"A word cloud, sized by {sized_by}: {', '.join(drawn[:15])}{' and more' if len(drawn) > 15 else ''}."
    return DescribedFigure(figure, alt=alt or f"{title}. {cloud} Beside it bars. {_words_of(bars)}")


def _draw_cloud(axes: Axes, sizes: Mapping[str, float], colours: Mapping[str, str], seed: int) -> list[str]:
    """The cloud on the axes; returns the words that were drawn, the largest first.

    A word's area grows with its number (its font with the root of it), and equal numbers get equal fonts. The library
    makes words smaller where there is no more room; then all of them are tried again in smaller fonts.
    """
    from wordcloud import WordCloud

    largest = max(sizes.values())
    shares = {word: (size / largest) ** 0.5 for word, size in sizes.items()}
    for font in FONTS:
        cloud = WordCloud(
            width=round(WIDTH / 2 * 96),
            height=round(INCHES * 96),
            scale=2,  # drawn with twice the pixels that are searched for room
            font_path=findfont("DejaVu Sans"),  # the figures' own, and it has the letters of most languages
            background_color="white",
            color_func=lambda word, **_: colours[word],
            prefer_horizontal=1.0,  # words on end are no easier to read
            relative_scaling=1.0,
            min_font_size=1,
            max_font_size=font,
            random_state=Random(seed),
        ).generate_from_frequencies({word: share for word, share in shares.items() if share * font >= FONTS[-1] / 2})
        if not _squeezed(cloud.layout_):
            break
    axes.imshow(np.asarray(cloud.to_array()), interpolation="antialiased", aspect="equal")
    axes.set_axis_off()
    return [entry[0][0] for entry in cloud.layout_]


def _squeezed(layout: Sequence[Any]) -> bool:
    """Whether a word in the cloud is smaller than its number, compared with the word before it, asks for."""
    pairs = [(share, font) for (_, share), font, *_ in layout]
    return any(font < round(share / before * larger) for (before, larger), (share, font) in pairwise(pairs))


def _draw_bars(axes: Axes, bars: Bars) -> None:
    rows = range(len(bars.words))
    strong = bars.strong or [True] * len(bars.words)
    colours = [STRONG if each else WEAK for each in strong]
    axes.barh(rows, bars.values, height=0.62, color=[c if s else "white" for c, s in zip(colours, strong, strict=True)],
              edgecolor=colours, alpha=0.55)  # fmt: skip
    if bars.low is not None and bars.high is not None:
        axes.hlines(rows, bars.low, bars.high, color="black", linewidth=2.6)
    if bars.wide is not None:
        axes.hlines(rows, *zip(*bars.wide, strict=True), color="black", linewidth=1.0)
        axes.axvline(0, color="black", linewidth=1.0)
    axes.set_yticks(rows, bars.words)
    axes.set_ylim(len(bars.words) - 0.4, -0.6)
    axes.set_xlabel(bars.xlabel)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    if bars.ratios:
        _ratio_axis(axes, bars)
    for row, note in zip(rows, bars.notes, strict=True):
        axes.text(1.02, row, note, transform=axes.get_yaxis_transform(), va="center", fontsize=10.5)
    if bars.ratios:
        axes.text(1.02, -0.75, "here : there", transform=axes.get_yaxis_transform(), va="bottom", fontsize=9.5)


def _ratio_axis(axes: Axes, bars: Bars) -> None:
    """Logarithms of ratios, written as the ratios; what a wide interval has beyond ×1000 or below ×0.1 is cut off."""
    low = min(0.0, *(end for end, _ in bars.wide or ()), *bars.values)
    high = max(end for _, end in bars.wide or [(0.0, 1.0)])
    axes.set_xlim(max(low, -np.log(10)), min(high, np.log(2000)) * 1.02)
    ticks = [10.0**power for power in range(-1, 4)]
    axes.set_xticks(np.log([tick for tick in ticks if axes.get_xlim()[0] <= np.log(tick) <= axes.get_xlim()[1]]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"×{np.exp(x):g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _bars(scores: WordScores) -> Bars:
    own, wide = scores.interval.tolist(), scores.corrected_interval.tolist()
    counts = zip(scores.counts.tolist(), scores.background_counts.tolist(), strict=True)
    return Bars(
        words=scores.words,
        values=scores.log_odds.tolist(),
        notes=[f"{here} : {there}" for here, there in counts],
        xlabel=f"odds in these {scores.counted_in} against the others",
        low=[low for low, _ in own],
        high=[high for _, high in own],
        wide=[(low, high) for low, high in wide],
        strong=scores.survives.tolist(),
        ratios=True,
    )


def _finding(scores: WordScores) -> str:
    found, words = len(scores.survivors), len(scores)
    of = f"{scores.target!r}: " if scores.target else ""
    what = f"{found} of {words} words survive{'s' * (found == 1)}" if found else f"none of {words} words survives"
    found_out = f"{of}{what} the correction for many words"
    return found_out[0].upper() + found_out[1:]


def _words_of(bars: Bars) -> str:
    strong = bars.strong or [True] * len(bars.words)
    value: Any = (lambda x: f"×{np.exp(x):.3g}") if bars.ratios else (lambda x: f"{x:.3g}")
    words = [
        f"{word} {value(length)}{'' if survives else ' (does not survive)'}"
        for word, length, survives in zip(bars.words, bars.values, strong, strict=True)
    ]
    return f"{bars.xlabel.capitalize()}: {', '.join(words)}."


def _shades(sizes: Mapping[str, float]) -> dict[str, str]:
    return {word: SHADES[number % len(SHADES)] for number, word in enumerate(sizes)}
