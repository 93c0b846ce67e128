"""How closely pictures follow the average of their class, layer by layer, beside how closely natural images do.

Closeness is Spearman's rank correlation between a picture's activations at a layer and their mean over natural images
of its class. The figure alone says little: neighbouring units of any two pictures rise and fall together. It is read
between two others (Geirhos et al. 2024): that of natural images of the same class, and that of images of other
classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.stats import rankdata
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.vision.class_means import CHUNK, FEWEST, ClassMeans, activations_of, class_means, with_labels


@dataclass(frozen=True, eq=False, repr=False)
class Similarity:
    """Rank correlations with class means; one column a layer.

    Attributes:
        spearman: of each picture with the mean of its class, in [-1, 1].
        same: of each natural image with the mean of the *other* images of its class.
        different: of each natural image with the mean of another class.
        labels: class of each natural image.
        targets: class of each picture.
        layers: names of the columns.
        classes: the classifier's.
    """

    spearman: Float[Tensor, "pictures layers"]
    same: Float[Tensor, "natural layers"]
    different: Float[Tensor, "natural layers"]
    labels: Int[Tensor, "natural"]
    targets: Int[Tensor, "pictures"]
    layers: list[str]
    classes: tuple[str, ...]

    @property
    def above(self) -> Float[Tensor, "pictures layers"]:
        """The share of natural images of its class that are less close to the class mean than the picture is."""
        shares = [(self.same[self.labels == t] < row).float().mean(0) for t, row in self._rows()]
        return torch.stack(shares)

    @property
    def normalised(self) -> Float[Tensor, "pictures layers"]:
        """0 where a picture is as close as images of other classes, 1 where it is as close as those of its own.

        Source: Geirhos et al. 2024.
        """
        rows = []
        for target, row in self._rows():
            low, high = (part[self.labels == target].mean(0) for part in (self.different, self.same))
            rows.append((row - low) / (high - low))
        return torch.stack(rows)

    @property
    def by_definition(self) -> Tensor:
        """Whether each picture is closer to its class mean than any natural image, at every layer; (pictures,) bool.

        Source: the definition of a prototype by Tagade & Rumbelow 2023, taken literally.
        """
        return (self.above == 1).all(1)

    def plot(self) -> Any:
        """Each layer's pictures, between natural images of the same and of other classes."""
        from course_utils.show.similarity import plot_similarity  # here, because it imports matplotlib

        return plot_similarity(self)

    def _rows(self):
        return zip(self.targets.tolist(), self.spearman, strict=True)

    def __repr__(self) -> str:
        lines = [f"{'':16}  pictures  same class  other classes  above 95 %  above all"]
        above = self.above
        for i, layer in enumerate(self.layers):
            lines.append(
                f"{layer:16}  {self.spearman[:, i].mean():8.2f}  {self.same[:, i].mean():10.2f}  "
                f"{self.different[:, i].mean():13.2f}  {(above[:, i] > 0.95).float().mean():10.0%}  "
                f"{(above[:, i] == 1).float().mean():9.0%}"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.plot()._repr_html_()


def similarity(
    classifier: Classifier,
    images: Tensor,
    classes: Sequence[str] | str,
    reference: Any,
    *,
    layers: Sequence[str] | None = None,
    progress: bool | None = None,
) -> Similarity:
    """How close pictures, and natural images beside them, are to the mean activations of their class.

    Args:
        classifier: whose layers are asked; it need not be the one that the pictures were made for.
        images: (pictures, channels, height, width) in [0, 1].
        classes: of the pictures, one for all or one for each; `Prototypes.classes`.
        reference: natural images as `class_means` takes them; *others* than those that the pictures were made with.
            At least five of each class that is asked for.
        layers: dotted names; the last layer at each size of map if None.

    Returns:
        Figures of the pictures, and of each natural image of these classes: with the mean over the others of its
        class, and with the mean of one other class (all take turns).

    Raises:
        ValueError: an unknown class or layer; fewer than five images of a class, or images of one class only.

    Source: Tagade & Rumbelow 2023 (the measure), Geirhos et al. 2024 (its two baselines).
    """
    targets = classifier.targets(classes if isinstance(classes, str) else list(classes), len(images)).cpu()
    natural, labels = with_labels(classifier, reference)
    means = class_means(classifier, (natural, labels), layers, progress=progress)
    means.of([classifier.classes[t] for t in targets.tolist()])
    rows = torch.isin(labels, targets).nonzero().flatten()
    others = _others(means, labels[rows])
    columns: list[tuple[Tensor, Tensor, Tensor]] = []
    for layer in means.layers:
        mean = means.means[layer]
        own = spearman(_all(classifier, images, layer), mean[targets])
        activations = _all(classifier, natural[rows], layer)
        without = _without_themselves(activations, mean, means.counts, labels[rows])
        columns.append((own, spearman(activations, without), spearman(activations, mean[others])))
    found, same, different = (torch.stack(list(column), dim=1) for column in zip(*columns, strict=True))
    return Similarity(found, same, different, labels[rows], targets, means.layers, classifier.classes)


def spearman(a: Float[Tensor, "n ..."], b: Float[Tensor, "n ..."]) -> Float[Tensor, "n"]:
    """Spearman's rank correlation of each row of `a` with that of `b`, ties sharing a rank; 0 without variance.

    Exact, and checked against `scipy.stats.spearmanr`, which takes one pair at a time.
    """
    ranks = [rankdata(x.flatten(1).float().cpu().numpy(), axis=1) for x in (a, b)]
    x, y = (rank - rank.mean(1, keepdims=True) for rank in ranks)
    lengths = np.sqrt((x * x).sum(1) * (y * y).sum(1))
    return torch.from_numpy((x * y).sum(1) / np.where(lengths > 0, lengths, 1)).float()


def _all(classifier: Classifier, images: Tensor, layer: str) -> Tensor:
    return torch.cat([activations_of(classifier, some, [layer])[layer].cpu() for some in images.split(CHUNK)])


def _without_themselves(activations: Tensor, means: Tensor, counts: Tensor, labels: Tensor) -> Tensor:
    """The mean of each image's class over all other images: its own share would make every image look close."""
    n = counts[labels].view(-1, *[1] * (means.ndim - 1))
    return (n * means[labels] - activations) / (n - 1)


def _others(means: ClassMeans, labels: Tensor) -> Tensor:
    """Another class for each image; all classes that have a mean take turns."""
    known = (means.counts >= FEWEST).nonzero().flatten().tolist()
    if len(known) < 2:
        raise ValueError("the reference has images of one class only; similarity() also needs those of others.")
    picked = []
    for turn, label in enumerate(labels.tolist()):
        rest = [k for k in known if k != label]
        picked.append(rest[turn % len(rest)])
    return torch.tensor(picked)
