"""Does a picture keep what it was made for when it is moved, turned and scaled as it never was while it was made?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.guards import check_settings
from course_utils.models.classifier import Classifier
from course_utils.objectives import side_by_side
from course_utils.randomness import sample_generators
from course_utils.transforms import Transform, jitter, merged, rotate, scale
from course_utils.vision.wishes import Wanted, as_objective, measure


def held_out(size: Sequence[int]) -> list[Transform]:
    """Other ranges than those of `transforms.standard`: half as much again."""
    return merged([jitter(max(1, 3 * min(size) // 32)), rotate(15), scale(0.85, 1.15)])


def activation_under(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    objective: Wanted | Sequence[Wanted],
    transforms: Sequence[Transform] | None = None,
    *,
    draws: int = 16,
    seed: int = 1_000,
) -> Float[Tensor, "batch"]:
    """What an objective says of pictures after random transforms, as a mean over draws.

    Divided by what it says of the untouched pictures (`visualize(…).activation`) it is the share that is kept.

    Args:
        images: in [0, 1].
        objective: one for all pictures, or one for each.
        transforms: applied one after the other; None is `held_out`, stronger ones than `visualize` uses.
        draws: how often, at least 1.
        seed: of the draws.

    Raises:
        ValueError: draws below 1, another number of objectives than of pictures; and as `visualize`.
    """
    check_settings(stop_at=None, draws=draws)
    if isinstance(objective, list | tuple):
        if len(objective) != len(images):
            raise ValueError(f"{len(objective)} objectives for {len(images)} pictures: one for all, or one for each.")
        aim = side_by_side([as_objective(each) for each in objective])
    else:
        aim = as_objective(objective)
    moves = held_out(classifier.size) if transforms is None else merged(transforms)
    generators = sample_generators(seed, range(len(images)), "held-out transforms")
    total = torch.zeros(len(images), device=images.device)
    for _ in range(draws):
        moved = images
        for transform in moves:
            moved = transform(moved, generators)
        total += measure(classifier, aim, moved)
    return total / draws
