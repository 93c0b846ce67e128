"""Entanglement: which classes share features, read off their prototypes.

A prototype of a class has two marks: the model says the class, and activations follow the class's. When the details of
a prototype go, what is left may bear both marks of other classes too: those share something with it. The matrix says
how much, pair by pair; that it means anything is shown by holding it against the model's own confusions of natural
images (`images=`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.image import AxesImage
from torch import Tensor

from course_utils.figures.style import WIDTH, DescribedFigure, new_figure, styled
from course_utils.models.classifier import Classifier
from course_utils.stats import spearman
from course_utils.transforms import RandomBlur, Transform, blurred, merged, standard
from course_utils.utils import progress_bar, sample_generators
from course_utils.validation import check_settings
from course_utils.vision.attributions import Isolation
from course_utils.vision.feature_visualization import given_or, images_at_once
from course_utils.vision.isolation import Grain, isolate_features
from course_utils.vision.layer_table import stages
from course_utils.vision.prototypes import Prototypes
from course_utils.vision.reference import outputs_of, with_labels

# Chosen on prototypes and scenes of other seeds than those that the figures are measured on.
STRONGEST_BLUR = 1 / 8  # of the shorter side
GRAIN = 0.05  # standard deviation: without it the ordinary net answers a blurred image at random
AREA = 8.0  # of isolation in a prototype, much of which shows its class


def entanglement_matrix(
    classifier: Classifier,
    prototypes: Prototypes,
    *,
    images: Any = None,
    layers: Sequence[str] | None = None,
    transforms: Sequence[Transform] | str = "standard",
    draws: int = 16,
    seed: int = 0,
    progress: bool | None = None,
) -> Entanglement:
    """How far the prototypes of each class are, with their details gone, also prototypes of every other class.

        E[a, b] = (2 q(P[a, b] + P[b, a]) + q(R[a, b])) / 3,      a ≠ b; the diagonal is left out (NaN),

    where P[a, b] is the mean over the prototypes x of a, and over random transforms t, of the probability p(b | t(x));
    R[a, b] is the mean over layers of the correlation between the mean activations of t(x) for the prototypes of a and
    for those of b, less the mean over all classes; and q is a pair's place among all pairs of these classes, from 0 to
    1 for the largest. Places, because probabilities and correlations do not compare; so E depends on which classes
    there are. The answer counts twice, once from either side.

    Args:
        classifier: used in eval mode and left as found.
        prototypes: of at least two classes; several of each make the matrix steadier.
        images: natural images with their classes: `Scenes`, (images, labels), or images (their class by the model).
            With them the result holds the model's soft confusions of these under a blur fixed beforehand, and the
            similarity of the class means as images, which takes no model to see.
        layers: where activations are compared; the last layer at each size of map if None, and where no layer gives
            maps E is q(P[a, b] + P[b, a]) alone. Their means are kept for each class: with a thousand classes name
            late layers.
        transforms: "standard" is jitter, rotation and scaling as in `visualize`, then a blur of any standard deviation
            up to an eighth of the shorter side and noise of 0.05; `()` is nothing, a list is your own.
        draws: of the transforms for each prototype, at least 1.
        seed: of the draws, and of the noise in the confusions.
        progress: True shows a bar, False none, None one for work of over a second.

    Raises:
        ValueError: prototypes of fewer than two classes or of classes that the classifier lacks, an unknown layer, a
            class without an image among `images`, settings out of range.

    Source: the question is that of Leap Labs' engine (which classes share features with a prototype), which publishes
    no formula; this one is ours. It asks what makes a prototype, logit and activations, about another class. Without
    the blur the matrix says little: an optimised image is nearly always only its own class, and what it shares comes
    out when its details go. Weights of 1:1, 2:1 and 3:1 were tried on other nets than those that figures are given for.
    """
    check_settings(draws=draws)
    names = list(dict.fromkeys(prototypes.classes))
    wanted = classifier.targets(names, len(names)).cpu()
    if len(names) < 2:
        raise ValueError(f"prototypes of {len(names)} class given, expected at least two classes to hold together.")
    own = torch.tensor([names.index(name) for name in prototypes.classes])
    natural = None if images is None else with_labels(classifier, images)
    labels = None if natural is None else class_rows(natural[1], wanted, names)
    moves = merged(given_or(transforms, standard_softening(classifier.size), "transforms"))
    at = _stages(classifier) if layers is None else list(layers)
    said, means = _softened(classifier, prototypes.images, own, at, moves, draws, seed, progress)
    probability = said[:, wanted].fill_diagonal_(torch.nan)
    match = torch.stack([correlations(each.flatten(1)) for each in means]).mean(0) if means else None
    confusions = similarity = None
    if natural is not None and labels is not None:
        confusions = soft_confusions(classifier, natural[0], labels, seed=seed)[:, wanted].fill_diagonal_(torch.nan)
        similarity = image_similarity(natural[0], labels).fill_diagonal_(torch.nan)
    return Entanglement(
        matrix=entangled(probability, match),
        classes=names,
        name=classifier.name,
        probability=probability,
        match=None if match is None else match.fill_diagonal_(torch.nan),
        confusions=confusions,
        similarity=similarity,
    )


def shared_features(
    classifier: Classifier, prototypes: Prototypes, first: str, second: str, *, progress: bool | None = None, **options
) -> Isolation:
    """What in the prototypes of one class speaks for another: the smallest part that is enough for the other.

    Args:
        first: the class whose prototypes are looked at.
        second: the class that is isolated in them.
        options: of `isolate_features`; by default fill="mean" and area_weight=8.

    Raises:
        ValueError: a class without prototypes, an unknown one, or twice the same.
    """
    if first == second:
        raise ValueError(f"first and second are both {first!r}: name two different classes.")
    images = prototypes.of(first)
    if len(images) == 0:
        known = ", ".join(dict.fromkeys(prototypes.classes))
        raise ValueError(f"there is no prototype of {first!r}, expected one of: {known}.")
    settings: dict[str, Any] = {"fill": "mean", "area_weight": AREA} | options
    return isolate_features(classifier, images, second, progress=progress, **settings)


def standard_softening(size: tuple[int, int]) -> list[Transform]:
    """What prototypes go through before the model is asked about them."""
    return [*standard(size), RandomBlur(STRONGEST_BLUR * min(size)), Grain(GRAIN)]


def _stages(classifier: Classifier) -> list[str]:
    try:
        return stages(classifier)
    except ValueError:  # no layer gives maps
        return []


def _softened(
    classifier: Classifier,
    images: Tensor,
    own: Int[Tensor, "batch"],
    layers: list[str],
    moves: list[Transform],
    draws: int,
    seed: int,
    progress: bool | None,
) -> tuple[Float[Tensor, "rows classes"], list[Float[Tensor, "rows ..."]]]:
    """For each row of classes the mean probabilities and, layer by layer, the mean activations over the draws."""
    generators = sample_generators(seed, range(len(images)), "entanglement")
    counts = draws * own.bincount()
    chunk, totals = images_at_once(classifier), list[Tensor]()
    for _ in progress_bar(range(draws), "entanglement", progress=progress):
        moved = images
        for move in moves:
            moved = move(moved, generators)
        for some, rows in zip(moved.clamp(0, 1).split(chunk), own.split(chunk), strict=True):
            outputs = outputs_of(classifier, some, layers)
            given = [outputs.logits.softmax(1), *(outputs[layer] for layer in layers)]
            if not totals:
                totals = [torch.zeros(len(counts), *each.shape[1:]) for each in given]
            for total, each in zip(totals, given, strict=True):
                total.index_add_(0, rows, each.float().cpu())
    said, *means = (total / counts.view(-1, *[1] * (total.ndim - 1)) for total in totals)
    return said, means


BLUR = 3 / 64  # of the shorter side: that of course_utils.teaching.training.evaluate.BLUR, 3 pixels of 64
GRAIN = 0.05  # standard deviation of the noise: a camera's, which blur alone would take away


def soft_confusions(
    classifier: Classifier, images: Tensor, labels: Int[Tensor, "n"], *, seed: int = 0
) -> Float[Tensor, "rows classes"]:
    """For each class of images the mean probability of every class after a blur and noise fixed beforehand.

    Args:
        images: natural images in [0, 1].
        labels: their rows in the result, from 0; -1 for images that are left out.
        seed: of the noise.
    """
    used = labels >= 0
    generators = sample_generators(seed, range(int(used.sum())), "confusions")
    soft = Grain(GRAIN)(blurred(images[used], BLUR * min(images.shape[2:])), generators)
    return _means(classifier.predict(soft).probabilities, labels[used])


def image_similarity(images: Tensor, labels: Int[Tensor, "n"]) -> Float[Tensor, "rows rows"]:
    """The correlation of the class-mean images, from each of which the mean of all of them is subtracted.

    What needs no model to be seen, and therefore what a model's entanglement has to beat.
    """
    used = labels >= 0
    return correlations(_means(images[used].flatten(1).float().cpu(), labels[used]))


def correlations(means: Float[Tensor, "rows numbers"]) -> Float[Tensor, "rows rows"]:
    """Of each row with each other, less the mean of all rows: what all of them share says nothing about two."""
    return torch.corrcoef(means - means.mean(0)).nan_to_num()


def class_rows(labels: Int[Tensor, "n"], wanted: Int[Tensor, "rows"], names: list[str]) -> Int[Tensor, "n"]:
    """Labels as rows of a table of the wanted classes; -1 for other classes.

    Raises:
        ValueError: a wanted class without an image.
    """
    rows = torch.full_like(labels, -1)
    for row, (index, name) in enumerate(zip(wanted.tolist(), names, strict=True)):
        if not (its := labels == index).any():
            raise ValueError(f"images holds none of class {name!r}, expected some of every class with a prototype.")
        rows[its] = row
    return rows


def _means(values: Float[Tensor, "n numbers"], rows: Int[Tensor, "n"]) -> Float[Tensor, "rows numbers"]:
    return torch.stack([values[rows == row].mean(0) for row in range(int(rows.max()) + 1)])


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
        images: of the similarity of class-mean images with the soft confusions, the baseline.
        ahead: entanglement − images, resampled together.
        pairs: how many there are.
    """

    entanglement: Estimate
    images: Estimate
    ahead: Estimate
    pairs: int

    @property
    def value(self) -> float:
        return self.entanglement.value

    def __str__(self) -> str:
        return (
            f"rank correlation with soft confusions over {self.pairs} pairs: entanglement {self.entanglement}, "
            f"similarity of mean images {self.images}, difference {self.ahead} (95 %, bootstrap over classes)"
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
        similarity: [a, b] the correlation of the class-mean images; likewise.
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
        """How far the matrix agrees with the model's own confusions, beside what mere images tell of them.

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
        mine, images, ahead = (
            Estimate(value, *np.quantile(column, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist())
            for value, column in zip(found, np.array(drawn).T, strict=True)
        )
        return RankAgreement(mine, images, ahead, count * (count - 1) // 2)

    def plot(self) -> Any:
        """A heat map ordered by clustering, with the confusions beside it where there are any."""

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
    mine, images = spearman(tables[:, first, second], truth[first, second].expand(2, -1)).tolist()
    return [mine, images, mine - images]


def _pairs(table: Float[Tensor, "classes classes"]) -> Float[Tensor, "pairs"]:
    """The upper triangle, row by row, as scipy's condensed distances."""
    first, second = torch.triu_indices(len(table), len(table), 1)
    return table[first, second]


def _places(pairs: Float[Tensor, "pairs"]) -> Float[Tensor, "pairs"]:
    """Each pair's rank among all, from 1 / pairs to 1 for the largest; equal ones share a rank."""
    from scipy.stats import rankdata

    return torch.from_numpy(rankdata(pairs.double().numpy()) / len(pairs)).float()


SMALLEST = 6.0  # points: lettering below that cannot be read on a phone
LARGEST = 10.5
MOST_NAMED = 40  # classes; with more, names would lie over each other


@styled
def plot_entanglement(entanglement: Entanglement, *, alt: str | None = None) -> DescribedFigure:
    """The matrix ordered by clustering; with images, the soft confusions below in the same order, in shares of 100.

    Args:
        entanglement: of `entanglement_matrix`.
        alt: what the figure shows; by default the most entangled pairs.
    """
    confusions = entanglement.confusions
    count = 1 if confusions is None else 2
    figure = new_figure(count * 0.92 * WIDTH)
    upper, *lower = figure.subplots(count, 1, squeeze=False)[:, 0]
    # Each with a power that spreads what matters: of places the highest, of probabilities, mostly small, the small.
    image = _draw(upper, entanglement, entanglement.matrix, "Prototypes: {} share most", power=3.0)
    upper.set(xlabel="class", ylabel="class")
    figure.colorbar(image, ax=upper, shrink=0.7, label="entanglement", ticks=[0.4, 0.6, 0.8, 1.0])
    if confusions is not None:
        [axes] = lower
        image = _draw(axes, entanglement, 100 * confusions, "Blurred images: {} are confused most", power=0.5)
        axes.set(xlabel="taken for", ylabel="blurred images of")
        figure.colorbar(image, ax=axes, shrink=0.7, label="mean probability (%)")
    return DescribedFigure(figure, alt=alt or in_words(entanglement))


def in_words(entanglement: Entanglement) -> str:
    """What the figure shows, for readers who cannot see it."""
    pairs = ", ".join(f"{first} and {second} ({value:.2f})" for first, second, value in entanglement.pairs(5))
    beside = "; below it the model's confusions of blurred images" if entanglement.confusions is not None else ""
    return f"Heat map of how entangled each class is with every other, most {pairs}{beside}."


def _draw(axes: Axes, entanglement: Entanglement, table: Tensor, title: str, *, power: float) -> AxesImage:
    order = entanglement.order
    [most] = largest_pairs((table + table.T) / 2, entanglement.classes, 1)
    axes.set_title(title.format(f"{most.first} and {most.second}"), parse_math=False)
    values = table[order][:, order].numpy()
    image = axes.imshow(
        values,
        cmap=colormaps["Blues"].with_extremes(bad="#dddddd"),
        norm=PowerNorm(power, vmin=0, vmax=max(1e-9, float(np.nanmax(values)))),
    )
    axes.grid(visible=False)
    names = [entanglement.classes[i] for i in order]
    if len(names) <= MOST_NAMED:
        size = max(SMALLEST, min(LARGEST, 200 / len(names)))
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size, parse_math=False)
        axes.set_yticks(range(len(names)), names, fontsize=size, parse_math=False)
    return image
