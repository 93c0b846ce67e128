"""Reference statistics: what a net's layers do, on average, for natural images of each class.

The mean over many images keeps what they share and loses where each of them differs. Prototypes that are made with a
reference are pulled toward these means (`class_means`), and every prototype can be compared with them (`similarity`),
beside natural images of the same and of other classes (`natural_images`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.figures.style import PALETTE, DescribedFigure, Plotted, new_axes, styled
from course_utils.models.classifier import Classifier
from course_utils.utils import progress_bar, read_saved, spearman, write_saved
from course_utils.validation import check_known
from course_utils.vision.layer_table import chosen_layers, outputs_of

FEWEST = 5  # images of a class: the mean of fewer is still an image of single images
CHUNK = 128  # images in a forward pass on a processor


def class_means(
    classifier: Classifier,
    reference: Any,
    layers: Sequence[str] | None = None,
    *,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> ClassMeans:
    """Mean activations of natural images of each class.

    Args:
        classifier: used in eval mode and left as found.
        reference: images with `.images` and `.labels` (`Scenes`, `Photographs`), a pair (images, labels), or images
            alone: then their class is what the classifier says.
        layers: dotted names; the last layer at each size of map if None.
        batch_size: images that go through the classifier at once; if None as many as fit into memory.

    Raises:
        ValueError: no images, labels of another number, an unknown layer (offers close names).
    """
    images, labels = with_labels(classifier, reference, batch_size)
    names = chosen_layers(classifier, layers, batch_size=batch_size)
    count = len(classifier.classes)
    size = int(batch_size or classifier.default_batch_size(len(images), most=CHUNK, backward=False))
    chunks = list(zip(images.split(size), labels.split(size), strict=True))
    bar = progress_bar(chunks, "activations of the reference", progress=progress)
    means = mean_by_class(((theirs, outputs_of(classifier, some, names).layers) for some, theirs in bar), count)
    return ClassMeans(means, labels.bincount(minlength=count), classifier.classes)


def mean_by_class(batches: Iterable[tuple[Tensor, Mapping[str, Tensor]]], count: int) -> dict[str, Tensor]:
    """Means over all rows of a class, (classes, …), from batches of the rows' classes and of their values by name."""
    counts, sums = torch.zeros(count, dtype=torch.long), dict[str, Tensor]()
    for labels, values in batches:
        counts += labels.bincount(minlength=count)
        for name, each in values.items():
            if name not in sums:
                # numpy's zeros take memory only where something is written: a thousand classes may have four images
                sums[name] = torch.from_numpy(np.zeros((count, *each.shape[1:]), np.float32))
            sums[name].index_add_(0, labels, each.float().cpu())
    there = counts.nonzero().flatten()
    for total in sums.values():
        total[there] = total[there] / counts[there].view(-1, *[1] * (total.ndim - 1))
    return sums


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
            check_known("class", name, self.classes)
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


def with_labels(
    classifier: Classifier, reference: Any, batch_size: int | None = None
) -> tuple[Tensor, Int[Tensor, "n"]]:
    """Images and the indices of their classes, from what `class_means` takes as a reference.

    Raises:
        TypeError: something else.
        ValueError: labels of another number than images, or of unknown classes; no images.
    """
    if isinstance(reference, Tensor):
        return reference, classifier.predict(reference, batch_size=batch_size).logits.argmax(1)
    if hasattr(reference, "images") and hasattr(reference, "labels"):
        # Names, where there are any: they mean the same whatever the order of their indices.
        images, labels = reference.images, getattr(reference, "names", reference.labels)
    elif isinstance(reference, tuple) and len(reference) == 2:
        images, labels = reference
    else:
        raise TypeError(
            f"reference is {type(reference).__name__}, expected images, (images, labels), or images with .images and "
            ".labels such as PaintedWorld().sample(500)."
        )
    if isinstance(images, Tensor) and len(images) == 0:
        raise ValueError("the reference holds no images.")
    return classifier.check_images(images), classifier.targets(labels, len(images)).cpu()


def images_of_classes(classifier: Classifier, reference: Any, names: Sequence[str]) -> tuple[Tensor, Int[Tensor, "n"]]:
    """The images of the named classes, and each one's class as its place among `names`.

    Raises:
        ValueError: an unknown class, a class without an image; and as `with_labels`.
    """
    images, labels = with_labels(classifier, reference)
    rows = torch.full_like(labels, -1)
    for row, name in enumerate(names):
        rows[labels == classifier.index(name)] = row
        if not (rows == row).any():
            raise ValueError(f"images holds none of class {name!r}, expected some of every class with a prototype.")
    return images[rows >= 0], rows[rows >= 0]


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
    known = (means.counts >= FEWEST).nonzero().flatten().tolist()
    if len(known) < 2:
        raise ValueError("the reference has images of one class only; similarity() also needs those of others.")
    rest = {label: [other for other in known if other != label] for label in labels.unique().tolist()}
    # Another class for each image: all classes that have a mean take turns.
    others = [rest[label][turn % len(rest[label])] for turn, label in enumerate(labels[rows].tolist())]
    columns = []
    for layer in means.layers:
        mean = means.means[layer]
        activations = _activations(classifier, images[rows], layer)
        # The mean of an image's class over all others: its own share would make every image look close.
        n = means.counts[labels[rows]].view(-1, *[1] * (mean.ndim - 1))
        without = (n * mean[labels[rows]] - activations) / (n - 1)
        columns.append((spearman(activations, without), spearman(activations, mean[others])))
    same, different = (torch.stack(list(column), dim=1) for column in zip(*columns, strict=True))
    return NaturalImages(means, same, different, labels[rows])


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
        write_saved(path, "natural_images", about, tensors)

    @classmethod
    def load(cls, path: str | Path) -> NaturalImages:
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: another file, or a damaged one.
        """
        about, kept = read_saved(path, "natural_images", "NaturalImages.save")
        means = {layer: kept[f"means.{layer}"].float() for layer in about["layers"]}
        counted = ClassMeans(means, kept["counts"], tuple(about["classes"]))
        return cls(counted, kept["same"], kept["different"], kept["labels"])

    def __repr__(self) -> str:
        return f"NaturalImages: {len(self.labels)} held against {self.means!r}"


def similarity(
    classifier: Classifier,
    images: Tensor,
    classes: Sequence[str] | str,
    reference: Any,
    *,
    layers: Sequence[str] | None = None,
    progress: bool | None = None,
) -> Similarity:
    """How close images, and natural images beside them, are to the mean activations of their class.

    Args:
        classifier: whose layers are asked; it need not be the one that the images were made for.
        images: (images, channels, height, width) in [0, 1].
        classes: of the images, one for all or one for each; `Prototypes.classes`.
        reference: natural images as `class_means` takes them; *others* than those that the images were made with.
            At least five of each class that is asked for. Or `NaturalImages`, measured once and kept.
        layers: dotted names; the last layer at each size of map if None.

    Returns:
        Figures of the images, and of each natural image of these classes: with the mean over the others of its
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
    found = torch.stack([spearman(_activations(classifier, images, n), w) for n, w in wanted.items()], dim=1)
    rows = torch.isin(natural.labels, targets)
    theirs = natural.same[rows], natural.different[rows], natural.labels[rows]
    return Similarity(found, *theirs, targets, natural.means.layers, classifier.classes)


@dataclass(frozen=True, eq=False, repr=False)
class Similarity(Plotted):
    """Rank correlations with class means; one column a layer.

    Attributes:
        spearman: of each image with the mean of its class, in [-1, 1].
        same: of each natural image with the mean of the *other* images of its class.
        different: of each natural image with the mean of another class.
        labels: class of each natural image.
        targets: class of each image.
        layers: names of the columns.
        classes: the classifier's.
    """

    spearman: Float[Tensor, "images layers"]
    same: Float[Tensor, "natural layers"]
    different: Float[Tensor, "natural layers"]
    labels: Int[Tensor, "natural"]
    targets: Int[Tensor, "images"]
    layers: list[str]
    classes: tuple[str, ...]

    @property
    def above(self) -> Float[Tensor, "images layers"]:
        """The share of natural images of its class that are less close to the class mean than the image is."""
        shares = [(self.same[self.labels == t] < row).float().mean(0) for t, row in self._rows()]
        return torch.stack(shares)

    @property
    def normalised(self) -> Float[Tensor, "images layers"]:
        """0 where an image is as close as images of other classes, 1 where it is as close as those of its own.

        Source: Geirhos et al. 2024.
        """
        rows = []
        for target, row in self._rows():
            low, high = (part[self.labels == target].mean(0) for part in (self.different, self.same))
            rows.append((row - low) / (high - low))
        return torch.stack(rows)

    @property
    def by_definition(self) -> Tensor:
        """Whether each image is closer to its class mean than any natural image, at every layer; (images,) bool.

        Source: the definition of a prototype by Tagade & Rumbelow 2023, taken literally.
        """
        return (self.above == 1).all(1)

    @styled
    def plot(self) -> DescribedFigure:
        """Each layer's images, between natural images of the same and of other classes."""
        places = np.arange(len(self.layers))
        figure, axes = new_axes(3.9)
        spread = np.random.default_rng(0).uniform(-0.08, 0.08, len(self.spearman))
        for shift, values, label, colour in (
            (-0.27, self.different, "natural, other classes", PALETTE[1]),
            (0.0, self.same, "natural, same class", PALETTE[5]),
        ):
            low, middle, high = np.quantile(values.numpy(), (0.05, 0.5, 0.95), axis=0)
            axes.bar(places + shift, high - low, 0.2, bottom=low, color=colour, alpha=0.45, label=f"{label} (90 %)")
            axes.hlines(middle, places + shift - 0.1, places + shift + 0.1, color="black", linewidth=1.5)
        beside = (places + 0.27 + spread[:, None]).ravel()
        axes.plot(beside, self.spearman.numpy().ravel(), "o", color=PALETTE[0], markersize=4, label="images")
        axes.set_xticks(places, self.layers)
        axes.set(ylabel="rank correlation with class mean", ylim=(min(0, axes.get_ylim()[0]), 1))
        axes.grid(visible=False, axis="x")
        figure.legend(loc="outside lower center", ncols=2)
        columns = (part.median(0).values.tolist() for part in (self.spearman, self.same, self.different))
        rows = zip(self.layers, *columns, strict=True)
        medians = ", ".join(f"{layer} {own:.2f} ({same:.2f} and {other:.2f})" for layer, own, same, other in rows)
        told = f"Median rank correlation of images (natural images of same and other classes): {medians}."
        return DescribedFigure(figure, alt=told)

    def _rows(self):
        return zip(self.targets.tolist(), self.spearman, strict=True)

    def __repr__(self) -> str:
        lines = [f"{'':16}  images  same class  other classes  above 95 %  above all"]
        above = self.above
        for i, layer in enumerate(self.layers):
            lines.append(
                f"{layer:16}  {self.spearman[:, i].mean():8.2f}  {self.same[:, i].mean():10.2f}  "
                f"{self.different[:, i].mean():13.2f}  {100 * (above[:, i] > 0.95).float().mean():8.0f} %  "
                f"{100 * (above[:, i] == 1).float().mean():7.0f} %"
            )
        return "\n".join(lines)


def _activations(classifier: Classifier, images: Tensor, layer: str) -> Float[Tensor, "images ..."]:
    """The activations of one layer for any number of images, a chunk at a time."""
    return outputs_of(classifier, images, [layer])[layer].cpu()
