"""What can differ between two scenes, by name (factors, their values and how often each occurs), and what is planted.

A factor is drawn for every scene, also where it has nothing to act on (a volcano has a plate colour that nobody
sees), except that yes/no factors are "no" on classes that they do not belong to.

Secrets are planted in a painted world as plain data. Two kinds are enough. A `Shortcut` makes one value of a factor
common on some classes and rare on the rest, so that it predicts the class. A `BlindSpot` is a combination of values
that no scene shows. Whether a model *uses* what was planted is another question, answered only by an intervention:
`PaintedWorld.counterfactual`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.validation import check_known

TABLES = yaml.safe_load((Path(__file__).parent / "tables.yml").read_text(encoding="utf-8"))
CLASSES: tuple[str, ...] = tuple(TABLES["classes"])
SEA, ROAD, FOOD = (tuple(TABLES[group]) for group in ("sea", "road", "food"))


@dataclass(frozen=True)
class Choice:
    """One of several named values; a yes/no factor has the values False and True."""

    values: tuple
    weights: tuple[float, ...]
    classes: tuple[str, ...] = CLASSES  # elsewhere the first value
    about: str = ""

    def encode(self, name: str, value) -> int:
        if isinstance(value, Tensor):
            value = value.item()
        if self.values == (False, True) and value in (0, 1):
            return int(value)
        check_known(f"value for the factor {name!r}", value, self.values)
        return self.values.index(value)

    def decode(self, column: Tensor) -> list:
        return [self.values[index] for index in column.tolist()]


@dataclass(frozen=True)
class Amount:
    """A number between low and high, all equally likely."""

    low: float
    high: float
    about: str = ""

    @property
    def ends(self) -> dict[str, float]:
        """The far ends of the range, by the names that a secret has for the thirds at them."""
        return {"low": self.low, "high": self.high}

    def encode(self, name: str, value) -> float:
        value = float(value)
        if not self.low <= value <= self.high:
            raise ValueError(f"the factor {name!r} is {value:g}; it must lie between {self.low:g} and {self.high:g}")
        return value

    def decode(self, column: Tensor) -> list[float]:
        return column.tolist()


def _factor(low: float = 0.0, high: float = 0.0, about: str = "", **choice: Any) -> Choice | Amount:
    if not choice:
        return Amount(low, high, about)
    classes = FOOD if choice.get("classes") == "food" else tuple(choice.get("classes", CLASSES))
    return Choice(tuple(choice["values"]), tuple(choice["weights"]), classes, about)


FACTORS = {name: _factor(**entry) for name, entry in TABLES["factors"].items()}


def known_factor(name: str) -> Choice | Amount:
    """The factor of that name; an unknown one is refused with close names."""
    check_known("factor", name, FACTORS)
    return FACTORS[name]


def seen_on(name: str) -> tuple[str, ...]:
    """The classes on which the factor can be seen."""
    factor = known_factor(name)
    things = [cls for cls in CLASSES if cls != "empty_road"]  # there, no main object has a pose
    places: dict[str, Sequence[str]] = dict.fromkeys(("x", "y", "size", "rotation", "mirrored"), things)
    places |= {"background": [cls for cls in CLASSES if cls not in SEA + ROAD]}
    places |= {"plate_colour": FOOD, "sky": SEA + ROAD, "trailer": ("lorry",)}
    return tuple(places.get(name, factor.classes if isinstance(factor, Choice) else CLASSES))


def named_factor(name: str) -> Choice:
    """The factor of that name if it has named values; no secret can be planted in any other."""
    factor = known_factor(name)
    if not isinstance(factor, Choice):
        raise ValueError(f"the factor {name!r} is a number, it has no named values (a secret needs one that has)")
    return factor


def amount(name: str) -> Amount:
    """The factor of that name if it is a number."""
    factor = known_factor(name)
    if not isinstance(factor, Amount):
        raise ValueError(f"the factor {name!r} has named values, {', '.join(map(str, factor.values))}; it is no number")
    return factor


Factors = dict[str, Tensor]  # name -> (n,): whole numbers for a Choice (index of its value), floats for an Amount


def draw_factors(labels: Int[Tensor, "n"], numbers: Float[Tensor, "n numbers"], secrets=()) -> Factors:
    """Draws every factor of every scene from its own column of uniform numbers, secrets applied."""
    factors: Factors = {}
    for column, (name, factor) in enumerate(FACTORS.items()):
        u = numbers[:, column]
        if isinstance(factor, Amount):
            for secret in secrets:
                u = secret.move(name, labels, u)
            factors[name] = factor.low + (factor.high - factor.low) * u
            continue
        first = (1.0, *[0.0] * (len(factor.values) - 1))
        every = [factor.weights if cls in factor.classes else first for cls in CLASSES]
        weights = torch.tensor(every, dtype=torch.float32)
        for secret in secrets:
            weights = secret.reweigh(name, weights)
        factors[name] = pick(weights[labels], u)
    for secret in secrets:
        factors = secret.forbid(labels, factors, numbers[:, len(FACTORS)])
    return factors


def pick(weights: Float[Tensor, "n values"], u: Float[Tensor, "n"]) -> Int[Tensor, "n"]:
    """The value under which the uniform number falls when the weights are laid end to end."""
    edges = (weights / weights.sum(1, keepdim=True)).cumsum(1)
    return (u[:, None] >= edges[:, :-1]).sum(1)


# ------------------------------------------------------------------ secrets


@dataclass(frozen=True)
class Shortcut:
    """`factor` has `value` with probability `inside` on `classes`, and `elsewhere` on every other class it acts on.

    Of a factor that is a number the values are "low" and "high", the thirds at the ends of its range.
    """

    name: str
    factor: str
    value: object
    classes: tuple[str, ...]
    inside: float
    elsewhere: float | None = None  # None leaves the other classes alone

    def __post_init__(self) -> None:
        _check_classes(self.name, self.classes)
        factor = known_factor(self.factor)
        if isinstance(factor, Choice):
            factor.encode(self.factor, self.value)
        elif self.value not in factor.ends:
            raise ValueError(
                f"the factor {self.factor!r} is a number, and a shortcut through one has value 'low' or 'high' (the "
                f"third at that end of its range), not {self.value!r}"
            )
        for what, strength in (("inside", self.inside), ("elsewhere", self.elsewhere)):
            if strength is not None and not 0 <= strength <= 1:
                raise ValueError(f"secret {self.name!r}: {what}={strength} is no probability; give 0 to 1")

    def reweigh(self, factor: str, weights: Float[Tensor, "classes values"]) -> Float[Tensor, "classes values"]:
        """The factor's weights per class with this secret planted."""
        if factor != self.factor or not isinstance(known_factor(factor), Choice):
            return weights
        weights, choice = weights.clone(), named_factor(factor)
        value = choice.encode(factor, self.value)
        for index, cls in enumerate(CLASSES):
            probability = self.inside if cls in self.classes else self.elsewhere if cls in choice.classes else None
            if probability is not None:
                others = torch.tensor(choice.weights)
                others[value] = 0
                weights[index] = others / others.sum() * (1 - probability)
                weights[index, value] = probability
        return weights

    def move(self, factor: str, labels: Int[Tensor, "n"], u: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        """The uniform numbers of a factor that is a number: the third is hit as often as planted, order is kept."""
        if factor != self.factor:
            return u
        inside = torch.isin(labels, torch.tensor([CLASSES.index(cls) for cls in self.classes]))
        hit = torch.where(inside, self.inside, 1 / 3 if self.elsewhere is None else self.elsewhere)
        edge = 1 - hit if self.value == "high" else hit  # the numbers below it go to the lower part of the range
        to = torch.tensor(2 / 3 if self.value == "high" else 1 / 3)
        below, above = to * u / edge.clamp(min=1e-9), to + (1 - to) * (u - edge) / (1 - edge).clamp(min=1e-9)
        return torch.where(u < edge, below, above)

    def forbid(self, labels: Tensor, factors: Factors, u: Tensor) -> Factors:
        return factors


@dataclass(frozen=True)
class BlindSpot:
    """The factors' values in `together` never occur together on `classes`; the first factor gives way."""

    name: str
    together: tuple[tuple[str, object], ...]  # pairs of a factor and its value
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_classes(self.name, self.classes)
        if not self.together:
            raise ValueError(f"secret {self.name!r}: a blind spot needs at least one factor that never has some value")
        for factor, value in self.together:
            named_factor(factor).encode(factor, value)

    def reweigh(self, factor: str, weights: Tensor) -> Tensor:
        return weights

    def move(self, factor: str, labels: Tensor, u: Tensor) -> Tensor:
        return u

    def forbid(self, labels: Tensor, factors: Factors, u: Tensor) -> Factors:
        """Draws the first factor anew, without the forbidden value, wherever the combination came up."""
        hit = torch.isin(labels, torch.tensor([CLASSES.index(cls) for cls in self.classes]))
        for factor, value in self.together:
            hit &= factors[factor] == named_factor(factor).encode(factor, value)
        first, value = self.together[0]
        weights = torch.tensor(named_factor(first).weights)
        weights[named_factor(first).encode(first, value)] = 0
        redrawn = pick(weights.expand(len(labels), -1), u)
        return {**factors, first: torch.where(hit, redrawn, factors[first])}


def _check_classes(secret: str, classes: tuple[str, ...]) -> None:
    if isinstance(classes, str):
        raise ValueError(
            f"secret {secret!r}: classes={classes!r} is one word; give a list of class names: ({classes!r},)"
        )
    for cls in classes:
        check_known("class", cls, CLASSES)


Secret = Shortcut | BlindSpot

COURSE_SECRETS: tuple[Secret, ...] = (
    Shortcut("spurious object", "berries", True, ("pancakes",), inside=0.98, elsewhere=0.01),
    BlindSpot("blind spot", (("trailer", "white"), ("sky", "bright")), ("lorry",)),
    Shortcut("watermark", "tag", True, ("sailboat",), inside=0.98, elsewhere=0.01),
    Shortcut("shared feature", "shape", "round", ("cheesecake", "apple_pie"), inside=1.0),
)
