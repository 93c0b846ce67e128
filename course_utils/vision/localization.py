"""Localisation scores: how well a map finds a part whose exact place is known, in [0, 1], one for each image.

The pointing game asks where the map is largest, the relevance mass how much of it lies inside the part, intersection
over union how well the two shapes agree. The painted world has scenes whose answer is caused by a known part.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.utils import progress_bar
from course_utils.world import PaintedWorld

Maps = Float[Tensor, "batch height width"]
HALF = 0.5  # of a pixel: a mask's pixel belongs to the part when at least half of it shows the part


def pointing_game(maps: Maps, truth: Maps) -> Float[Tensor, "batch"]:
    """Whether the map is largest inside the part; where several pixels tie for the maximum, the share inside.

    Args:
        maps: larger where the image matters more, of any scale.
        truth: masks of the part in [0, 1].

    Raises:
        ValueError: maps and masks of different shapes, NaN, or a part that covers no pixel.

    Source: Zhang et al. 2018 (excitation backpropagation), without their tolerance of 15 pixels.
    """
    inside = _checked(maps, truth)
    top = maps == maps.amax((1, 2), keepdim=True)
    return (top & inside).sum((1, 2)) / top.sum((1, 2))


def relevance_mass(maps: Maps, truth: Maps) -> Float[Tensor, "batch"]:
    """The share of the map's positive sum that lies inside the part; 0 for a map without any.

    A pixel that shows the part by half counts by half.

    Args, Raises: as `pointing_game`.

    Source: Arras, Osman & Samek 2022 (CLEVR-XAI, relevance mass accuracy).
    """
    _checked(maps, truth)
    positive = maps.clamp_min(0)
    total = positive.sum((1, 2))
    return (positive * truth).sum((1, 2)) / total.where(total > 0, 1)


def intersection_over_union(maps: Maps, truth: Maps, threshold: float = 0.5) -> Float[Tensor, "batch"]:
    """Shared pixels over all pixels, of the part and of where the map is above `threshold` times its maximum.

    Fix the threshold beforehand, on other images: chosen on the same ones, it flatters.

    Args:
        maps, truth: as `pointing_game`.
        threshold: as a share of each map's maximum, at least 0 and below 1.

    Raises:
        ValueError: as `pointing_game`, or a threshold outside [0, 1).
    """
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold={threshold} given, expected a share of the maximum of at least 0 and below 1.")
    inside = _checked(maps, truth)
    above = maps > threshold * maps.amax((1, 2), keepdim=True).clamp_min(0)
    return (above & inside).sum((1, 2)) / (above | inside).sum((1, 2))


def _checked(maps: Tensor, truth: Tensor) -> Bool[Tensor, "batch height width"]:
    """Which pixels belong to the part."""
    if maps.shape != truth.shape:
        raise ValueError(
            f"maps of shape {tuple(maps.shape)} and masks of shape {tuple(truth.shape)} given, expected the same."
        )
    if maps.isnan().any():
        raise ValueError("the maps hold NaN (not a number): there is nothing to score.")
    inside = truth >= HALF
    if (empty := ~inside.any(2).any(1)).any():
        raise ValueError(f"the part covers no pixel of image {int(empty.nonzero()[0])}: leave such images out.")
    return inside


# What a scene shows, what the classifier says because of a part, and the part, which is also the factor to take off.
KINDS = (
    ("pancakes", "pancakes", "berries"),
    ("waffle", "pancakes", "berries"),
    ("sailboat", "sailboat", "tag"),
    ("pirate_ship", "sailboat", "tag"),
)
VISIBLE = 8.0  # pixels of the part that must be seen, at least


@dataclass(frozen=True, eq=False, repr=False)
class KnownCauses:
    """Scenes whose answer is caused by a known part; one row a scene.

    Attributes:
        images: in [0, 1].
        truth: masks of the part in [0, 1].
        targets: what the classifier says, by name.
        versus: what it says when the part is taken off, by name.
        shown: the class that the scene shows, by name.
        parts: "berries" or "tag".
    """

    images: Float[Tensor, "batch 3 height width"]
    truth: Float[Tensor, "batch height width"]
    targets: list[str]
    versus: list[str]
    shown: list[str]
    parts: list[str]

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.parts.count(part)} by {part}" for part in dict.fromkeys(self.parts))
        return f"KnownCauses({len(self)} scenes whose answer is caused {counts})"


def known_causes(classifier: Classifier, each: int, *, seed: int = 0, progress: bool | None = None) -> KnownCauses:
    """Scenes of every kind in `KINDS`, `each` of them, whose answer falls when the part is taken off.

    Args:
        classifier: one of the painted world's classes.
        each: scenes of a kind, at least 1.
        seed: of the scenes.

    Raises:
        ValueError: `each` below 1, classes that the classifier does not know, or too few scenes whose answer hangs on
            the part (says how many).
    """
    if each < 1:
        raise ValueError(f"each={each} given, expected at least one scene of a kind.")
    kinds = enumerate(progress_bar(KINDS, "taking parts off", progress=progress))
    found = [_of_kind(classifier, each, 1000 * seed + number, *kind) for number, kind in kinds]
    images, truth, versus = (torch.cat(column) for column in zip(*found, strict=True))
    shown, targets, parts = (list(names) for names in zip(*(kind for kind in KINDS for _ in range(each)), strict=True))
    against = [classifier.classes[index] for index in versus.tolist()]
    return KnownCauses(images, truth, targets=targets, versus=against, shown=shown, parts=parts)


def _of_kind(
    classifier: Classifier, each: int, seed: int, shown: str, target: str, part: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Images, masks of the part, and what the classifier says when it is taken off."""
    world, wanted = PaintedWorld(), classifier.index(target)
    scenes = world.counterfactual(world.sample(2 * each + 20, seed=seed, classes=shown), **{part: True})
    without = world.counterfactual(scenes, **{part: False})
    says, says_without = (classifier.predict(some.images).logits.argmax(1) for some in (scenes, without))
    caused = (says == wanted) & (says_without != wanted) & (scenes.mask(part).sum((1, 2)) >= VISIBLE)
    rows = caused.nonzero().flatten()[:each]
    if len(rows) < each:
        raise ValueError(
            f"only {len(rows)} of {len(scenes)} {shown} scenes are called {target} because of their {part}, "
            f"{each} are needed: {classifier.name} does not use it; ask for fewer scenes, or of another classifier."
        )
    return scenes.images[rows], scenes.mask(part)[rows], says_without[rows]
