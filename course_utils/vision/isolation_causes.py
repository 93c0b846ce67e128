"""Painted scenes of which it is known, by intervention, what part of them makes a classifier say what it says.

A part is the cause when taking it off, and nothing else, changes the answer: then a map that claims to show what
matters has to show that part.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.progress import progress_bar
from course_utils.world import PaintedWorld

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
    found = []
    for number, kind in enumerate(progress_bar(KINDS, "taking parts off", progress=progress)):
        found.append(_of_kind(classifier, each, 1000 * seed + number, *kind))
    images, truth, versus = (torch.cat(column) for column in zip(*found, strict=True))
    repeated = [kind for kind in KINDS for _ in range(each)]
    return KnownCauses(
        images=images,
        truth=truth,
        targets=[target for _, target, _ in repeated],
        versus=[classifier.classes[index] for index in versus.tolist()],
        shown=[shown for shown, _, _ in repeated],
        parts=[part for _, _, part in repeated],
    )


def _of_kind(
    classifier: Classifier, each: int, seed: int, shown: str, target: str, part: str
) -> tuple[Tensor, Tensor, Tensor]:
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
