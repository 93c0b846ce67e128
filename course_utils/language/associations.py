"""What a set of prompts has in common: words that stand in them more often than in other prompts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_utils.language.word_scores import WordScores
from course_utils.stats import Proportion, proportion
from course_utils.utils import progress_bar, sample_generators

SUCCESS = 0.5  # a prompt succeeds where the target is more probable than everything else together


def association_scores(
    prompts: Prompts,
    background: Prompts | Sequence[Prompts] | Mapping[str, Prompts],
    *,
    prior: float | None = None,
    level: float = 0.95,
    shuffles: int = 1000,
    leave_out: Iterable[str] = (),
    seed: int = 0,
    progress: bool | None = None,
) -> AssociationScores:
    """How much more often each word stands in these prompts than in those found for something else.

    For each word the log-odds ratio with an informative Dirichlet prior, its z-score and interval (Monroe, Colaresi &
    Quinn 2008). Of a thousand words some are far from zero by chance; so that they do not count, the prompts are dealt
    out at random `shuffles` times, and a word survives only if it beats the largest |z| of nearly all of these deals
    (Westfall & Young 1993). Two things differ from counting words in texts: a word counts once for each prompt, and the
    prior's frequencies are those of both sides together.

    Args:
        prompts: what was found for one target: a result of `optimize_prompts`, or a list of texts or lists of tokens.
        background: what to compare it with: the prompts found for the *other* targets, as one set or, as a list or a
            dictionary, several. Against random prompts the words that help any target would come out on top.
        prior: how many words the prior is worth; as many as were counted in `prompts` if None.
        level: of the intervals, and 1 minus the chance that any word at all survives where there is nothing to find.
        shuffles: random deals behind the correction for many words.
        leave_out: words that are not scored. The results' own targets are always left out: each was kept out of the
            search for itself, and would look as if the others were fond of it.
        seed: of the deals.
        progress: True shows a progress bar at once, False never, None after a second.

    Raises:
        TypeError: prompts that are neither a result nor a list of texts or tokens.
        ValueError: no prompts, fewer than two different words, or settings out of range.
    """
    _check(level, shuffles, prior)
    others = as_sets(background)
    sets = [as_words(prompts), *(as_words(each, "background") for each in others)]
    targets = [_target(each) for each in (prompts, *others)]
    table = prompt_table(sets).without(str(word).strip() for word in (*leave_out, *targets) if word is not None)
    if len(table.words) < 2:
        raise ValueError(f"the prompts consist of {table.words or 'nothing'}, expected at least two different words.")
    here = table.source == 0
    counts, elsewhere = (table.contains[side].sum(0) for side in (here, ~here))
    weight = float(counts.sum()) if prior is None else float(prior)
    largest = largest_by_chance(table.contains, here, weight, shuffles, seed=seed, progress=progress)
    scores = log_odds(counts.float(), elsewhere.float(), weight)
    order = scores.z.argsort(descending=True, stable=True)
    return AssociationScores(
        words=[table.words[column] for column in order.tolist()],
        z=scores.z[order],
        log_odds=scores.value[order],
        deviation=scores.deviation[order],
        p=(1 + (largest >= scores.z[order].abs()[:, None]).sum(1)) / (1 + shuffles),
        counts=counts[order],
        background_counts=elsewhere[order],
        critical=float(largest.sort(descending=True).values[floor((1 - level) * (1 + shuffles) + 1e-9) - 1]),
        level=level,
        prior=weight,
        table=PromptTable([table.words[i] for i in order.tolist()], table.contains[:, order], table.source),
        target=_target(prompts),
        success=_success([prompts]),
        background_success=_success(others),
    )


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class AssociationScores(WordScores):
    """Words of prompts with how strongly they are associated with a target; what `WordScores` has, and more.

    Attributes:
        p: probability that any word at all gets so large a |z| by chance; corrected for the number of words.
        table: the prompts themselves, its columns in the order of `words`.
        success: share of the target's prompts that give it a probability of at least 0.5, where that is known.
        background_success: the same for the background's prompts and their own targets.
    """

    p: Float[Tensor, "words"]
    table: PromptTable
    success: Proportion | None = None
    background_success: Proportion | None = None

    @property
    def prompts(self) -> int:
        """How many prompts of the target were counted."""
        return int((self.table.source == 0).sum())

    @property
    def background_prompts(self) -> int:
        """How many prompts of the background were counted."""
        return len(self.table.source) - self.prompts

    def _more(self) -> str:
        succeeded = f", {self.success} of them with p ≥ {SUCCESS:g}" if self.success else ""
        return f"; {self.prompts} prompts{succeeded}, against {self.background_prompts}"


def _target(prompts: Prompts) -> str | None:
    target = getattr(prompts, "target", None)
    return None if target is None else str(target).strip()


def _success(sets: Sequence[Prompts]) -> Proportion | None:
    reached = [each.probability for each in sets if isinstance(getattr(each, "probability", None), Tensor)]
    return proportion(torch.cat(reached) >= SUCCESS) if len(reached) == len(sets) else None


def _check(level: float, shuffles: int, prior: float | None) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level={level} given, expected a confidence level between 0 and 1, such as 0.95.")
    needed = round(1 / (1 - level))
    if shuffles + 1 < needed:
        raise ValueError(f"shuffles={shuffles} given, expected at least {needed - 1} to correct at level {level}.")
    if prior is not None and not prior > 0:
        raise ValueError(f"prior={prior} given, expected a number of words above 0.")


CHUNK = 128  # shuffles or resamples at a time: they fit into a processor's memory however many words there are


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
    contains: Bool[Tensor, "prompts words"],
    here: Bool[Tensor, "prompts"],
    prior: float,
    shuffles: int,
    *,
    seed: int,
    progress: bool | None = None,
) -> Float[Tensor, "shuffles"]:
    """The largest |z| of any word when the prompts are dealt out to the two sides at random.

    A word is remarkable only if it beats what the luckiest of all words reaches by chance. Whole prompts are dealt,
    so that words which always stand together do not count as independent (Westfall & Young 1993, single step).
    """
    (generator,) = sample_generators(seed, [0], "shuffles")
    largest, table = [], contains.float()
    for first in progress_bar(range(0, shuffles, CHUNK), "shuffles", progress=progress):
        keys = torch.rand(min(CHUNK, shuffles - first), len(here), generator=generator)
        dealt = torch.zeros_like(keys).scatter_(1, keys.topk(int(here.sum()), dim=1).indices, 1.0)
        ours = dealt @ table
        largest.append(log_odds(ours, table.sum(0) - ours, prior).z.abs().amax(1))
    return torch.cat(largest)


def resampled_z(
    contains: Bool[Tensor, "prompts words"],
    source: Int[Tensor, "prompts"],
    prior: float,
    resamples: int,
    *,
    seed: int,
    progress: bool | None = None,
) -> Float[Tensor, "resamples words"]:
    """z of every word when the prompts of each source are drawn anew from themselves, with replacement (bootstrap)."""
    (generator,) = sample_generators(seed, [0], "bootstrap")
    table, z = contains.float(), []
    rows = [(source == each).nonzero()[:, 0] for each in source.unique()]
    for first in progress_bar(range(0, resamples, CHUNK), "bootstrap", progress=progress):
        number = min(CHUNK, resamples - first)
        weights = torch.zeros(number, len(source))
        for mine in rows:
            drawn = mine[torch.randint(len(mine), (number, len(mine)), generator=generator)]
            weights.scatter_add_(1, drawn, torch.ones(drawn.shape))
        ours = source == 0
        z.append(log_odds(weights[:, ours] @ table[ours], weights[:, ~ours] @ table[~ours], prior).z)
    return torch.cat(z)


Words = Sequence[str]
Prompts = Any  # a result of `optimize_prompts`, or a list of texts or of lists of tokens


@dataclass(frozen=True, eq=False)
class PromptTable:
    """Which prompt contains which word; one row a prompt.

    A word that stands in a prompt twice counts once: the words of one prompt were searched for together, so the
    prompt is what was drawn independently, not the word.

    Attributes:
        words: every word that occurs, one for each column, in alphabetical order.
        contains: whether the prompt contains the word.
        source: which set of prompts each row is from: 0 for the first, 1, 2, … for the others.
    """

    words: list[str]
    contains: Bool[Tensor, "prompts words"]
    source: Int[Tensor, "prompts"]

    def without(self, words: Iterable[str]) -> PromptTable:
        """The table without the columns of these words, in upper or lower case."""
        dropped = {word.casefold() for word in words}
        kept = [column for column, word in enumerate(self.words) if word.casefold() not in dropped]
        return PromptTable([self.words[column] for column in kept], self.contains[:, kept], self.source)


def prompt_table(sets: Sequence[Sequence[Words]]) -> PromptTable:
    """Sets of prompts, each prompt a list of words, as one table."""
    words = sorted({word for prompts in sets for prompt in prompts for word in prompt})
    column = {word: number for number, word in enumerate(words)}
    contains = torch.zeros(sum(map(len, sets)), len(words), dtype=torch.bool)
    rows = [prompt for prompts in sets for prompt in prompts]
    for row, prompt in enumerate(rows):
        contains[row, [column[word] for word in prompt]] = True
    source = torch.repeat_interleave(torch.arange(len(sets)), torch.tensor([len(prompts) for prompts in sets]))
    return PromptTable(words, contains, source)


def as_words(prompts: Prompts, name: str = "prompts") -> list[list[str]]:
    """Each prompt as a list of words, without the spaces around them.

    Args:
        prompts: a result of `optimize_prompts`; or a list with one entry for each prompt: a text, whose words are
            taken apart at spaces, or a list of tokens.
        name: what an error calls them.

    Raises:
        TypeError: something else.
        ValueError: no prompts, or none with a word in it.
    """
    rows = getattr(prompts, "pieces", prompts)
    if isinstance(rows, str) or not isinstance(rows, Sequence):
        raise TypeError(
            f"{name} is {type(prompts).__name__}, expected a result of optimize_prompts, or a list of prompts: texts "
            "or lists of tokens."
        )
    words = [row.split() if isinstance(row, str) else [_word(token, name) for token in row] for row in rows]
    words = [[word for word in prompt if word] for prompt in words]
    if not any(words):
        raise ValueError(f"{name} has no word in {len(words)} prompts, expected at least one prompt with a word.")
    return words


def as_sets(background: Prompts | Sequence[Prompts] | Mapping[str, Prompts], name: str = "background") -> list[Prompts]:
    """One set of prompts or several (a list or a dictionary of results) as a list of sets.

    Raises:
        ValueError: there is none.
    """
    if isinstance(background, Mapping):
        sets = list(background.values())
    elif isinstance(background, Sequence) and not isinstance(background, str) and not hasattr(background, "pieces"):
        sets = list(background) if all(_is_set(each) for each in background) else [background]
    else:
        sets = [background]
    if not sets:
        raise ValueError(f"{name} is empty, expected prompts to compare with: those found for other targets, say.")
    return sets


def _is_set(each: Any) -> bool:
    """Whether it is a set of prompts rather than one prompt."""
    if hasattr(each, "pieces"):
        return True
    # A list of words is a prompt; a list of lists of words is a set of them.
    return isinstance(each, Sequence) and not isinstance(each, str) and any(not isinstance(row, str) for row in each)


def _word(token: Any, name: str) -> str:
    if not isinstance(token, str):
        raise TypeError(f"{name} has the token {token!r}, expected text: decode the model's token numbers first.")
    return token.strip()
