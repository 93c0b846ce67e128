"""What the check of chapter 7's rank correlation looks at (`checks_07_definition.py` has the definition's test)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from scipy.stats import kendalltau, rankdata
from torch import Tensor

from course_utils.learning.exercises import Mistake
from course_utils.learning.properties import close, inputs_untouched, require_equal, require_one_each

ROWS, UNITS = 4, 24


def check_rank_correlation(function: Callable, reference: Callable) -> None:
    """First rows without equal values, where only the ranks themselves can be wrong, then rows with many zeros."""
    a, b = a_pair()
    with inputs_untouched(a=a, b=b):
        result = require_one_each(function(a, b), ROWS)
    require_equal(
        result,
        reference(a, b),
        _mistakes(a, b),
        f"for rows without equal values the first should be {reference(a, b)[0]:.3f}, yours is {result[0]:.3f}: is it "
        "the correlation of the ranks within each row?",
    )
    a, b = ((2 * values).round().relu() for values in (a, b))  # many zeros, as after a ReLU, and other equal values
    result = require_one_each(function(a, b), ROWS)
    if not close(result, reference(a, b)):
        raise Mistake(_about_ties(result, a, b))
    same = require_one_each(function(a, 3 * a + 1), ROWS)
    if not close(same, torch.ones(ROWS)):
        raise Mistake("values in the same order should correlate by 1, whatever their scale: use ranks alone.")


def a_pair() -> tuple[Tensor, Tensor]:
    """Two tensors (rows, units) that go together in part, skewed so that values and ranks tell different stories."""
    generator = torch.Generator().manual_seed(7)
    a = torch.randn(ROWS, UNITS, generator=generator)
    b = torch.tensor([0.6, -0.6, 1.0, 0.3])[:, None] * a + torch.randn(ROWS, UNITS, generator=generator)
    return (1.5 * a).sinh(), (1.5 * b).sinh()


def pearson(x: Tensor, y: Tensor) -> Tensor:
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    return (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))


def ranks(values: Tensor, method: str = "average", axis: int | None = 1) -> Tensor:
    return torch.from_numpy(rankdata(values.numpy(), method=method, axis=axis)).double().reshape(values.shape)


def by_formula(x: Tensor, y: Tensor) -> Tensor:
    """The textbooks' short formula, which holds without ties only."""
    units = x.shape[1]
    return 1 - 6 * (x - y).square().sum(1) / (units * (units**2 - 1))


def _mistakes(a: Tensor, b: Tensor) -> list[tuple[Tensor, str]]:
    x, y = ranks(a), ranks(b)
    across = "ranks go across the rows: rank within each row, `axis=1`."
    tau = torch.tensor([kendalltau(*pair).statistic for pair in zip(a.numpy(), b.numpy(), strict=True)])
    return [
        (pearson(a, b), "this is the correlation of the values: replace them by their ranks first."),
        (pearson(a.argsort(1).double(), b.argsort(1).double()),
         "`argsort` once says which unit stands at each rank, not which rank each unit has: use `rankdata`."),
        (pearson(ranks(a, axis=0), ranks(b, axis=0)), across),
        (pearson(ranks(a, axis=None), ranks(b, axis=None)),
         "all rows are ranked together: rank within each row, `axis=1`."),
        ((x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1)),
         "this is the cosine of the ranks: subtract each row's mean rank first, or everything looks alike."),
        ((x - x.mean(1, True)).mul(y - y.mean(1, True)).mean(1),
         "this is the covariance of the ranks: divide by the product of the two rows' lengths (or deviations)."),
        (pearson(x, y).abs(), "the sign is gone: opposite orders correlate by -1."),
        (-pearson(x, y), "the sign is reversed: the same order should give 1."),
        (pearson(x, y).square(), "this is the squared correlation: the sign is gone."),
        (1 - pearson(x, y), "this is a distance, 1 - correlation: return the correlation."),
        (tau.to(x), "this is Kendall's correlation; Spearman's is the ordinary one of the ranks."),
    ]  # fmt: skip


def _about_ties(result: Tensor, a: Tensor, b: Tensor) -> str:
    share = "equal values must share the mean of their ranks"
    for method in ("min", "max", "dense"):
        if close(result, pearson(ranks(a, method), ranks(b, method))):
            return f"yours gives equal values one rank, but not the mean of theirs ({method!r}): {share}."
    if close(result, pearson(ranks(a, "ordinal"), ranks(b, "ordinal"))):
        return f"with many zeros, as after a ReLU, yours ranks equal values by where they stand: {share}."
    if close(result, by_formula(ranks(a), ranks(b))):
        return "1 - 6 Σd² / (n (n² - 1)) holds without ties only: take the ordinary correlation of the ranks."
    return f"without equal values yours is right, with many zeros it is not: {share}."
