"""What the entanglement of classes gives back: matrix, pairs, order, and how far it agrees with confusions."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.rank_correlation import spearman

BOOTSTRAP = 1000  # resamplings for an interval
LEVEL = 0.95


class Pair(NamedTuple):
    """Two classes and how entangled they are, in [0, 1]."""

    first: str
    second: str
    value: float


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class RankAgreement:
    """How far entanglement orders pairs of classes as the model's own confusions do (Spearman, unordered pairs).

    The intervals are bootstrap percentiles over *classes*: what another choice of classes might have given. They are
    wide where there are few classes.

    Attributes:
        entanglement: of the matrix with the soft confusions.
        pictures: of the similarity of class-mean pictures with the soft confusions, the baseline.
        ahead: entanglement − pictures, resampled together.
        pairs: how many there are.
    """

    entanglement: Estimate
    pictures: Estimate
    ahead: Estimate
    pairs: int

    @property
    def value(self) -> float:
        return self.entanglement.value

    def __str__(self) -> str:
        return (
            f"rank correlation with soft confusions over {self.pairs} pairs: entanglement {self.entanglement}, "
            f"similarity of mean pictures {self.pictures}, difference {self.ahead} (95 %, bootstrap over classes)"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Entanglement:
    """Which classes share features.

    Attributes:
        matrix: [a, b] how entangled a and b are, symmetric, up to 1 for a pair that leads in both parts; NaN on the
            diagonal, here and below.
        classes: the names of the rows and columns.
        name: of the classifier.
        probability: the first part, [a, b] the mean probability of b that a's prototypes have under transforms.
        match: the second, [a, b] how alike the activations of a's and b's prototypes are then; None where no layer
            gives maps.
        confusions: [a, b] the mean probability of b for natural images of a under a fixed blur and noise; None without
            images.
        similarity: [a, b] the correlation of the class-mean pictures; likewise.
    """

    matrix: Float[Tensor, "classes classes"]
    classes: list[str]
    name: str
    probability: Float[Tensor, "classes classes"]
    match: Float[Tensor, "classes classes"] | None
    confusions: Float[Tensor, "classes classes"] | None = None
    similarity: Float[Tensor, "classes classes"] | None = None

    def pairs(self, n: int = 5) -> list[Pair]:
        """The n most entangled pairs, first the most entangled."""
        if n < 1:
            raise ValueError(f"n={n} given, expected at least one pair.")
        return largest_pairs(self.matrix, self.classes, n)

    @property
    def order(self) -> list[int]:
        """Rows in the order of a hierarchical clustering (average linkage): entangled classes stand side by side."""
        from scipy.cluster.hierarchy import leaves_list, linkage

        if len(self.classes) < 3:
            return list(range(len(self.classes)))
        distances = 1 - _pairs(self.matrix).double().numpy()
        return leaves_list(linkage(distances, method="average", optimal_ordering=True)).tolist()

    def rank_correlation(self, *, resamplings: int = BOOTSTRAP, seed: int = 0) -> RankAgreement:
        """How far the matrix agrees with the model's own confusions, beside what mere pictures tell of them.

        Raises:
            ValueError: without images, or with fewer than four classes.
        """
        if self.confusions is None or self.similarity is None:
            raise ValueError("no confusions to compare with: give entanglement_matrix natural images=….")
        count = len(self.classes)
        if count < 4:
            raise ValueError(f"{count} classes have too few pairs for a rank correlation, expected at least 4 classes.")
        tables, truth = torch.stack([self.matrix, self.similarity]), (self.confusions + self.confusions.T) / 2
        generator = np.random.default_rng(seed)
        found = _correlations(tables, truth, torch.arange(count))
        drawn = [
            _correlations(tables, truth, torch.from_numpy(generator.integers(count, size=count)))
            for _ in range(resamplings)
        ]
        mine, pictures, ahead = (
            Estimate(value, *np.quantile(column, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist())
            for value, column in zip(found, np.array(drawn).T, strict=True)
        )
        return RankAgreement(mine, pictures, ahead, count * (count - 1) // 2)

    def plot(self) -> Any:
        """A heat map ordered by clustering, with the confusions beside it where there are any."""
        from course_utils.show.entanglement import plot_entanglement  # here, because it imports matplotlib

        return plot_entanglement(self)

    def __repr__(self) -> str:
        most = ", ".join(f"{first} and {second} {value:.2f}" for first, second, value in self.pairs(3))
        return f"Entanglement of {len(self.classes)} classes of {self.name}; most: {most}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"


def entangled(
    probability: Float[Tensor, "classes classes"], match: Float[Tensor, "classes classes"] | None
) -> Float[Tensor, "classes classes"]:
    """The matrix from its two parts, or from the first alone: a mean of a pair's places in them.

    The first counts twice: it says what either class's prototypes say of the other.
    """
    parts = [probability + probability.T] * 2 + ([] if match is None else [match])
    places = torch.stack([_places(_pairs(part)) for part in parts]).mean(0)
    table = torch.full_like(probability, torch.nan)
    first, second = torch.triu_indices(len(table), len(table), 1)
    table[first, second] = table[second, first] = places
    return table


def largest_pairs(table: Float[Tensor, "classes classes"], classes: list[str], n: int) -> list[Pair]:
    """The n pairs with the largest values in a symmetric table."""
    first, second = torch.triu_indices(len(classes), len(classes), 1)
    values = table[first, second]
    best = values.sort(descending=True, stable=True).indices[:n].tolist()
    return [Pair(classes[first[i]], classes[second[i]], values[i].item()) for i in best]


def _correlations(tables: Float[Tensor, "2 classes classes"], truth: Tensor, classes: Tensor) -> list[float]:
    """Spearman of both tables with the truth, and their difference, over the pairs of some classes, repeated or not."""
    first, second = torch.triu_indices(len(classes), len(classes), 1)
    first, second = classes[first], classes[second]
    kept = first != second  # a class drawn twice makes no pair with itself
    first, second = first[kept], second[kept]
    mine, pictures = spearman(tables[:, first, second], truth[first, second].expand(2, -1)).tolist()
    return [mine, pictures, mine - pictures]


def _pairs(table: Float[Tensor, "classes classes"]) -> Float[Tensor, "pairs"]:
    """The upper triangle, row by row, as scipy's condensed distances."""
    first, second = torch.triu_indices(len(table), len(table), 1)
    return table[first, second]


def _places(pairs: Float[Tensor, "pairs"]) -> Float[Tensor, "pairs"]:
    """Each pair's rank among all, from 1 / pairs to 1 for the largest; equal ones share a rank."""
    from scipy.stats import rankdata

    return torch.from_numpy(rankdata(pairs.double().numpy()) / len(pairs)).float()
