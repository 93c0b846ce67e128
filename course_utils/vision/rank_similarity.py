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

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.rank_correlation import spearman
from course_utils.vision.natural import NaturalImages, all_activations, natural_images


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
            At least five of each class that is asked for. Or `NaturalImages`, measured once and kept.
        layers: dotted names; the last layer at each size of map if None.

    Returns:
        Figures of the pictures, and of each natural image of these classes: with the mean over the others of its
        class, and with the mean of one other class (all take turns).

    Raises:
        ValueError: an unknown class or layer; fewer than five images of a class, or images of one class only.

    Source: Tagade & Rumbelow 2023 (the measure), Geirhos et al. 2024 (its two baselines).
    """
    targets = classifier.targets(classes if isinstance(classes, str) else list(classes), len(images)).cpu()
    natural = reference
    if not isinstance(reference, NaturalImages):
        natural = natural_images(classifier, reference, layers=layers, only=targets, progress=progress)
    elif layers is not None:
        raise ValueError("layers= was chosen when the NaturalImages were measured; leave it out here.")
    wanted = natural.means.of([classifier.classes[t] for t in targets.tolist()])
    found = torch.stack([spearman(all_activations(classifier, images, n), w) for n, w in wanted.items()], dim=1)
    rows = torch.isin(natural.labels, targets)
    return Similarity(
        found,
        natural.same[rows],
        natural.different[rows],
        natural.labels[rows],
        targets,
        natural.means.layers,
        classifier.classes,
    )
