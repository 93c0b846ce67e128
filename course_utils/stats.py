"""Statistics: shares with their confidence intervals, and rank correlations.

A success rate without its interval says little about 20 images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Proportion:
    """A share of `total` trials with its interval; prints as `97.5 % [96.8, 98.1]`.

    Attributes:
        successes: how many of the trials succeeded, 0 … total.
        total: number of trials.
        low: lower end of the interval, in [0, 1].
        high: upper end of the interval, in [0, 1].
        level: confidence level of the interval, in (0, 1).
    """

    successes: int
    total: int
    low: float
    high: float
    level: float = 0.95

    @property
    def value(self) -> float:
        """The share itself, in [0, 1]."""
        return self.successes / self.total

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"

    def __float__(self) -> float:
        return self.value


def proportion(successes: Any, total: int | None = None, *, level: float = 0.95) -> Proportion:
    """The share of successes with its Wilson interval.

    Unlike the textbook interval value ± 1.96 · standard error, Wilson's never leaves [0, 1] and does not
    shrink to nothing at 0 % and 100 % (Wilson 1927; Brown, Cai & DasGupta 2001).

    Args:
        successes: how many trials succeeded; or, without `total`, one truth value per trial
            (a boolean tensor, array or list).
        total: number of trials, at least 1.
        level: confidence level, in (0, 1).

    Raises:
        ValueError: no trials, more successes than trials, or a level outside (0, 1).
    """
    from scipy.stats import binomtest  # here, because it takes as long to import as half of PyTorch

    if total is None:
        outcomes = [bool(outcome) for outcome in successes]
        successes, total = sum(outcomes), len(outcomes)
    successes, total = int(successes), int(total)
    if total < 1 or not 0 <= successes <= total:
        raise ValueError(f"{successes} successes of {total} trials given, expected 0 ≤ successes ≤ trials and a trial.")
    if not 0 < level < 1:
        raise ValueError(f"level={level} given, expected a confidence level between 0 and 1, such as 0.95.")
    interval = binomtest(successes, total).proportion_ci(confidence_level=level, method="wilson")
    return Proportion(successes, total, float(interval.low), float(interval.high), level)


def spearman(a: Float[Tensor, "n ..."], b: Float[Tensor, "n ..."]) -> Float[Tensor, "n"]:
    """Spearman's rank correlation of each row of `a` with that of `b`, ties sharing a rank; 0 without variance.

    Exact, and checked against `scipy.stats.spearmanr`, which takes one pair at a time.
    """
    from scipy.stats import rankdata  # here, because it takes as long to import as half of PyTorch

    ranks = [rankdata(x.flatten(1).float().cpu().numpy(), axis=1) for x in (a, b)]
    x, y = (rank - rank.mean(1, keepdims=True) for rank in ranks)
    lengths = np.sqrt((x * x).sum(1) * (y * y).sum(1))
    return torch.from_numpy((x * y).sum(1) / np.where(lengths > 0, lengths, 1)).float()
