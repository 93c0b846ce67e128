"""Word clouds, each above the bars that say what its sizes are worth.

A cloud is quickly taken in and hard to read: neither the size of a font nor the area of a word is judged well
(Maurits, Boers & Knevel 2022), long words look more important than short ones, and nothing says what is chance. So the
words are never drawn alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from numbers import Real
from random import Random
from typing import Any

import numpy as np

from course_utils.figures.curves import STRONG, WEAK, Bar, Panel, draw_panels, panels_in_words
from course_utils.figures.style import PALETTE, WIDTH, DescribedFigure, font_with, new_figure, printable, styled
from course_utils.language.associations import Prompts, as_words
from course_utils.language.next_token import spelt
from course_utils.language.word_scores import WordScores, finding, panels, prompt_table
from course_utils.utils import Proportion, proportion
from course_utils.validation import check_settings

BARS = 12  # rows below a cloud
INCHES = 2.5  # height of a cloud
ROW = 0.25  # of a bar
FONTS = (56, 48, 40, 34, 28, 24, 20, 17, 14)  # of the largest word, in pixels of 1/96 inch, the first that fits
SHADES = (PALETTE[0], PALETTE[1], PALETTE[2], "#000000")  # dark enough on white, told apart by the colour-blind


def word_cloud(
    prompts: Prompts | WordScores | Mapping[str, float],
    *,
    most: int = 40,
    seed: int = 0,
    title: str | None = None,
    alt: str | None = None,
) -> DescribedFigure:
    """A word cloud with bars of the same words below it.

    A word's area grows with its number. What the number is depends on what is given:

    - scores of associations with all controls: the words that survive, sized by z; below them odds ratios with
      intervals, and beside these what each word does alone, with the line that shuffled weights reach;
    - other scores: words with z above 0, sized by z, in colour where they survive the correction for many words, grey
      where not; below them their odds ratios with intervals;
    - prompts: words sized by the number of prompts that contain them; below them these shares with intervals;
    - a table of weights by word: sized by weight; below them the weights.

    Args:
        prompts: scores of `association_scores` or `text_associations`, prompts in the forms that the first takes, or
            weights above 0 by word.
        most: how many words to draw; those that find no room are left out.
        seed: of where the words go; the same seed gives the same image.
        title: the finding, in a sentence; one that states the numbers by default.
        alt: what the figure shows, for readers who cannot see it; by default a list of the words and their numbers.

    Raises:
        TypeError: something else, or a weight that is no number.
        ValueError: nothing to draw: no words, or none with a weight above 0; a weight that is infinite or NaN.
    """
    check_settings(most=most)
    if isinstance(prompts, WordScores):
        drawn = prompts.survives if prompts.effect is not None else prompts.z > 0
        rows = drawn.nonzero().squeeze(1).tolist()[:most]
        if not rows and prompts.effect is None:
            raise ValueError(_nothing("no word has a z above 0", "compare with prompts for other targets"))
        sizes = {prompts.words[row]: float(prompts.z[row]) for row in rows}
        colours = {prompts.words[row]: STRONG if prompts.survives[row] else WEAK for row in rows}
        return _cloud_and_bars(sizes, colours, panels(prompts, BARS), title or finding(prompts), "z", seed, alt)
    if isinstance(prompts, Mapping):
        weights, xlabel, sized_by = _positive(prompts), "weight", "weight"
        bars = [Bar(word, value, f"{value:.3g}") for word, value in weights.items()]
        title = title or "Words by weight"
    else:
        shares, xlabel, sized_by = word_shares(prompts), "% of prompts with the word", "frequency"
        weights = {word: float(share.successes) for word, share in shares.items()}
        bars = [Bar(word, 100 * p.value, f"{p.successes}", (100 * p.low, 100 * p.high)) for word, p in shares.items()]
        target, total = getattr(prompts, "target", None), next(iter(shares.values())).total
        of = f" for {target.strip()!r}" if target else ""
        title = title or f"Words in {total} prompts{of}, by frequency alone"
    sizes = dict(list(weights.items())[:most])
    colours = {word: SHADES[number % len(SHADES)] for number, word in enumerate(sizes)}
    return _cloud_and_bars(sizes, colours, [Panel(bars[:BARS], xlabel)], title, sized_by, seed, alt)


def word_shares(prompts: Prompts) -> dict[str, Proportion]:
    """Shares of prompts that contain each word, with their intervals, the most frequent first.

    Args:
        prompts: a result of `optimize_prompts`, or a list of texts or lists of tokens.

    Raises:
        TypeError, ValueError: no prompts (`association_scores`).
    """
    table = prompt_table([as_words(prompts)])
    counts = dict(zip(table.words, table.contains.sum(0).tolist(), strict=True))
    order = sorted(counts, key=lambda word: -counts[word])
    return {word: proportion(counts[word], len(table.source)) for word in order}


def _positive(weights: Mapping[str, Any]) -> dict[str, float]:
    positive: dict[str, float] = {}
    for word, weight in weights.items():
        if not isinstance(weight, Real):
            raise TypeError(f"the weight of {word!r} is {type(weight).__name__}, expected a number.")
        if not math.isfinite(weight):
            raise ValueError(f"the weight of {word!r} is {weight}, expected a finite number.")
        if float(weight) > 0:  # the same word with and without the space before it is one
            name = str(word).strip() or spelt(str(word) or " ")
            positive[name] = positive.get(name, 0.0) + float(weight)
    if not positive:
        raise ValueError(_nothing(f"none of the {len(weights)} words given has a weight above 0", "give some that do"))
    return dict(sorted(positive.items(), key=lambda entry: -entry[1]))


def _nothing(why: str, what_to_do: str) -> str:
    return f"there is nothing to draw a word cloud of: {why}; {what_to_do}."


@styled
def _cloud_and_bars(
    sizes: Mapping[str, float], colours: Mapping[str, str], below: Sequence[Panel], title: str, sized_by: str,
    seed: int, alt: str | None,
) -> DescribedFigure:  # fmt: skip
    heights = [INCHES, ROW * len(below[0].bars) + 0.55]
    figure = new_figure(sum(heights) + 0.6)
    grid = figure.add_gridspec(2, len(below), height_ratios=heights)
    cloud, first = figure.add_subplot(grid[0, :]), figure.add_subplot(grid[1, 0])
    bars = [first, *(figure.add_subplot(grid[1, column], sharey=first) for column in range(1, len(below)))]
    drawn, numbers = _draw_cloud(cloud, sizes, colours, seed) if sizes else ([], {})
    if not drawn:
        cloud.text(0.5, 0.5, "no word survives", ha="center", va="center", fontsize=14, color=WEAK)
        cloud.set_axis_off()
    cloud.set_title(f"sized by {sized_by}", fontsize=11.5)
    draw_panels(bars, below)
    figure.suptitle(title, fontsize=12.5, wrap=True)
    words = f": {', '.join(drawn[:15])}{' and more' if len(drawn) > 15 else ''}" if drawn else " of no word"
    told = f"A word cloud, sized by {sized_by}{words}. Below it bars. {panels_in_words(below)}"
    return DescribedFigure(figure, alt=alt or f"{title}. {told}", numbers=numbers)


def _draw_cloud(
    axes: Any, sizes: Mapping[str, float], colours: Mapping[str, str], seed: int
) -> tuple[list[str], dict[str, str]]:
    """The cloud on the axes; returns the words that were drawn, the largest first, and those drawn as numbers.

    A word's area grows with its number (its font with the root of it), and equal numbers get equal fonts. The library
    makes words smaller where there is no more room; then all of them are tried again in smaller fonts.
    """
    from wordcloud import WordCloud

    spelt_out = {word: printable(word).replace("\n", r"\n") for word in sizes}
    for_all = font_with("".join(sorted(set("".join(spelt_out.values())))))  # the cloud has one font
    chosen = for_all or font_with("a") or ("", "")
    lacking = [] if for_all else [word for word, name in spelt_out.items() if font_with(name) != chosen]
    numbers = {word: f"[{number}]" for number, word in enumerate(lacking, 1)}
    names = {numbers.get(word, name): word for word, name in spelt_out.items()}
    largest = max(sizes.values())
    shares = {name: (sizes[word] / largest) ** 0.5 for name, word in names.items()}
    for font in FONTS:
        cloud = WordCloud(
            width=round(WIDTH * 96),
            height=round(INCHES * 96),
            scale=2,  # drawn with twice the pixels that are searched for room
            font_path=chosen[1],
            background_color="white",
            color_func=lambda word, **_: colours[names[word]],
            prefer_horizontal=1.0,  # words on end are no easier to read
            relative_scaling=1.0,
            min_font_size=1,
            max_font_size=font,
            random_state=Random(int(seed)),
        ).generate_from_frequencies({word: share for word, share in shares.items() if share * font >= FONTS[-1] / 2})
        # Whether a word is smaller than its number asks for, compared with the word before it.
        pairs = pairwise((share, drawn) for (_, share), drawn, *_ in cloud.layout_)
        if not any(drawn < round(share / before * larger) for (before, larger), (share, drawn) in pairs):
            break
    axes.imshow(np.asarray(cloud.to_array()), interpolation="antialiased", aspect="equal")
    axes.set_axis_off()
    return [names[entry[0][0]] for entry in cloud.layout_], numbers
