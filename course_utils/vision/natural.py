"""Natural images as the yardstick for pictures that claim to be like them: their class means, and their own closeness.

A few megabytes that stand for thousands of images: whoever has the file can ask how close a picture is to its class,
and how close natural images are, without having the images.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.rank_correlation import spearman
from course_utils.vision.class_means import CHUNK, FEWEST, ClassMeans, activations_of, class_means, with_labels


@dataclass(frozen=True, eq=False, repr=False)
class NaturalImages:
    """What a classifier's layers do for natural images.

    Attributes:
        means: mean activations of each class.
        same: rank correlation of each image with the mean of the *other* images of its class.
        different: of each image with the mean of another class; all others take turns.
        labels: class of each image.
    """

    means: ClassMeans
    same: Float[Tensor, "images layers"]
    different: Float[Tensor, "images layers"]
    labels: Int[Tensor, "images"]

    def save(self, path: str | Path) -> None:
        """Writes everything into one safetensors file, means in half precision."""
        tensors = {f"means.{layer}": mean.half().contiguous() for layer, mean in self.means.means.items()}
        tensors |= {"counts": self.means.counts, "same": self.same, "different": self.different, "labels": self.labels}
        about = {"classes": list(self.means.classes), "layers": self.means.layers}
        save_file(tensors, path, metadata={"natural_images": json.dumps(about)})

    @classmethod
    def load(cls, path: str | Path) -> NaturalImages:
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: another file, or a damaged one.
        """
        if not Path(path).exists():
            raise FileNotFoundError(f"there is no file {path}")
        try:
            with safe_open(path, "pt") as file:
                about = json.loads((file.metadata() or {})["natural_images"])
                kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} was not written by NaturalImages.save, or is damaged ({error!r})") from None
        means = {layer: kept[f"means.{layer}"].float() for layer in about["layers"]}
        counted = ClassMeans(means, kept["counts"], tuple(about["classes"]))
        return cls(counted, kept["same"], kept["different"], kept["labels"])

    def __repr__(self) -> str:
        return f"NaturalImages: {len(self.labels)} held against {self.means!r}"


def natural_images(
    classifier: Classifier,
    reference: Any,
    *,
    layers: Sequence[str] | None = None,
    only: Int[Tensor, "classes"] | None = None,
    progress: bool | None = None,
) -> NaturalImages:
    """Class means of natural images, and how close these images themselves are to them.

    Args:
        classifier: used in eval mode and left as found.
        reference: natural images as `class_means` takes them.
        layers: dotted names; the last layer at each size of map if None.
        only: indices of the classes whose images are held against the means; all with enough images if None.

    Raises:
        ValueError: an unknown layer (offers close names), fewer than five images of a class in `only`, or images of one
            class only.

    Source: Geirhos et al. 2024, who normalise by these two baselines.
    """
    images, labels = with_labels(classifier, reference)
    means = class_means(classifier, (images, labels), layers, progress=progress)
    asked = means.counts >= FEWEST
    if only is not None:
        means.of([classifier.classes[i] for i in only.tolist()])  # says which class has too few
        asked = torch.isin(torch.arange(len(asked)), only)
    rows = asked[labels].nonzero().flatten()
    others = _others(means, labels[rows])
    columns = []
    for layer in means.layers:
        mean = means.means[layer]
        activations = all_activations(classifier, images[rows], layer)
        without = _without_themselves(activations, mean, means.counts, labels[rows])
        columns.append((spearman(activations, without), spearman(activations, mean[others])))
    same, different = (torch.stack(list(column), dim=1) for column in zip(*columns, strict=True))
    return NaturalImages(means, same, different, labels[rows])


def all_activations(classifier: Classifier, images: Tensor, layer: str) -> Float[Tensor, "images ..."]:
    """What one layer gives for any number of images, a chunk at a time."""
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
