"""Word clouds, each beside the plot that says what its sizes are worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_utils.language.associations import (
    AssociationScores,
    Prompts,
    as_words,
    association_scores,
    prompt_table,
    resampled_z,
)
from course_utils.language.word_scores import WordScores
from course_utils.stats import Proportion, proportion
from course_utils.utils import sample_generators


def word_cloud(
    prompts: Prompts | WordScores | Mapping[str, float],
    *,
    most: int = 40,
    seed: int = 0,
    title: str | None = None,
    alt: str | None = None,
) -> Any:
    """A word cloud with bars beside it.

    A cloud is quickly taken in and hard to read: neither the size of a font nor the area of a word is judged well
    (Maurits, Boers & Knevel 2022), long words look more important than short ones, and nothing says what is chance. So
    the words are never drawn alone. A word's area grows with its number. What the number is depends on what is given:

    - scores of associations: words with z above 0, sized by z, in colour where they survive the correction for many
      words, grey where not; beside them their odds ratios with intervals;
    - prompts: words sized by the number of prompts that contain them; beside them these shares with intervals;
    - a table of weights by word: sized by weight; beside them the weights.

    Args:
        prompts: scores of `association_scores` or `text_associations`, prompts in the forms that the first takes, or
            weights above 0 by word.
        most: how many words to draw; those that find no room are left out.
        seed: of where the words go; the same seed gives the same image.
        title: the finding, in a sentence; one that states the numbers by default.
        alt: what the figure shows, for readers who cannot see it; by default a list of the words and their numbers.

    Returns:
        A `wordcloud` image.

    Raises:
        TypeError: something else, or a weight that is no number.
        ValueError: nothing to draw: no words, or none with a weight above 0.
    """
    from course_utils.language.word_scores import cloud_of_scores, cloud_of_shares, cloud_of_weights  # they draw

    if most < 1:
        raise ValueError(f"most={most} given, expected at least one word.")
    how: dict[str, Any] = {"most": most, "seed": seed, "title": title, "alt": alt}
    if isinstance(prompts, WordScores):
        if not (prompts.z > 0).any():
            raise ValueError(_nothing("no word has a z above 0", "compare with prompts for other targets"))
        return cloud_of_scores(prompts, **how)
    if isinstance(prompts, Mapping):
        return cloud_of_weights(_weights(prompts), **how)
    return cloud_of_shares(word_shares(prompts), target=getattr(prompts, "target", None), **how)


def word_shares(prompts: Prompts) -> dict[str, Proportion]:
    """The share of prompts that contain each word, with its interval, the most frequent first.

    Args:
        prompts: a result of `optimize_prompts`, or a list of texts or lists of tokens.

    Raises:
        TypeError, ValueError: no prompts (`association_scores`).
    """
    table = prompt_table([as_words(prompts)])
    counts = dict(zip(table.words, table.contains.sum(0).tolist(), strict=True))
    order = sorted(counts, key=lambda word: -counts[word])
    return {word: proportion(counts[word], len(table.source)) for word in order}


def _weights(weights: Mapping[str, float]) -> dict[str, float]:
    for word, weight in weights.items():
        if not isinstance(weight, int | float):
            raise TypeError(f"the weight of {word!r} is {type(weight).__name__}, expected a number.")
    positive = {str(word).strip(): float(weight) for word, weight in weights.items() if weight > 0}
    if not positive:
        raise ValueError(_nothing(f"none of the {len(weights)} words given has a weight above 0", "give some that do"))
    return dict(sorted(positive.items(), key=lambda entry: -entry[1]))


def _nothing(why: str, what_to_do: str) -> str:
    return f"there is nothing to draw a word cloud of: {why}; {what_to_do}."


def score_against(
    truth: Iterable[str], scores: AssociationScores, k: int = 10, *, resamples: int = 1000, seed: int = 0
) -> Agreement:
    """How many of the best words were planted, and how many of the planted ones were found.

    The intervals are percentiles of a bootstrap over restarts: the prompts of each target are drawn anew with
    replacement, and everything is computed again. They say how much depends on the luck of these restarts, not what
    another model trained on the same text would give.

    Args:
        truth: the planted words, or a table with a weight for each (`true_associations`).
        scores: what was found.
        k: how many of the best words count for the precision, at least 1.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        ValueError: no planted words, k or resamples below 1.
    """
    planted = {str(word).strip() for word in truth}
    if not planted:
        raise ValueError("the truth is empty, expected the words that were planted, such as true_associations('girl').")
    if k < 1 or resamples < 1:
        raise ValueError(f"k={k} and resamples={resamples} given, expected at least 1 each.")
    right = torch.tensor([word in planted for word in scores.words])
    table = scores.table
    drawn = resampled_z(table.contains, table.source, scores.prior, resamples, seed=seed)
    precision, recall = _rates(torch.cat([scores.z[None], drawn]), right, scores.critical, k, len(planted))
    return Agreement(
        k=k,
        precision=float(precision[0]),
        precision_interval=_percentiles(precision[1:], scores.level),
        recall=float(recall[0]),
        recall_interval=_percentiles(recall[1:], scores.level),
        chance=float(right.float().mean()),
        hits=[word for word in scores.top(k) if word in planted],
        others=[word for word in scores.top(k) if word not in planted],
        missed=sorted(planted - set(scores.survivors)),
        planted=len(planted),
        level=scores.level,
    )


@dataclass(frozen=True, repr=False)
class Agreement:
    """Scores held against the truth.

    Attributes:
        k: how many of the best words count for the precision.
        precision: share of the k best words that were planted, in [0, 1].
        precision_interval: its bootstrap interval.
        recall: share of the planted words that survive the correction, in [0, 1].
        recall_interval: its bootstrap interval.
        chance: the precision that words in random order would have.
        hits: the planted ones among the k best, the strongest first.
        others: the rest of the k best.
        missed: planted words that do not survive the correction, or stand in no prompt.
        planted: how many words were planted.
        level: confidence level of the intervals.
    """

    k: int
    precision: float
    precision_interval: tuple[float, float]
    recall: float
    recall_interval: tuple[float, float]
    chance: float
    hits: list[str]
    others: list[str]
    missed: list[str]
    planted: int
    level: float

    def __repr__(self) -> str:
        precision, recall = (
            f"{100 * value:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"
            for value, (low, high) in ((self.precision, self.precision_interval), (self.recall, self.recall_interval))
        )
        return (
            f"precision@{self.k} {precision} (in random order {100 * self.chance:.0f} %), "
            f"recall {recall} of {self.planted} planted words"
        )


def null_scores(
    scores: AssociationScores, candidates: Sequence[str], *, seed: int = 0, **settings: Any
) -> AssociationScores:
    """The same comparison with prompts that were drawn at random: there is nothing to find in them.

    As many prompts in every set, as many different words in each, but words drawn from the candidates with equal
    probability. What then looks like an association is chance.

    Args:
        scores: the comparison to repeat.
        candidates: the words that a prompt may consist of: those that the search could choose from.
        seed: of the prompts; settings may have a seed of their own for the correction.
        **settings: handed to `association_scores`.

    Raises:
        ValueError: fewer candidates than a prompt has words.
    """
    words = sorted({str(word).strip() for word in candidates} - {""})
    lengths = scores.table.contains.sum(1)
    if len(words) < int(lengths.max()):
        raise ValueError(f"{len(words)} candidates given, expected more than the {lengths.max()} words of a prompt.")
    (generator,) = sample_generators(seed, [0], "random prompts")
    keys = torch.rand(len(lengths), len(words), generator=generator)
    order = keys.topk(int(lengths.max()), dim=1, largest=False).indices.tolist()
    drawn = [[words[i] for i in row[:length]] for row, length in zip(order, lengths.tolist(), strict=True)]
    source = scores.table.source.tolist()
    sets: list[list[list[str]]] = [[] for _ in range(max(source) + 1)]
    for prompt, number in zip(drawn, source, strict=True):
        sets[number].append(prompt)
    settings = {"level": scores.level, "prior": scores.prior} | settings
    return association_scores(sets[0], dict(enumerate(sets[1:])), **settings)


def _rates(
    z: Float[Tensor, "draws words"], right: Bool[Tensor, "words"], critical: float, k: int, planted: int
) -> tuple[Float[Tensor, "draws"], Float[Tensor, "draws"]]:
    """Precision among the k best of each draw, and the share of the planted words above the critical z."""
    best = z.topk(min(k, z.shape[1]), dim=1).indices
    return right[best].sum(1) / k, ((z > critical) & right).sum(1) / planted


def _percentiles(values: Float[Tensor, "draws"], level: float) -> tuple[float, float]:
    low, high = values.quantile(torch.tensor([(1 - level) / 2, (1 + level) / 2])).tolist()
    return low, high
