"""The painted world: any number of small photographs whose every detail is known, and can be changed alone.

    world = PaintedWorld()                              # plants the course's secrets; secrets=() plants none
    scenes = world.sample(500, seed=1, classes="waffle")
    with_berries = world.counterfactual(scenes, berries=True)

All factors of a scene are drawn first; its image is a pure function of them. So the same seed gives the same
pixels, scene i does not depend on how many scenes were asked for, and a counterfactual changes nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.validation import check_known
from course_utils.world.factors import CLASSES, COURSE_SECRETS, FACTORS, Factors, Secret, draw_factors, known_factor
from course_utils.world.objects import OUTDOOR_PAINTERS, PAINTERS, backdrop, camera, clutter, occluder, tag
from course_utils.world.scene import Draws, Painting, Scenery, draw_numbers, scene_seeds, sensor_noise

SIZE = 64  # pixels along each side
CHUNK = 64  # scenes painted at a time: small enough for the processor's cache


@dataclass(frozen=True)
class Scenes:
    """Images with everything that is known about them.

    Attributes:
        images: (n, 3, 64, 64), float32 in [0, 1].
        labels: (n,), index into `classes`.
        factors: name -> (n,); what each means stands in `course_utils.world.factors.FACTORS`.
    """

    images: Float[Tensor, "n 3 size size"]
    labels: Int[Tensor, "n"]
    factors: Factors
    seeds: Int[Tensor, "n"]
    sensor_noise: bool = True
    classes: tuple[str, ...] = CLASSES

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index) -> Scenes:
        """Some of the scenes: by a slice, a list, an index or boolean tensor; a single number keeps the batch axis."""
        rows = torch.arange(len(self))[index].reshape(-1)
        factors = {name: column[rows] for name, column in self.factors.items()}
        kept = {name: getattr(self, name)[rows] for name in ("images", "labels", "seeds")}
        return replace(self, **kept, factors=factors)

    @property
    def names(self) -> list[str]:
        """The class name of every scene."""
        return [self.classes[label] for label in self.labels.tolist()]

    def factor(self, name: str) -> list:
        """A factor's values in words (or numbers), one for each scene."""
        return known_factor(name).decode(self.factors[name])

    @cached_property
    def masks(self) -> dict[str, Float[Tensor, "n size size"]]:
        """For every part painted: the share of each pixel that shows it, in [0, 1]. All parts of a pixel sum to 1."""
        return _render(self.labels, self.factors, self.seeds, self.sensor_noise, masks=True)[1]

    def mask(self, part: str) -> Float[Tensor, "n size size"]:
        """The mask of one part, e.g. "berries", "object", "tag", "trailer"."""
        check_known("part", part, sorted(self.masks))
        return self.masks[part]

    def __repr__(self) -> str:
        return f"Scenes({len(self)} images of {len(set(self.names))} classes, {SIZE}x{SIZE})"


class PaintedWorld:
    """A source of scenes in which `secrets` are planted (`COURSE_SECRETS` unless told otherwise)."""

    classes: tuple[str, ...] = CLASSES
    size: tuple[int, int] = (SIZE, SIZE)

    def __init__(self, secrets: Sequence[Secret] = COURSE_SECRETS) -> None:
        self.secrets = tuple(secrets)
        for secret in self.secrets:
            if not isinstance(secret, Secret):
                raise TypeError(f"a secret is a Shortcut or a BlindSpot, not {type(secret).__name__}: {secret!r}")

    def sample(
        self, n: int, *, seed: int = 0, classes: str | Sequence[str] | None = None, sensor_noise: bool = True
    ) -> Scenes:
        """Paints n scenes; the classes (all of them unless picked) take turns.

        Labels index `self.classes`, also when only some classes are picked.

        Raises:
            ValueError: n < 1, or an unknown class.
        """
        if n < 1:
            raise ValueError(f"sample() needs at least one scene, got n={n}")
        picked = (classes,) if isinstance(classes, str) else tuple(self.classes if classes is None else classes)
        if not picked:
            raise ValueError("sample() got an empty list of classes; leave classes= out to get all of them")
        for name in picked:
            check_known("class", name, self.classes)
        order = torch.tensor([self.classes.index(name) for name in picked])
        labels, seeds = order[torch.arange(n) % len(order)], scene_seeds(seed, n)
        drawn = []
        for rows in torch.arange(n).split(1024):
            numbers = Draws(draw_numbers(seeds[rows]), "factors", SIZE).numbers
            drawn.append(draw_factors(labels[rows], numbers, self.secrets))
        factors = {name: torch.cat([each[name] for each in drawn]) for name in FACTORS}
        return self._paint(labels, factors, seeds, sensor_noise)

    def counterfactual(self, scenes: Scenes, **changes) -> Scenes:
        """The same scenes, pixel for pixel, but for the factors named: `counterfactual(scenes, berries=True)`.

        A change is one value for all scenes, or a sequence with one for each.

        Raises:
            ValueError: no change, an unknown factor or value, a number out of range, or the wrong number of values.
        """
        if not changes:
            raise ValueError(f"counterfactual() needs a factor to change. Known: {', '.join(FACTORS)}.")
        factors = dict(scenes.factors)
        for name, value in changes.items():
            factor = known_factor(name)
            values = [value] * len(scenes) if isinstance(value, str | bool | int | float) else list(value)
            if len(values) != len(scenes):
                raise ValueError(f"{name}= got {len(values)} values for {len(scenes)} scenes; give one, or one each")
            factors[name] = torch.tensor([factor.encode(name, v) for v in values], dtype=factors[name].dtype)
        return self._paint(scenes.labels, factors, scenes.seeds, scenes.sensor_noise)

    def _paint(self, labels: Tensor, factors: Factors, seeds: Tensor, noisy: bool) -> Scenes:
        images, _ = _render(labels, factors, seeds, noisy)
        return Scenes(images, labels, factors, seeds, noisy, self.classes)

    def __repr__(self) -> str:
        count = len(self.secrets)  # how many, not which: a reader is here to find them
        return f"PaintedWorld({len(self.classes)} classes, {count or 'no'} planted secret{'s' * (count != 1)})"


@torch.no_grad()
def _render(labels: Tensor, factors: Factors, seeds: Tensor, noisy: bool, masks: bool = False):
    """Paints every scene, a chunk of one class at a time: (images, masks by part)."""
    images = torch.empty(len(labels), 3, SIZE, SIZE)
    parts: dict[str, Tensor] = {}
    for label in labels.unique().tolist():
        for rows in (labels == label).nonzero()[:, 0].split(CHUNK):
            numbers, chunk = draw_numbers(seeds[rows]), {name: column[rows] for name, column in factors.items()}
            scenery = Scenery(Painting(len(rows), SIZE, masks=masks), chunk, numbers)
            if CLASSES[label] not in OUTDOOR_PAINTERS:
                backdrop(scenery)
                clutter(scenery)
            for paint in (PAINTERS[CLASSES[label]], occluder, tag):
                paint(scenery)
            images[rows] = camera(scenery, sensor_noise(seeds[rows], SIZE) if noisy else None)
            for part, mask in (scenery.painting.masks or {}).items():
                parts.setdefault(part, torch.zeros(len(labels), SIZE, SIZE))[rows] = mask
    return images, parts
