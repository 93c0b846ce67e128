"""What changes an answer: every factor of painted scenes changed by itself, or two at once, and the answers counted.

This is the audit's widest net. Where scenes can be painted again with one thing changed, nobody has to guess
beforehand what a classifier hangs on: all changes are tried, and those that turn many answers are listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations, product
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.progress import progress_bar
from course_utils.proportions import Proportion, proportion
from course_utils.vision.slicing import in_words
from course_utils.world import PaintedWorld, Scenes
from course_utils.world.factors import FACTORS, Choice, known_factor

ALARM = 0.4  # of the answers: the least that a planted secret of this course does
Setting = tuple[tuple[str, Any], ...]  # pairs of a factor and its value


@dataclass(frozen=True)
class Effect:
    """The change of one factor, or of two, that turns most of a class's answers.

    Attributes:
        name: the class that the scenes show.
        before, after: the factors' values. Of two factors it is both changes *together* that turn the answers counted
            here: with either alone they stay.
        into: what most of these answers become.
        flips: the share of all scenes that are named right before and not after.
    """

    name: str
    before: Setting
    after: Setting
    into: str
    flips: Proportion

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors' names."""
        return tuple(factor for factor, _ in self.after)

    @property
    def change(self) -> str:
        """The change in words: `tag: False → True`."""
        both = zip(self.before, self.after, strict=True)
        return ", ".join(f"{factor}: {in_words(old)} → {in_words(new)}" for (factor, old), (_, new) in both)

    def __str__(self) -> str:
        return f"{self.name}, {self.change}: {self.flips.successes} of {self.flips.total} become {self.into}"


@dataclass(frozen=True, repr=False)
class Effects:
    """The strongest change of every factor, or pair of factors, for every class; most answers turned first."""

    name: str  # of the classifier
    found: tuple[Effect, ...]

    def alarms(self, bar: float = ALARM) -> list[Effect]:
        """Those that turn at least so large a share of the answers."""
        return [effect for effect in self.found if effect.flips.value >= bar]

    def plot(self, most: int = 10) -> Any:
        """The strongest as bars, beside the bar for an alarm."""
        from course_utils.show.effects import plot_effects  # here, because it imports matplotlib

        return plot_effects(self, most=most)

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        first = f"; most: {self.found[0]}" if self.found else ""
        return f"Effects on {self.name}: {len(self)} tried, {len(self.alarms())} turn {ALARM:.0%} or more{first}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"


def factor_effects(
    classifier: Classifier,
    scenes: Scenes,
    *,
    factors: Sequence[str] | None = None,
    together: int = 1,
    progress: bool | None = None,
) -> Effects:
    """How many answers turn when one factor of a scene changes, or two together; every factor is tried.

    Each scene is painted with every value of the factor (numbers at both ends of their range) and nothing else
    changed. The change from one value to another counts where the class is named right with the first and not with the
    second. Of two factors only what neither does alone is counted: right before, right after either, wrong after both.

    Args:
        classifier: of the painted world's classes.
        scenes: of one class or several; about twenty of a class give a share to within twenty points.
        factors: to try; all of them if None. Those that change no pixel of a class are left out.
        together: 1 or 2.

    Raises:
        ValueError: another `together`, an unknown factor, or a class that the classifier does not know.
    """
    if together not in (1, 2):
        raise ValueError(f"together={together} given, expected 1 (each factor alone) or 2 (pairs of factors).")
    tried = [name for name in (FACTORS if factors is None else factors) if known_factor(name)]
    found: list[Effect] = []
    for label in progress_bar(scenes.labels.unique().tolist(), "factors", progress=progress):
        some, name = scenes[scenes.labels == label], scenes.classes[label]
        for settings, images in painted_changes(some, tried, together):
            found.append(strongest(classifier, name, settings, images))
    return Effects(classifier.name, tuple(sorted(found, key=lambda effect: -effect.flips.value)))


def painted_changes(
    scenes: Scenes, factors: Sequence[str], together: int = 1
) -> Iterator[tuple[list[Setting], Float[Tensor, "settings n 3 size size"]]]:
    """For every factor, or pair of factors, that changes a pixel: its settings, and the scenes painted with each."""
    world = PaintedWorld(())
    acting = {name: values for name in factors if _acts(world, scenes, name, values := _values(name))}
    for names in combinations(acting, together):
        settings = [tuple(zip(names, each, strict=True)) for each in product(*(acting[name] for name in names))]
        yield settings, torch.stack([world.counterfactual(scenes, **dict(setting)).images for setting in settings])


def strongest(classifier: Classifier, name: str, settings: list[Setting], images: Tensor) -> Effect:
    """The change between two of the settings that turns most answers."""
    said = classifier.predict(images.flatten(0, 1)).logits.argmax(1).reshape(images.shape[:2])
    right = said == classifier.index(name)
    before, after, turned = max(_turns(settings, right), key=lambda each: int(each[2].sum()))
    into = classifier.classes[said[after][turned].mode().values] if turned.any() else "anything else"
    return Effect(name, settings[before], settings[after], into, proportion(turned))


def _turns(settings: list[Setting], right: Bool[Tensor, "settings n"]) -> Iterator[tuple[int, int, Bool[Tensor, "n"]]]:
    """Every change from one setting to another in which all factors differ, and the scenes whose answer it turns."""
    place = {setting: row for row, setting in enumerate(settings)}
    for before, after in product(settings, settings):
        if any(old == new for old, new in zip(before, after, strict=True)):
            continue
        turned = right[place[before]] & ~right[place[after]]
        if len(before) == 2:
            turned &= right[place[before[0], after[1]]] & right[place[after[0], before[1]]]
        yield place[before], place[after], turned


def _values(name: str) -> tuple:
    factor = known_factor(name)
    return factor.values if isinstance(factor, Choice) else (factor.low, factor.high)


def _acts(world: PaintedWorld, scenes: Scenes, name: str, values: tuple) -> bool:
    few = scenes[:2]
    first = world.counterfactual(few, **{name: values[0]}).images
    return any(not torch.equal(first, world.counterfactual(few, **{name: value}).images) for value in values[1:])
