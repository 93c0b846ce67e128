"""Entanglement: which classes share features, read off their prototypes.

A prototype of a class has two marks: the model says the class, and activations follow the class's. When the details of
a prototype go, what is left may bear both marks of other classes too: those share something with it. The matrix says
how much, pair by pair; that it means anything is shown by comparing it with the model's own confusions of natural
images (`images=`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.figures.style import WIDTH, DescribedFigure, Drawn, new_figure, styled
from course_utils.models.classifier import MOST, Classifier
from course_utils.transforms import Noise, RandomBlur, Transform, gaussian_blur, merged, standard
from course_utils.utils import Forecast, progress_bar, sample_generators, spearman
from course_utils.validation import check_settings
from course_utils.vision.feature_visualization import given_or
from course_utils.vision.isolation import Isolation, isolate_features
from course_utils.vision.layer_table import outputs_of, stages
from course_utils.vision.prototypes import Prototypes
from course_utils.vision.reference import images_of_classes, mean_by_class

# Chosen on prototypes and scenes of other seeds than those that the figures are measured on.
STRONGEST_BLUR = 1 / 8  # of the shorter side
NOISE = 0.05  # standard deviation: without it the ordinary net answers a blurred image at random
CONFUSION_BLUR = 3 / 64  # of the shorter side: 3 pixels of 64, as where the shipped models were evaluated
# Of isolation in a prototype, much of which shows its class.
SHOWN: dict[str, Any] = {"fill": "mean", "area_weight": 8.0}
FEWEST_DRAWN = 3  # different classes in a bootstrap draw: of two there is one pair, and no correlation
BOOTSTRAP = 1000  # resamplings for an interval
LEVEL = 0.95


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
    natural = None if images is None else images_of_classes(classifier, images, names)
    blur_and_noise = [RandomBlur(STRONGEST_BLUR * min(classifier.size)), Noise(NOISE)]
    moves = merged(given_or(transforms, [*standard(classifier.size), *blur_and_noise], "transforms"))
    at = [] if layers is None else list(layers)
    if layers is None:
        with suppress(ValueError):  # no layer gives maps
            at = stages(classifier)
    own = torch.tensor([names.index(name) for name in prototypes.classes])
    generators = sample_generators(seed, range(len(own)), "entanglement")
    chunks = torch.arange(len(own)).split(classifier.default_batch_size(len(own), most=MOST, backward=False))
    passes = [chunk for _ in range(draws) for chunk in chunks]
    forecast = Forecast(len(passes), f"Entanglement of {len(names)} classes", "prototypes.subset([…]) takes fewer")

    def batches() -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        for chunk in progress_bar(passes, "entanglement", progress=progress):
            forecast()
            moved, drawing = prototypes.images[chunk], [generators[i] for i in chunk.tolist()]
            for move in moves:
                moved = move(moved, drawing)
            outputs = outputs_of(classifier, moved.clamp(0, 1), at)
            yield own[chunk], {"probabilities": outputs.logits.softmax(1), **outputs.layers}

    said, *means = mean_by_class(batches(), len(names)).values()
    probability = said[:, wanted].fill_diagonal_(torch.nan)
    match = torch.stack([correlations(each.flatten(1)) for each in means]).mean(0) if means else None
    confusions = similarity = None
    if natural is not None:
        confusions = soft_confusions(classifier, *natural, seed=seed)[:, wanted].fill_diagonal_(torch.nan)
        similarity = image_similarity(*natural).fill_diagonal_(torch.nan)
    matrix, match = entangled(probability, match), None if match is None else match.fill_diagonal_(torch.nan)
    return Entanglement(matrix, names, classifier.name, probability, match, confusions, similarity)


@dataclass(frozen=True, eq=False, repr=False)
class Entanglement(Drawn):
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
        check_settings(n=n)
        return largest_pairs(self.matrix, self.classes, n)

    @property
    def order(self) -> list[int]:
        """Rows in the order of a hierarchical clustering (average linkage): entangled classes stand side by side."""
        from scipy.cluster.hierarchy import leaves_list, linkage

        if len(self.classes) < 3:
            return list(range(len(self.classes)))
        distances = 1 - condensed(self.matrix).double().numpy()
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
        found = _rank_correlations(tables, truth, torch.arange(count))
        choices = [torch.from_numpy(generator.integers(count, size=count)) for _ in range(resamplings)]
        drawn = [_rank_correlations(tables, truth, each) for each in choices if len(each.unique()) >= FEWEST_DRAWN]
        intervals = np.quantile(np.array(drawn), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0).T.tolist()
        mine, images, ahead = (Estimate(value, *ends) for value, ends in zip(found, intervals, strict=True))
        return RankAgreement(mine, images, ahead, count * (count - 1) // 2)

    @styled
    def plot(self) -> DescribedFigure:
        """A heat map ordered by clustering, with the confusions beside it where there are any."""
        # Each with a power that spreads what matters: of places the highest, of probabilities, mostly small, the small.
        figure = new_figure((1 if self.confusions is None else 2) * 0.92 * WIDTH)
        upper, *lower = figure.subplots(1 if self.confusions is None else 2, 1, squeeze=False)[:, 0]
        image = _draw(upper, self, self.matrix, "Prototypes: {} share most", 3.0)
        upper.set(xlabel="class", ylabel="class")
        figure.colorbar(image, ax=upper, shrink=0.7, label="entanglement", ticks=[0.4, 0.6, 0.8, 1.0])
        beside = ""
        if self.confusions is not None:
            image = _draw(lower[0], self, 100 * self.confusions, "Blurred images: {} are confused most", 0.5)
            lower[0].set(xlabel="taken for", ylabel="blurred images of")
            figure.colorbar(image, ax=lower[0], shrink=0.7, label="mean probability (%)")
            beside = "; below it the model's confusions of blurred images"
        pairs = ", ".join(f"{first} and {second} ({value:.2f})" for first, second, value in self.pairs(5))
        told = f"Heat map of how entangled each class is with every other, most {pairs}{beside}."
        return DescribedFigure(figure, alt=told)

    def __repr__(self) -> str:
        most = ", ".join(f"{first} and {second} {value:.2f}" for first, second, value in self.pairs(3))
        return f"Entanglement of {len(self.classes)} classes of {self.name}; most: {most}"


SMALLEST, LARGEST = 6.0, 10.5  # points: lettering below 6 cannot be read on a phone
MOST_NAMED = 40  # classes; with more, names would lie over each other


def _draw(axes: Any, entanglement: Entanglement, table: Tensor, title: str, power: float) -> Any:
    from matplotlib import colormaps
    from matplotlib.colors import PowerNorm

    [most] = largest_pairs((table + table.T) / 2, entanglement.classes, 1)
    axes.set_title(title.format(f"{most.first} and {most.second}"), parse_math=False)
    order = entanglement.order
    values = table[order][:, order].numpy()
    norm = PowerNorm(power, vmin=0, vmax=max(1e-9, float(np.nanmax(values))))
    image = axes.imshow(values, cmap=colormaps["Blues"].with_extremes(bad="#dddddd"), norm=norm)
    axes.grid(visible=False)
    names = [entanglement.classes[i] for i in order]
    if len(names) <= MOST_NAMED:
        size = max(SMALLEST, min(LARGEST, 200 / len(names)))
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size, parse_math=False)
        axes.set_yticks(range(len(names)), names, fontsize=size, parse_math=False)
    return image


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


class Pair(NamedTuple):
    """Two classes and how entangled they are, in [0, 1]."""

    first: str
    second: str
    value: float


def entangled(
    probability: Float[Tensor, "classes classes"], match: Float[Tensor, "classes classes"] | None
) -> Float[Tensor, "classes classes"]:
    """The matrix from its two parts, or from the first alone: a mean of a pair's places in them.

    A place is the pair's rank among all, from 1 / pairs to 1 for the largest; equal ones share a rank. The first part
    counts twice: it says what either class's prototypes say of the other.
    """
    from scipy.spatial.distance import squareform
    from scipy.stats import rankdata

    parts = [probability + probability.T] * 2 + ([] if match is None else [match])
    ranks = [torch.from_numpy(rankdata(condensed(part).double().numpy())) for part in parts]
    places = torch.stack([(rank / len(rank)).float() for rank in ranks]).mean(0)
    return torch.from_numpy(squareform(places.numpy())).fill_diagonal_(torch.nan)


def condensed(table: Float[Tensor, "classes classes"]) -> Float[Tensor, "pairs"]:
    """The upper triangle of a table, row by row, as scipy's condensed distances."""
    first, second = torch.triu_indices(len(table), len(table), 1)
    return table[first, second]


def largest_pairs(table: Float[Tensor, "classes classes"], classes: list[str], n: int) -> list[Pair]:
    """The n pairs with the largest values in a symmetric table."""
    first, second = torch.triu_indices(len(classes), len(classes), 1)
    values = condensed(table)
    best = values.sort(descending=True, stable=True).indices[:n].tolist()
    return [Pair(classes[first[i]], classes[second[i]], values[i].item()) for i in best]


def _rank_correlations(tables: Float[Tensor, "2 classes classes"], truth: Tensor, classes: Tensor) -> list[float]:
    """Spearman of both tables with the truth, and their difference, over the pairs of some classes, repeated or not."""
    first, second = torch.combinations(classes).T
    kept = first != second  # a class drawn twice makes no pair with itself
    first, second = first[kept], second[kept]
    mine, images = spearman(tables[:, first, second], truth[first, second].expand(2, -1)).tolist()
    return [mine, images, mine - images]


def soft_confusions(
    classifier: Classifier, images: Tensor, labels: Int[Tensor, "n"], *, seed: int = 0
) -> Float[Tensor, "rows classes"]:
    """For each class of images the mean probability of every class after a blur and noise fixed beforehand.

    Args:
        images: natural images in [0, 1].
        labels: their rows in the result, from 0; images of -1 do not count.
        seed: of the noise.
    """
    generators = sample_generators(seed, range(len(images)), "confusions")
    blurred_images = Noise(NOISE)(gaussian_blur(images, CONFUSION_BLUR * min(images.shape[2:])), generators)
    return _means(classifier.predict(blurred_images).probabilities, labels)


def image_similarity(images: Tensor, labels: Int[Tensor, "n"]) -> Float[Tensor, "rows rows"]:
    """The correlation of the class-mean images, from each of which the mean of all of them is subtracted.

    What needs no model to be seen, and therefore what a model's entanglement has to beat.
    """
    return correlations(_means(images.flatten(1).float().cpu(), labels))


def correlations(means: Float[Tensor, "rows numbers"]) -> Float[Tensor, "rows rows"]:
    """Of each row with each other, less the mean of all rows: what all of them share says nothing about two."""
    return torch.corrcoef(means - means.mean(0)).nan_to_num()


def _means(values: Float[Tensor, "n numbers"], rows: Int[Tensor, "n"]) -> Float[Tensor, "rows numbers"]:
    return torch.stack([values[rows == row].mean(0) for row in range(int(rows.max()) + 1)])


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
    return isolate_features(classifier, images, second, progress=progress, **SHOWN | options)
