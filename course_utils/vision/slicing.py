"""Accuracy slice by slice: what an average over all pictures hides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations, product
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.proportions import Proportion, proportion
from course_utils.world import Scenes
from course_utils.world.factors import FACTORS, Choice, known_factor

ALARM = 0.4  # of recall, by which a slice falls behind: the least that a planted secret of this course costs
FEWEST = 8  # scenes: a share of fewer says nothing

Condition = tuple[str, str]  # a factor and what it is, in words


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
    conditions: tuple[Condition, ...]
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
        return [
            each
            for each in low
            if len(each.conditions) == 1 or not any((each.name, one) in alone for one in each.conditions)
        ]

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        lowest = f"; lowest: {self.found[0]}" if self.found else ""
        return f"Slices of {self.name}: accuracy {self.accuracy}, {len(self)} slices{lowest}"

    def _repr_html_(self) -> str:
        rows = "".join(f"<li>{escape(str(each))}</li>" for each in self.found[:8])
        return f"<p>{escape(self.name)}: accuracy {self.accuracy}, {len(self)} slices; the lowest:</p><ul>{rows}</ul>"


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
    if together not in (1, 2):
        raise ValueError(f"together={together} given, expected 1 (one factor) or 2 (pairs of factors besides).")
    if fewest < 1:
        raise ValueError(f"fewest={fewest} given, expected at least one scene in a slice.")
    columns = {name: _column(scenes, name) for name in (FACTORS if factors is None else factors)}
    own = torch.tensor([classifier.index(name) for name in scenes.names])
    right = classifier.predict(scenes.images).logits.argmax(1) == own
    found = []
    for label in scenes.labels.unique().tolist():
        rows = (scenes.labels == label).nonzero()[:, 0]
        for conditions, inside in _parts(columns, rows, together):
            if min(int(inside.sum()), int((~inside).sum())) >= fewest:
                recall, rest = (proportion(right[rows[part]]) for part in (inside, ~inside))
                found.append(Slice(scenes.classes[label], conditions, recall, rest))
    return Slices(classifier.name, proportion(right), tuple(sorted(found, key=lambda each: -each.behind)))


def _parts(
    columns: dict[str, tuple[list[str], Int[Tensor, "n"]]], rows: Tensor, together: int
) -> Iterator[tuple[tuple[Condition, ...], Bool[Tensor, "rows"]]]:
    """Every slice of these rows: what holds in it, and which rows are in it."""
    for number in range(1, together + 1):
        for names in combinations(columns, number):
            for values in product(*(range(len(columns[name][0])) for name in names)):
                inside = torch.ones(len(rows), dtype=torch.bool)
                for name, value in zip(names, values, strict=True):
                    inside &= columns[name][1][rows] == value
                yield tuple((name, columns[name][0][value]) for name, value in zip(names, values, strict=True)), inside


def _column(scenes: Scenes, name: str) -> tuple[list[str], Int[Tensor, "n"]]:
    """A factor's values in words, and which of them each scene has."""
    factor, column = known_factor(name), scenes.factors[name]
    if isinstance(factor, Choice):
        return [in_words(value) for value in factor.values], column
    middle = (factor.low + factor.high) / 2
    return [f"below {middle:g}", f"from {middle:g}"], (column >= middle).long()


def in_words(value: Any) -> str:
    """A factor's value for a reader: yes and no for True and False."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
