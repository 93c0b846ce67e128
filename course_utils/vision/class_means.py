"""What a net's layers do, on average, for natural images of each class.

The mean over many images keeps what they share and loses where each of them differs: it is what prototypes are held
against, and what those that are made with a reference are pulled toward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.activations import Outputs, record
from course_utils.guards import as_found
from course_utils.messages import unknown
from course_utils.models.classifier import Classifier
from course_utils.progress import progress_bar
from course_utils.vision.layer_table import stages

FEWEST = 5  # images of a class: the mean of fewer is still a picture of single images
CHUNK = 128  # images in a forward pass


@dataclass(frozen=True, eq=False, repr=False)
class ClassMeans:
    """Mean activations, class by class.

    Attributes:
        means: layer -> (classes, …); rows without images are 0.
        counts: images of each class.
        classes: the names of the rows, in the classifier's order.
    """

    means: dict[str, Float[Tensor, "classes ..."]]
    counts: Int[Tensor, "classes"]
    classes: tuple[str, ...]

    @property
    def layers(self) -> list[str]:
        return list(self.means)

    def of(self, names: Sequence[str]) -> dict[str, Float[Tensor, "names ..."]]:
        """Layer -> one row for each of the named classes.

        Raises:
            ValueError: an unknown class, or one with fewer than five images.
        """
        for name in dict.fromkeys(names):
            if name not in self.classes:
                raise ValueError(unknown("class", name, self.classes))
            count = int(self.counts[self.classes.index(name)])
            if count < FEWEST:
                raise ValueError(
                    f"the reference has {count} image{'s' * (count != 1)} of class {name!r}, expected at least "
                    f"{FEWEST}; give more, or name other classes=[…]."
                )
        rows = [self.classes.index(name) for name in names]
        return {layer: means[rows] for layer, means in self.means.items()}

    def __repr__(self) -> str:
        return (
            f"ClassMeans of {int((self.counts > 0).sum())} classes at {', '.join(self.means)}, "
            f"{int(self.counts.min())} to {int(self.counts.max())} images each"
        )


def class_means(
    classifier: Classifier, reference: Any, layers: Sequence[str] | None = None, *, progress: bool | None = None
) -> ClassMeans:
    """Mean activations of natural images of each class.

    Args:
        classifier: used in eval mode and left as found.
        reference: pictures with `.images` and `.labels` (`Scenes`, `Photographs`), a pair (images, labels), or images
            alone: then their class is what the classifier says.
        layers: dotted names; the last layer at each size of map if None.

    Raises:
        ValueError: no images, labels of another number, an unknown layer (offers close names).
    """
    images, labels = with_labels(classifier, reference)
    names = list(layers) if layers is not None else stages(classifier)
    count = len(classifier.classes)
    sums: dict[str, Tensor] = {}
    chunks = zip(images.split(CHUNK), labels.split(CHUNK), strict=True)
    for some, theirs in progress_bar(list(chunks), "activations of the reference", progress=progress):
        for name, activations in activations_of(classifier, some, names).items():
            if name not in sums:
                sums[name] = torch.zeros(count, *activations.shape[1:])
            sums[name].index_add_(0, theirs, activations.float().cpu())
    counts = labels.bincount(minlength=count)
    means = {n: total / counts.clamp_min(1).view(-1, *[1] * (total.ndim - 1)) for n, total in sums.items()}
    return ClassMeans(means, counts, classifier.classes)


def with_labels(classifier: Classifier, reference: Any) -> tuple[Tensor, Int[Tensor, "n"]]:
    """Images and the indices of their classes, from what `class_means` takes as a reference.

    Raises:
        TypeError: something else.
        ValueError: labels of another number than images, or of unknown classes; no images.
    """
    if isinstance(reference, Tensor):
        return reference, classifier.predict(reference).logits.argmax(1)
    if hasattr(reference, "images") and hasattr(reference, "labels"):
        images, labels = reference.images, reference.labels
        if hasattr(reference, "names"):  # names mean the same whatever the order of their indices
            labels = reference.names
    elif isinstance(reference, tuple) and len(reference) == 2:
        images, labels = reference
    else:
        raise TypeError(
            f"reference is {type(reference).__name__}, expected images, (images, labels), or pictures with .images and "
            ".labels such as PaintedWorld().sample(500)."
        )
    if len(images) == 0:
        raise ValueError("the reference holds no images.")
    return classifier.check_images(images), classifier.targets(labels, len(images)).cpu()


def activations_of(classifier: Classifier, images: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """Layer -> what it gives for each image, (images, …), in evaluation mode."""
    return dict(outputs_of(classifier, images, layers).layers)


@torch.no_grad()
def outputs_of(classifier: Classifier, images: Tensor, layers: Sequence[str]) -> Outputs:
    """Logits and layers for images, in evaluation mode."""
    with as_found(classifier):
        return record(classifier, layers)(images.to(classifier.device))
