"""The checks of chapter 7 accept what is right and name the mistake in what is wrong."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata, spearmanr

from course_utils.teaching.exercises.chapter_07 import by_definition, rank_correlation
from course_utils.utils import spearman


def correlation(x, y):
    return torch.stack([torch.corrcoef(torch.stack(rows).double())[0, 1] for rows in zip(x, y, strict=True)])


def in_place(a, b):
    a.sub_(a.mean(1, keepdim=True))
    return rank_correlation(a, b)


def row_by_row(a, b):
    return torch.tensor([spearmanr(x, y).statistic for x, y in zip(a.numpy(), b.numpy(), strict=True)])


def by_counting(a, b):
    """Rank = how many are smaller, plus half of those that are equal."""
    rank = lambda x: ((x[:, :, None] > x[:, None]).double() + 0.5 * (x[:, :, None] == x[:, None])).sum(2)  # noqa: E731
    return correlation(rank(a), rank(b))


def ranks_in_numpy(a, b):
    x, y = (rankdata(values.numpy(), axis=1) - 12.5 for values in (a, b))
    return torch.from_numpy((x * y).sum(1) / np.sqrt((x**2).sum(1) * (y**2).sum(1)))


def broadcast(pictures, natural, labels, targets):
    """All images with all natural ones at once; other classes do not count."""
    closer = (pictures[:, None] > natural).all(2)
    return (closer | (labels != targets[:, None])).all(1)


def image_by_image_and_layer_by_layer(pictures, natural, labels, targets):
    answers = []
    for image, target in zip(pictures.tolist(), targets.tolist(), strict=True):
        own = [row for row, label in zip(natural.tolist(), labels.tolist(), strict=True) if label == target]
        answers.append(all(image[layer] > max(row[layer] for row in own) for layer in range(len(image))))
    return torch.tensor(answers)


def in_numpy(pictures, natural, labels, targets):
    closest = np.stack([natural.numpy()[labels.numpy() == target].max(0) for target in targets.numpy()])
    return torch.from_numpy((pictures.numpy() > closest).all(1))


WRONG = {
    "07-ranks": {
        "argsort twice": (
            lambda a, b: correlation(*(x.argsort(dim=1, stable=True).argsort(1) for x in (a, b))),
            "share the mean of their ranks",
        ),
        "ranks without the last unit": (
            lambda a, b: rank_correlation(a[:, :-1], b[:, :-1]),
            "the first row should be",
        ),
        "one for all": (lambda a, b: rank_correlation(a, b).mean(), "whole batch"),
        "in place": (in_place, "in place"),
        "a matrix": (lambda a, b: torch.tensor(np.corrcoef(a.numpy(), b.numpy())), "one number an image"),
    },
    "07-definition": {
        "a list": (lambda *case: by_definition(*case).tolist(), "is a list"),
        "one for all": (lambda *case: bool(by_definition(*case).all()), "is a bool"),
        "the fourth image only": (
            lambda *case: by_definition(*case) & (torch.arange(300) == 3),
            "answers are wrong",
        ),
    },
}

RIGHT = {
    "07-ranks": [row_by_row, by_counting, ranks_in_numpy, spearman],
    "07-definition": [broadcast, image_by_image_and_layer_by_layer, in_numpy],
}


def test_the_reference_is_spearmans_correlation_as_scipy_has_it():
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randn(5, 50, generator=generator).relu() for _ in range(2))
    expected = [spearmanr(x, y).statistic for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    assert rank_correlation(a, b).tolist() == pytest.approx(expected)
