"""The checks of chapter 7 accept what is right and name the mistake in what is wrong."""

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau, rankdata, spearmanr

from course_utils.rank_correlation import spearman
from course_utils.teaching.exercises.chapter_07 import by_definition, rank_correlation


def pearson(x, y):
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    return (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))


def with_ranks(rank, correlate=pearson):
    return lambda a, b: correlate(*(torch.as_tensor(rank(x)).double() for x in (a, b)))


def ranked(**options):
    return lambda x: rankdata(x.numpy(), **{"axis": 1, **options})


def short_formula(x, y):
    n = x.shape[1]
    return 1 - 6 * (x - y).square().sum(1) / (n * (n**2 - 1))


def cosine(x, y):
    return (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))


def covariance(x, y):
    return ((x - x.mean(1, True)) * (y - y.mean(1, True))).mean(1)


def kendall(a, b):
    return torch.tensor([kendalltau(x, y).statistic for x, y in zip(a.numpy(), b.numpy(), strict=True)])


def in_place(a, b):
    a.sub_(a.mean(1, keepdim=True))
    return rank_correlation(a, b)


def row_by_row(a, b):
    return torch.tensor([spearmanr(x, y).statistic for x, y in zip(a.numpy(), b.numpy(), strict=True)])


def by_counting(a, b):
    """Rank = how many are smaller, plus half of those that are equal."""
    rank = lambda x: ((x[:, :, None] > x[:, None]).double() + 0.5 * (x[:, :, None] == x[:, None])).sum(2)  # noqa: E731
    return pearson(rank(a), rank(b))


def compared(best=lambda own: own.amax(0), over=lambda yes: yes.all(), compare=torch.gt, own=True):
    """The definition with one of its pieces done otherwise."""

    def check(pictures, natural, labels, targets):
        answers = []
        for row, target in zip(pictures, targets, strict=True):
            answers.append(over(compare(row, best(natural[labels == target] if own else natural))))
        return torch.stack(answers)

    return check


def averaged_over_layers(pictures, natural, labels, targets):
    best = torch.stack([natural[labels == target].amax(0) for target in targets])
    return pictures.mean(1) > best.mean(1)


def broadcast(pictures, natural, labels, targets):
    """All pictures with all natural images at once; other classes do not count."""
    closer = (pictures[:, None] > natural).all(2)
    return (closer | (labels != targets[:, None])).all(1)


WRONG = {
    "07-ranks": {
        "values": (pearson, "correlation of the values"),
        "argsort once": (with_ranks(lambda x: x.argsort(1)), "`argsort` once"),
        "argsort twice": (with_ranks(lambda x: x.argsort(1, stable=True).argsort(1)), "by where they stand"),
        "ranks across rows": (with_ranks(ranked(axis=0)), "across the rows"),
        "all rows together": (with_ranks(lambda x: rankdata(x.numpy()).reshape(x.shape)), "ranked together"),
        "ties share the lowest": (with_ranks(ranked(method="min")), "'min'"),
        "ties share the highest": (with_ranks(ranked(method="max")), "'max'"),
        "dense ranks": (with_ranks(ranked(method="dense")), "'dense'"),
        "short formula": (with_ranks(ranked(), short_formula), "without ties only"),
        "not centred": (with_ranks(ranked(), cosine), "cosine of the ranks"),
        "not divided": (with_ranks(ranked(), covariance), "covariance"),
        "absolute": (lambda a, b: rank_correlation(a, b).abs(), "sign is gone"),
        "squared": (lambda a, b: rank_correlation(a, b) ** 2, "squared"),
        "reversed": (lambda a, b: -rank_correlation(a, b), "sign is reversed"),
        "distance": (lambda a, b: 1 - rank_correlation(a, b), "a distance"),
        "kendall": (kendall, "Kendall"),
        "one for all": (lambda a, b: rank_correlation(a, b).mean(), "whole batch"),
        "in place": (in_place, "in place"),
        "a matrix": (lambda a, b: torch.tensor(np.corrcoef(a.numpy(), b.numpy())), "one number an image"),
    },
    "07-definition": {
        "any layer": (compared(over=lambda yes: yes.any()), "at *every* layer"),
        "as close is enough": (compared(compare=torch.ge), "`>`, not `>=`"),
        "all classes": (compared(own=False), "all classes"),
        "closer than one": (compared(lambda own: own.amin(0)), "closer than *one*"),
        "closer than the average": (compared(lambda own: own.mean(0)), "average natural image"),
        "closer than the median": (compared(lambda own: own.median(0).values), "median natural image"),
        "at 95 %": (compared(lambda own: own.quantile(0.95, dim=0)), "at 95 %"),
        "layers averaged": (averaged_over_layers, "averages over layers"),
        "wrong way round": (compared(compare=torch.lt), "wrong way round"),
        "reversed": (lambda *case: ~by_definition(*case), "reversed"),
        "numbers": (lambda *case: by_definition(*case).float(), "expected booleans"),
        "a list": (lambda *case: by_definition(*case).tolist(), "is a list"),
        "each layer": (compared(over=lambda yes: yes), "for each layer"),
        "one for all": (lambda *case: by_definition(*case).all(), "one answer for all pictures"),
        "the first picture only": (lambda *case: by_definition(*case) & (torch.arange(300) == 3), "picture"),
    },
}

RIGHT = {
    "07-ranks": [row_by_row, by_counting, spearman],
    "07-definition": [broadcast, compared()],
}


def test_the_reference_is_spearmans_correlation_as_scipy_has_it():
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randn(5, 50, generator=generator).relu() for _ in range(2))
    expected = [spearmanr(x, y).statistic for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    assert rank_correlation(a, b).tolist() == pytest.approx(expected)
