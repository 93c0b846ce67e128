"""How much more often a word is used here than there, with its uncertainty: the arithmetic of `association_scores`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_utils.progress import progress_bar
from course_utils.randomness import sample_generators

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
