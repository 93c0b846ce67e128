"""Words scored by how strongly they go with a target: log-odds ratios, corrected for the number of words.

A word is counted on two sides: in the prompts of a target and in those of others, or before a word of a text and
before other words. Its score is the logarithm of the ratio of its odds, with an informative Dirichlet prior (Monroe,
Colaresi & Quinn 2008). Of a thousand words some are far from zero by chance; so a word survives only where it beats
what the largest of all words reaches when the rows are permuted between the sides (Westfall & Young 1993).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import floor
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_utils.figures.curves import Bar, Panel, draw_panels, panels_in_words
from course_utils.figures.style import DescribedFigure, Drawn, new_figure, styled
from course_utils.utils import progress_bar, sample_generators

Words = Sequence[str]

LAST = 1e6  # more than any z: what puts words after all others
CHUNK = 128  # shuffles or resamples at a time: they fit into a processor's memory however many words there are


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class WordScores(Drawn):
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
    effect: Float[Tensor, "words"] | None = None  # what each word does alone, where that was asked
    effect_critical: float = 0.0

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

    @property
    def passed(self) -> str:
        """What the survivors have survived."""
        return "the correction for many words" if self.effect is None else "all three controls"

    def top(self, n: int = 10) -> list[str]:
        """The `n` first words, whether they survive or not."""
        return self.words[:n]

    def plot(self, most: int = 15) -> DescribedFigure:
        """Bars of the `most` strongest words with their intervals; hollow where a word does not survive."""
        return plot_associations(self, most=most)

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        what = f"associations of {self.target!r}" if self.target else "associations"
        best = ", ".join(f"{word} {z:.1f}" for word, z in zip(self.words[:5], self.z.tolist(), strict=False))
        return (
            f"{what}: {len(self.survivors)} of {len(self)} words survive {self.passed} (z > {self.critical:.1f}); "
            f"the first with z: {best}"
        )

    def _around(self, times: float) -> Float[Tensor, "words 2"]:
        return torch.stack([self.log_odds - times * self.deviation, self.log_odds + times * self.deviation], dim=1)


def check_correction(level: float, shuffles: int) -> None:
    """Raise ValueError for a confidence level outside (0, 1), or too few permutations to correct at it."""
    if not 0 < level < 1:
        raise ValueError(f"level={level} given, expected a confidence level between 0 and 1, such as 0.95.")
    if shuffles + 1 < (needed := round(1 / (1 - level))):
        raise ValueError(f"shuffles={shuffles} given, expected at least {needed - 1} to correct at level {level}.")


def scored(
    table: PromptTable, number: int,
    *, prior: float | None, level: float, shuffles: int, seed: int, progress: bool | None = None,
    effect: Float[Tensor, "words"] | None = None, effect_critical: float = 0.0,
) -> tuple[PromptTable, dict[str, Any]]:  # fmt: skip
    """Scores of one set of prompts against all others, corrected for the number of words.

    Args:
        effect: what each word does alone. The correction is then for the words above `effect_critical`, which were
            chosen without the prompts.

    Returns:
        The table with its columns in the order of strength, and the fields of `AssociationScores` that follow from it.
    """
    here = table.source == number
    counts, elsewhere = (table.contains[side].sum(0) for side in (here, ~here))
    prior = float(counts.sum()) if prior is None else float(prior)
    among = None if effect is None else effect > effect_critical
    largest = largest_by_chance(table, number, prior, shuffles, seed=seed, progress=progress, among=among)
    exceeded = floor((1 - level) * (1 + shuffles) + 1e-9)  # by chance, at most so often
    critical = float(largest.sort(descending=True).values[exceeded - 1])
    by = partial(strength, critical=critical, effect=effect, effect_critical=effect_critical)
    order, scores = ranked(table.words, counts, elsewhere, prior, by)
    scores |= {"critical": critical, "level": level}
    scores["p"] = (1 + (largest >= scores["z"].abs()[:, None]).sum(1)) / (1 + shuffles)
    if effect is not None:
        scores |= {"effect": effect[order], "effect_critical": effect_critical}
    return table.columns(order.tolist()), scores


def strength(
    z: Float[Tensor, "*batch words"], critical: float, effect: Float[Tensor, "words"] | None, effect_critical: float
) -> Float[Tensor, "*batch words"]:
    """What words are ordered by: z; where it was asked what each does alone, both in units of their critical values.

    Words that do no more alone than words do on shuffled weights come after all others, by z.
    """
    if effect is None:
        return z
    return torch.where(effect > effect_critical, z / critical + effect / effect_critical, z - LAST)


def ranked(
    words: Sequence[str],
    here: Int[Tensor, "words"],
    there: Int[Tensor, "words"],
    prior: float,
    by: Callable[[Tensor], Tensor] = lambda z: z,
) -> tuple[Int[Tensor, "words"], dict[str, Any]]:
    """The order of words by z (or by what follows from it), highest first, and the fields of `WordScores` in it."""
    scores = log_odds(here.float(), there.float(), prior)
    order = by(scores.z).argsort(descending=True, stable=True)
    return order, {
        "words": [words[column] for column in order.tolist()],
        "z": scores.z[order],
        "log_odds": scores.value[order],
        "deviation": scores.deviation[order],
        "counts": here[order],
        "background_counts": there[order],
        "prior": prior,
    }


@dataclass(frozen=True, eq=False)
class PromptTable:
    """Occurrences of words in prompts, one row a prompt.

    A word that stands in a prompt twice counts once: the words of one prompt were searched for together, so the
    prompt is what was drawn independently, not the word.

    Attributes:
        words: one for each column.
        contains: whether the prompt contains the word.
        source: which set of prompts each row is from: 0 for the first, 1, 2, … for the others.
    """

    words: list[str]
    contains: Bool[Tensor, "prompts words"]
    source: Int[Tensor, "prompts"]

    def without(self, words: Iterable[str]) -> PromptTable:
        """The table without the columns of these words, in upper or lower case."""
        dropped = {word.casefold() for word in words}
        return self.columns([i for i, word in enumerate(self.words) if word.casefold() not in dropped])

    def columns(self, columns: Sequence[int]) -> PromptTable:
        """The table with these columns alone, in this order."""
        return PromptTable([self.words[i] for i in columns], self.contains[:, list(columns)], self.source)

    def resampled_z(
        self, prior: float, resamples: int, *, seed: int, progress: bool | None = None
    ) -> Float[Tensor, "resamples words"]:
        """z of every word when the prompts of each source are drawn anew, with replacement (bootstrap)."""
        (generator,) = sample_generators(seed, [0], "bootstrap")
        contains, source, z = self.contains.float(), self.source, []
        ours, rows = source == 0, [(source == each).nonzero()[:, 0] for each in source.unique()]
        for first in progress_bar(range(0, resamples, CHUNK), "bootstrap", progress=progress):
            number = min(CHUNK, resamples - first)
            weights = torch.zeros(number, len(source))
            for mine in rows:
                drawn = mine[torch.randint(len(mine), (number, len(mine)), generator=generator)]
                weights.scatter_add_(1, drawn, torch.ones(drawn.shape))
            z.append(log_odds(weights[:, ours] @ contains[ours], weights[:, ~ours] @ contains[~ours], prior).z)
        return torch.cat(z)


def prompt_table(sets: Sequence[Sequence[Words]], words: Words | None = None) -> PromptTable:
    """Sets of prompts, each prompt a list of words, as one table.

    Args:
        sets: the prompts.
        words: those that have a column, in this order; all that occur, in alphabetical order, if None.
    """
    prompts = [prompt for each in sets for prompt in each]
    listed = sorted({word for prompt in prompts for word in prompt}) if words is None else list(words)
    column = {word: number for number, word in enumerate(listed)}
    contains = torch.zeros(len(prompts), len(listed), dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        contains[row, [column[word] for word in prompt if word in column]] = True
    source = torch.repeat_interleave(torch.arange(len(sets)), torch.tensor([len(each) for each in sets]))
    return PromptTable(listed, contains, source)


@dataclass(frozen=True, eq=False)
class LogOdds:
    """Log-odds ratios of words and their standard errors.

    Attributes:
        value: logarithm of the odds of the word here, divided by its odds there; above 0: more frequent here.
        deviation: its standard error.
    """

    value: Float[Tensor, "*batch words"]
    deviation: Float[Tensor, "*batch words"]

    @property
    def z(self) -> Float[Tensor, "*batch words"]:
        """The ratio in units of its standard error."""
        return self.value / self.deviation


def log_odds(here: Float[Tensor, "*batch words"], there: Float[Tensor, "*batch words"], prior: float) -> LogOdds:
    """The log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008).

    Plain ratios of frequencies put the rarest words first, which occur twice here and by chance never there. The prior
    adds, on both sides, `prior` words at the frequencies of both sides together: rare words are drawn toward "no
    difference", frequent ones hardly. Ours differs from the paper in that the prior's frequencies come from the two
    sides themselves and from no third body of text.

    Args:
        here, there: how often each word was counted on each side.
        prior: how many words the prior is worth, above 0.
    """
    here, there = here.double(), there.double()  # small differences of logarithms of large numbers
    pooled = here + there
    pseudo = prior * pooled / pooled.sum(-1, keepdim=True)
    seen = pooled > 0  # a resample may leave a word out: no counts, no pseudo-counts, no difference
    value, variance = torch.zeros_like(pooled), torch.zeros_like(pooled)
    for sign, counts in ((1, here), (-1, there)):
        count = torch.where(seen, counts + pseudo, 1.0)
        others = counts.sum(-1, keepdim=True) + prior - count
        value = value + sign * torch.where(seen, (count / others).log(), 0.0)
        variance = variance + 1 / count
    return LogOdds(value.float(), variance.sqrt().float())


def largest_by_chance(
    table: PromptTable, number: int, prior: float, shuffles: int,
    *, seed: int, progress: bool | None = None, among: Bool[Tensor, "words"] | None = None,
) -> Float[Tensor, "shuffles"]:  # fmt: skip
    """The largest |z| of any word (of `among`) when the prompts are permuted between one set and the others.

    A word is remarkable only if it beats what the largest of all words reaches by chance. Whole prompts are permuted,
    so that words which always stand together do not count as independent (Westfall & Young 1993, single step).
    """
    (generator,) = sample_generators(seed, [0], "shuffles")
    largest, contains, here = [], table.contains.float(), table.source == number
    chosen = torch.ones(len(table.words), dtype=torch.bool) if among is None else among
    if not chosen.any():
        return torch.full((shuffles,), torch.inf)
    for first in progress_bar(range(0, shuffles, CHUNK), "shuffles", progress=progress):
        keys = torch.rand(min(CHUNK, shuffles - first), len(here), generator=generator)
        shuffled = torch.zeros_like(keys).scatter_(1, keys.topk(int(here.sum()), dim=1).indices, 1.0)
        ours = shuffled @ contains
        largest.append(log_odds(ours, contains.sum(0) - ours, prior).z[:, chosen].abs().amax(1))
    return torch.cat(largest)


@styled
def plot_associations(scores: WordScores, *, most: int = 15, alt: str | None = None) -> DescribedFigure:
    """The strongest words' odds ratios as bars, and what each word does alone where that was asked.

    The thick line is each word's own interval, the thin one that which allows for the number of words: a word whose
    thin line keeps clear of ×1 passes the control of other targets. Bars of words that do not survive are hollow. At
    the right: prompts of the target with the word, and of the background. A line across the effects marks what
    shuffled weights reach.

    Args:
        scores: what to draw.
        most: how many words.
        alt: what the figure shows; by default the words with their odds ratios.
    """
    bars = panels(scores, most)
    figure = new_figure(0.27 * len(bars[0].bars) + 1.35)
    draw_panels(list(figure.subplots(1, len(bars), sharey=True, squeeze=False)[0]), bars)
    figure.suptitle(finding(scores), fontsize=12.5, wrap=True)
    return DescribedFigure(figure, alt=alt or f"{finding(scores)}. {panels_in_words(bars)}")


def panels(scores: WordScores, most: int) -> list[Panel]:
    """The first words' odds ratios, and their effects where they were asked."""
    counts = zip(scores.counts.tolist(), scores.background_counts.tolist(), strict=True)
    notes = [f"{here} : {there}" for here, there in counts]
    columns = (scores.log_odds, scores.interval, scores.corrected_interval, scores.survives)
    rows = zip(scores.words, notes, *(column.tolist() for column in columns), strict=True)
    bars = [Bar(word, value, note, own, corrected, strong) for word, note, value, own, corrected, strong in rows]
    found = [Panel(bars[:most], f"odds in these {scores.counted_in} against the others")]
    if scores.effect is not None:
        alone = [
            Bar(bar.word, max(0.0, nats), "", strong=bar.strong)
            for bar, nats in zip(bars[:most], scores.effect.tolist(), strict=False)
        ]
        found.append(Panel(alone, "asked alone, nats", scores.effect_critical, "shuffled weights"))
    return found


def finding(scores: WordScores) -> str:
    """The number of surviving words as a sentence, without its full stop."""
    found, words = len(scores.survivors), len(scores)
    of = f"{scores.target!r}: " if scores.target else ""
    what = f"{found} of {words} words survive{'s' * (found == 1)}" if found else f"none of {words} words survives"
    sentence = f"{of}{what} {scores.passed}"
    return sentence[0].upper() + sentence[1:]
