"""Secrets: what is planted in a painted world, as plain data.

Two kinds are enough. A `Shortcut` makes one value of a factor common on some classes and rare on the rest, so that
it predicts the class. A `BlindSpot` is a combination of values that no scene shows. Whether a model *uses* what was
planted is another question, answered only by an intervention: `PaintedWorld.counterfactual`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.messages import unknown
from course_utils.world.factors import CLASSES, Factors, named_factor, pick


@dataclass(frozen=True)
class Shortcut:
    """`factor` has `value` with probability `inside` on `classes`, and `elsewhere` on every other class it acts on."""

    name: str
    factor: str
    value: object
    classes: tuple[str, ...]
    inside: float
    elsewhere: float | None = None  # None leaves the other classes alone

    def __post_init__(self) -> None:
        _check_classes(self.name, self.classes)
        named_factor(self.factor).encode(self.factor, self.value)
        for what, strength in (("inside", self.inside), ("elsewhere", self.elsewhere)):
            if strength is not None and not 0 <= strength <= 1:
                raise ValueError(f"secret {self.name!r}: {what}={strength} is no probability; give 0 to 1")

    def reweigh(self, factor: str, weights: Float[Tensor, "classes values"]) -> Float[Tensor, "classes values"]:
        """The factor's weights per class with this secret planted."""
        if factor != self.factor:
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
        if cls not in CLASSES:
            raise ValueError(unknown("class", cls, CLASSES))


Secret = Shortcut | BlindSpot

COURSE_SECRETS: tuple[Secret, ...] = (
    Shortcut("spurious object", "berries", True, ("pancakes",), inside=0.98, elsewhere=0.01),
    BlindSpot("blind spot", (("trailer", "white"), ("sky", "bright")), ("lorry",)),
    Shortcut("watermark", "tag", True, ("sailboat",), inside=0.98, elsewhere=0.01),
    Shortcut("shared feature", "shape", "round", ("cheesecake", "apple_pie"), inside=1.0),
)


def to_data(secret: Secret) -> dict:
    """A secret as a dictionary that JSON can hold."""
    return {"kind": type(secret).__name__, **asdict(secret)}


def from_data(data: dict) -> Secret:
    """The secret back from `to_data`.

    Raises:
        ValueError: the kind or a field is unknown or missing.
    """
    kinds = {"Shortcut": Shortcut, "BlindSpot": BlindSpot}
    fields = {name: _tuples(value) for name, value in data.items()}  # JSON knows lists only
    kind = str(fields.pop("kind", None))
    if kind not in kinds:
        raise ValueError(unknown("kind of secret", kind, kinds))
    try:
        return kinds[kind](**fields)
    except TypeError as error:
        raise ValueError(f"a {kind} with the fields {sorted(fields)} does not fit: {error}") from None


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
