"""What a classifier takes for what when details are gone, and how alike classes are as mere pictures."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.randomness import sample_generators
from course_utils.vision.isolation_aims import Grain
from course_utils.vision.softening import blurred

BLUR = 3 / 64  # of the shorter side: that of course_utils.models.evaluate.BLUR, 3 pixels of 64
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


def picture_similarity(images: Tensor, labels: Int[Tensor, "n"]) -> Float[Tensor, "rows rows"]:
    """The correlation of the class-mean pictures, from each of which the mean of all of them is subtracted.

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
