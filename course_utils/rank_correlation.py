"""Spearman's rank correlation, for many pairs at once."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def spearman(a: Float[Tensor, "n ..."], b: Float[Tensor, "n ..."]) -> Float[Tensor, "n"]:
    """Spearman's rank correlation of each row of `a` with that of `b`, ties sharing a rank; 0 without variance.

    Exact, and checked against `scipy.stats.spearmanr`, which takes one pair at a time.
    """
    from scipy.stats import rankdata  # here, because it takes as long to import as half of PyTorch

    ranks = [rankdata(x.flatten(1).float().cpu().numpy(), axis=1) for x in (a, b)]
    x, y = (rank - rank.mean(1, keepdims=True) for rank in ranks)
    lengths = np.sqrt((x * x).sum(1) * (y * y).sum(1))
    return torch.from_numpy((x * y).sum(1) / np.where(lengths > 0, lengths, 1)).float()
