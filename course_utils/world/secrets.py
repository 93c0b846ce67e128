"""Secrets: what is planted in a painted world, as plain data.

Two kinds are enough. A `Shortcut` makes one value of a factor common on some classes and rare on the rest, so that
it predicts the class. A `BlindSpot` is a combination of values that no scene shows. Whether a model *uses* what was
planted is another question, answered only by an intervention: `PaintedWorld.counterfactual`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.validation import check_known
from course_utils.world.factors import CLASSES, Choice, Factors, known_factor, named_factor, pick, seen_on


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


def to_data(secret: Secret) -> dict:
    """A secret as a dictionary that JSON can hold."""
    return {"kind": type(secret).__name__, **asdict(secret)}


def from_data(data: Any) -> Secret:
    """The secret back from `to_data`.

    Raises:
        ValueError: the kind or a field is unknown, missing or of the wrong kind.
    """
    if not isinstance(data, dict):
        raise ValueError(f"a secret is an object with the field 'kind' and others, not {data!r}")
    kinds = {"Shortcut": Shortcut, "BlindSpot": BlindSpot}
    given = {name: _tuples(value) for name, value in data.items()}  # JSON knows lists only
    kind = str(given.pop("kind", None))
    check_known("kind of secret", kind, kinds)
    known = {field.name: field.default is MISSING for field in fields(kinds[kind])}
    for name in given:
        check_known(f"field of a {kind}", name, known)
    missing = [name for name, needed in known.items() if needed and name not in given]
    if missing:
        raise ValueError(f"a {kind} needs the field{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}")
    for name, value in given.items():
        _check_field(kind, name, value)
    return kinds[kind](**given)


def _check_field(kind: str, name: str, value: Any) -> None:
    """Refuses a value of the wrong kind, as a file may hold it."""
    words = isinstance(value, tuple) and all(isinstance(word, str) for word in value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    pairs = isinstance(value, tuple) and all(isinstance(p, tuple) and len(p) == 2 for p in value)
    fits, expected = {
        "name": (isinstance(value, str), "a text"),
        "factor": (isinstance(value, str), "the name of a factor"),
        "classes": (words and value, "a list of class names"),
        "inside": (number, "a number from 0 to 1"),
        "elsewhere": (number or value is None, "a number from 0 to 1, or null"),
        "together": (pairs, "a list of pairs, each of a factor and its value"),
        "value": (isinstance(value, str | bool), "a value of the factor"),
    }[name]
    if not fits:
        raise ValueError(f"the field {name!r} of a {kind} is {value!r}, expected {expected}")


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def read_secrets(path: Path) -> tuple[Secret, ...]:
    """The secrets of a file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no JSON list of secrets (says where and why), one that nobody could see, or two that contradict.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; write your secrets into one, as a JSON list")
    try:
        return secrets_from(json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {error.lineno}, column {error.colno}: this is no JSON ({error.msg})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text in UTF-8; a file of secrets is a JSON list") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def secrets_from(data: object) -> tuple[Secret, ...]:
    """The secrets of a list as JSON has it.

    Raises:
        ValueError: as `read_secrets`.
    """
    if not isinstance(data, list):
        raise ValueError(f'expected a list of secrets, [{{"kind": …}}, …], found {type(data).__name__}')
    found = []
    for place, entry in enumerate(data, start=1):
        try:
            found.append(from_data(entry))
            _check_seen(found[-1])
        except ValueError as error:
            raise ValueError(f"secret {place} of {len(data)}: {error}") from None
    _check_together(found)
    return tuple(found)


def _check_seen(secret: Secret) -> None:
    factors = [secret.factor] if isinstance(secret, Shortcut) else [factor for factor, _ in secret.together]
    for factor in factors:
        for cls in secret.classes:
            if cls not in (places := seen_on(factor)):
                raise ValueError(f"{factor!r} cannot be seen on {cls!r}; it can on {', '.join(places)}")
    if isinstance(secret, BlindSpot) and len(set(factors)) < len(factors):
        raise ValueError("a factor stands twice in 'together', and it has one value at a time")


def _check_together(secrets: Sequence[Secret]) -> None:
    shortcuts = [secret for secret in secrets if isinstance(secret, Shortcut)]
    for first, second in combinations(shortcuts, 2):
        open_ended = first.elsewhere is not None or second.elsewhere is not None
        if first.factor == second.factor and (open_ended or set(first.classes) & set(second.classes)):
            raise ValueError(
                f"{first.name!r} and {second.name!r} both say how often {first.factor!r} is what; plant one of them, "
                "or leave 'elsewhere' out of both and give them different classes"
            )
