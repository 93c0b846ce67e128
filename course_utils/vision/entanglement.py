"""Entanglement: which classes share features, read off their prototypes.

A prototype of a class has two marks: the model says the class, and activations follow the class's. When the details of
a prototype go, what is left may bear both marks of other classes too: those share something with it. The matrix says
how much, pair by pair; that it means anything is shown by holding it against the model's own confusions of natural
images (`images=`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.guards import check_settings
from course_utils.models.classifier import Classifier
from course_utils.progress import progress_bar
from course_utils.randomness import sample_generators
from course_utils.transforms import Transform, merged, standard
from course_utils.vision.class_means import outputs_of, with_labels
from course_utils.vision.confusions import class_rows, correlations, picture_similarity, soft_confusions
from course_utils.vision.entanglement_result import Entanglement, entangled
from course_utils.vision.feature_visualization import given_or, pictures_at_once
from course_utils.vision.isolation import isolate_features
from course_utils.vision.isolation_aims import Grain
from course_utils.vision.isolation_result import Isolation
from course_utils.vision.layer_table import stages
from course_utils.vision.prototypes_result import Prototypes
from course_utils.vision.softening import RandomBlur

# Chosen on prototypes and scenes of other seeds than those that the figures are measured on.
STRONGEST_BLUR = 1 / 8  # of the shorter side
GRAIN = 0.05  # standard deviation: without it the ordinary net answers a blurred picture at random
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
            similarity of the class means as pictures, which takes no model to see.
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
    the blur the matrix says little: an optimised picture is nearly always only its own class, and what it shares comes
    out when its details go. Weights of 1:1, 2:1 and 3:1 were tried on other nets than those that figures are given for.
    """
    check_settings(stop_at=None, draws=draws)
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
        similarity = picture_similarity(natural[0], labels).fill_diagonal_(torch.nan)
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
    pictures = prototypes.of(first)
    if len(pictures) == 0:
        known = ", ".join(dict.fromkeys(prototypes.classes))
        raise ValueError(f"there is no prototype of {first!r}, expected one of: {known}.")
    settings: dict[str, Any] = {"fill": "mean", "area_weight": AREA} | options
    return isolate_features(classifier, pictures, second, progress=progress, **settings)


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
    chunk, totals = pictures_at_once(classifier), list[Tensor]()
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
