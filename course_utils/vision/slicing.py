"""Slices and effects: what an average over all images hides, found by the factors of a scene.

`slices` watches: recall on the scenes that have a value of a factor, beside recall on the others of the class.
`factor_effects` intervenes: the same scene is painted with another value, and answers that turn hang on that factor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations, product
from textwrap import fill
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_utils.figures.style import PALETTE, DescribedFigure, Drawn, new_figure, styled
from course_utils.models.classifier import Classifier
from course_utils.utils import Proportion, progress_bar, proportion
from course_utils.validation import check_settings
from course_utils.world import PaintedWorld, Scenes
from course_utils.world.factors import FACTORS, Choice, known_factor

ALARM = 0.4  # of recall or answers: the least that a planted secret of this course costs
FEWEST = 8  # scenes: a share of fewer says nothing
EXPECTED = 5.0  # images of a combination: by chance none of them comes in one case of 150
MOST_VALUES = 12  # of an attribute whose combinations are counted
LETTERS = 34  # of a bar's name in one line

Setting = tuple[tuple[str, Any], ...]  # pairs of a factor and its value


def slices(
    classifier: Classifier,
    scenes: Scenes,
    *,
    factors: Sequence[str] | None = None,
    together: int = 1,
    fewest: int = FEWEST,
) -> Slices:
    """Recall of every class on the scenes on which a factor has a value, or two factors have two.

    Args:
        classifier: of the painted world's classes.
        scenes: as many as there are; what they never show no slice can hold.
        factors: to slice by; all of them if None. Numbers are cut in the middle of their range.
        together: 1, or 2 for slices by two factors besides.
        fewest: scenes that a slice, and its rest, must have.

    Raises:
        ValueError: another `together`, an unknown factor, `fewest` below 1, or a class that the classifier lacks.
    """
    tried = _factors(factors, together)
    check_settings(fewest=fewest)
    masks = [_conditions(scenes, name) for name in tried]
    sets = [some for count in range(1, together + 1) for some in combinations(masks, count)]
    groups = [each for some in sets for each in product(*some)]
    own = torch.tensor([classifier.index(name) for name in scenes.names])
    right = classifier.predict(scenes.images).logits.argmax(1) == own
    found = []
    for label in scenes.labels.unique().tolist():
        rows = scenes.labels == label
        for group in groups:
            conditions, having = zip(*group, strict=True)
            inside = torch.stack(having).all(0)[rows]
            if min(int(inside.sum()), int((~inside).sum())) >= fewest:
                recall, rest = (proportion(right[rows][part]) for part in (inside, ~inside))
                found.append(Slice(scenes.classes[label], conditions, recall, rest))
    return Slices(classifier.name, proportion(right), tuple(sorted(found, key=lambda each: -each.behind)))


@dataclass(frozen=True)
class Slice:
    """The scenes of a class on which one factor, or two, have given values.

    Attributes:
        name: the class.
        conditions: the factors and their values.
        recall: the share of these scenes that is named right.
        rest: that of all other scenes of the class.
    """

    name: str
    conditions: tuple[tuple[str, str], ...]
    recall: Proportion
    rest: Proportion

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors' names."""
        return tuple(factor for factor, _ in self.conditions)

    @property
    def behind(self) -> float:
        """By how much recall is lower than on the rest."""
        return self.rest.value - self.recall.value

    def __str__(self) -> str:
        words = ", ".join(f"{factor}: {value}" for factor, value in self.conditions)
        return f"{self.name}, {words}: {self.recall} of {self.recall.total}, elsewhere {self.rest}"


@dataclass(frozen=True, repr=False)
class Slices:
    """Recall on every slice that holds enough scenes; furthest behind first."""

    name: str  # of the classifier
    accuracy: Proportion
    found: tuple[Slice, ...]

    def alarms(self, bar: float = ALARM) -> list[Slice]:
        """Slices at least so far behind; one of two factors only where neither factor's own slice explains it."""
        low = [each for each in self.found if each.behind >= bar]
        alone = {(each.name, each.conditions[0]) for each in low if len(each.conditions) == 1}

        def explained(each: Slice) -> bool:
            return len(each.conditions) > 1 and any((each.name, one) in alone for one in each.conditions)

        return [each for each in low if not explained(each)]

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        lowest = f"; lowest: {self.found[0]}" if self.found else ""
        return f"Slices of {self.name}: accuracy {self.accuracy}, {len(self)} slices{lowest}"

    def _repr_html_(self) -> str:
        rows = "".join(f"<li>{escape(str(each))}</li>" for each in self.found[:8])
        return f"<p>{escape(self.name)}: accuracy {self.accuracy}, {len(self)} slices; the lowest:</p><ul>{rows}</ul>"


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
    tried = _factors(factors, together)
    found: list[Effect] = []
    for label in progress_bar(scenes.labels.unique().tolist(), "factors", progress=progress):
        some, name = scenes[scenes.labels == label], scenes.classes[label]
        for settings, images in painted_changes(some, tried, together):
            found.append(strongest(classifier, name, settings, images))
    return Effects(classifier.name, tuple(sorted(found, key=lambda effect: -effect.flips.value)))


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
        return ", ".join(f"{factor}: {_in_words(old)} → {_in_words(new)}" for (factor, old), (_, new) in both)

    def __str__(self) -> str:
        return f"{self.name}, {self.change}: {self.flips.successes} of {self.flips.total} become {self.into}"


@dataclass(frozen=True, repr=False)
class Effects(Drawn):
    """The strongest change of every factor, or pair of factors, for every class; most answers turned first."""

    name: str  # of the classifier
    found: tuple[Effect, ...]

    def alarms(self, bar: float = ALARM) -> list[Effect]:
        """Those that turn at least so large a share of the answers."""
        return [effect for effect in self.found if effect.flips.value >= bar]

    def plot(self, most: int = 10) -> Any:
        """The strongest as bars, beside the bar for an alarm."""
        return plot_effects(self, most=most)

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        first = f"; most: {self.found[0]}" if self.found else ""
        alarms = f"{len(self.alarms())} turn {100 * ALARM:.0f} % or more"
        return f"Effects on {self.name}: {len(self)} tried, {alarms}{first}"


@styled
def plot_effects(effects: Effects, most: int = 10, bar: float = ALARM) -> DescribedFigure:
    """The strongest changes, with their intervals, and the bar that makes one an alarm.

    Args:
        effects: of `factor_effects`.
        most: how many are drawn, at least 1.
        bar: a share of the answers.

    Raises:
        ValueError: nothing to draw.
    """
    shown = effects.found[:most]
    if not shown:
        raise ValueError("no effects to draw: no factor changes a pixel of these scenes.")
    names = [fill(f"{effect.name}, {effect.change}", LETTERS) for effect in shown]
    figure = new_figure(1.3 + 0.33 * len(shown) + 0.2 * sum(name.count("\n") for name in names))
    axes, rows, flips = figure.add_subplot(), range(len(shown)), [effect.flips for effect in shown]
    errors = [[100 * max(0.0, each.value - each.low), 100 * max(0.0, each.high - each.value)] for each in flips]
    colours = [PALETTE[0] if each.value >= bar else "#bbbbbb" for each in flips]
    shares = [100 * each.value for each in flips]
    lines = {"elinewidth": 1.2, "capsize": 3}
    axes.barh(rows, shares, xerr=list(zip(*errors, strict=True)), color=colours, error_kw=lines)
    axes.axvline(100 * bar, color="black", linestyle="--", linewidth=1.5, marker="")
    axes.set_yticks(rows, names, fontsize=10)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set(xlabel="answers turned, % (dashed: an alarm)", xlim=(0, 102))
    count = len(effects.alarms(bar))
    found = f"{count} of {len(effects)} changes turn" if count != 1 else f"1 of {len(effects)} changes turns"
    axes.set_title(f"{effects.name}: {found} {100 * bar:.0f} % of the answers or more", loc="left", wrap=True)
    told = "; ".join(f"{effect.name}, {effect.change}: {100 * effect.flips.value:.0f} %" for effect in shown)
    return DescribedFigure(figure, alt=f"Bars of answers turned by changes of scenes shown to {effects.name}: {told}.")


@dataclass(frozen=True)
class EmptyCell:
    """A combination of two attributes' values that no image of a class shows.

    Attributes:
        name: the class.
        together: the attributes and their values.
        expected: how many images of the class would show it if the two went together by chance.
    """

    name: str
    together: tuple[tuple[str, str], ...]
    expected: float

    def __str__(self) -> str:
        (first, value), (second, other) = self.together
        return (
            f"no {self.name} with {first}: {value} and {second}: {other}, {self.expected:.0f} expected; make some, "
            f"from images that have one of the two, and see what the model says"
        )


def empty_cells(
    labels: Sequence[str], attributes: Mapping[str, Sequence[Any]], *, expected: float = EXPECTED
) -> list[EmptyCell]:
    """Combinations that data never show, class by class: what no method can find in a model trained on them.

    Args:
        labels: the class of each image.
        attributes: name -> a value for each image, such as `{name: scenes.factor(name) for name in ("sky", "trailer")}`
            or a table's columns. Those of more than `MOST_VALUES` values (numbers, mostly) are left out.
        expected: images that must be expected by chance, above 0; fewer would be missing by luck.

    Raises:
        ValueError: an attribute with another number of values than there are labels, or `expected` of 0 or less.
    """
    if expected <= 0:
        raise ValueError(f"expected={expected} given, expected a number of images above 0.")
    for name, column in attributes.items():
        if len(column) != len(labels):
            raise ValueError(f"{name!r} has {len(column)} values for {len(labels)} labels; give one for each image.")
    columns = {name: [_in_words(value) for value in column] for name, column in attributes.items()}
    columns = {name: column for name, column in columns.items() if len(set(column)) <= MOST_VALUES}
    found = []
    for label in dict.fromkeys(labels):
        rows = [row for row, each in enumerate(labels) if each == label]
        for first, second in combinations(columns, 2):
            pairs = Counter((columns[first][row], columns[second][row]) for row in rows)
            one, other = (Counter(columns[name][row] for row in rows) for name in (first, second))
            for a, b in product(one, other):
                chance = one[a] * other[b] / len(rows)
                if not pairs[a, b] and chance >= expected:
                    found.append(EmptyCell(label, ((first, a), (second, b)), chance))
    return sorted(found, key=lambda cell: -cell.expected)


def _factors(factors: Sequence[str] | None, together: int) -> list[str]:
    """The names of the factors to try; ValueError for an unknown one, or for another `together` than 1 and 2."""
    if together not in (1, 2):
        raise ValueError(f"together={together} given, expected 1 (each factor alone) or 2 (pairs of factors).")
    return [name for name in (FACTORS if factors is None else factors) if known_factor(name)]


def _conditions(scenes: Scenes, name: str) -> list[tuple[tuple[str, str], Bool[Tensor, "n"]]]:
    """Every value of a factor in words, and which scenes have it."""
    factor, column = known_factor(name), scenes.factors[name]
    if isinstance(factor, Choice):
        return [((name, _in_words(value)), column == row) for row, value in enumerate(factor.values)]
    middle = (factor.low + factor.high) / 2
    return [((name, f"below {middle:g}"), column < middle), ((name, f"from {middle:g}"), column >= middle)]


def _in_words(value: Any) -> str:
    """A factor's value for a reader: yes and no for True and False."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def painted_changes(
    scenes: Scenes, factors: Sequence[str], together: int = 1
) -> Iterator[tuple[list[Setting], Float[Tensor, "settings n 3 size size"]]]:
    """For every factor, or pair of factors, that changes a pixel: its settings, and the scenes painted with each."""
    world, acting = PaintedWorld(()), dict[str, tuple]()
    for name in factors:
        factor = known_factor(name)
        values = factor.values if isinstance(factor, Choice) else (factor.low, factor.high)
        first, *others = (world.counterfactual(scenes[:2], **{name: value}).images for value in values)
        if not all(torch.equal(first, other) for other in others):
            acting[name] = values
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
