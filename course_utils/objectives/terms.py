"""Scores add, subtract and scale; what all objectives share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from numbers import Real

from jaxtyping import Float
from torch import Tensor

from course_utils.activations import Outputs


class Term(ABC):
    """One number for each sample, which adds, subtracts and scales: what objectives and priors share.

    `0.1 * term`, `a + b`, `a - b`, `-a` and `sum([a, b, c])` are terms again. A plain function that returns
    one number for each sample can be added to a term.
    """

    layers: tuple[str, ...] = ()

    @abstractmethod
    def __call__(self, given, /) -> Float[Tensor, "batch"]:
        """One number for each sample."""

    def __add__(self, other: object) -> Term:
        if callable(other):
            return _WeightedSum([(1.0, self), (1.0, other)])
        return self if _is_zero(other) else NotImplemented  # sum() starts from 0

    __radd__ = __add__

    def __sub__(self, other: object) -> Term:
        return _WeightedSum([(1.0, self), (-1.0, other)]) if callable(other) else NotImplemented

    def __rsub__(self, other: object) -> Term:
        return -self + other if callable(other) else NotImplemented

    def __mul__(self, weight: object) -> Term:
        return _WeightedSum([(float(weight), self)]) if isinstance(weight, Real) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, divisor: object) -> Term:
        return self * (1 / float(divisor)) if isinstance(divisor, Real) else NotImplemented

    def __neg__(self) -> Term:
        return -1.0 * self


class Objective(Term):
    """A score for each sample, from the outputs of one forward pass; bigger is better.

    Attributes:
        layers: dotted names of the layers whose activations `outputs[name]` it reads; none for the logits
            alone.
    """

    @abstractmethod
    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        """The score of each sample."""


class _WeightedSum(Objective):
    """Σ weight · term; sums of sums are flattened, and equal layers are recorded once."""

    def __init__(self, terms: Sequence[tuple[float, Callable[..., Tensor]]]) -> None:
        self.terms: list[tuple[float, Callable[..., Tensor]]] = []
        for weight, term in terms:
            inner = term.terms if isinstance(term, _WeightedSum) else [(1.0, term)]
            self.terms += [(weight * factor, part) for factor, part in inner]
        self.layers = tuple(dict.fromkeys(name for _, term in self.terms for name in getattr(term, "layers", ())))

    def __call__(self, given, /) -> Float[Tensor, "batch"]:
        (weight, term), *rest = self.terms
        total = weight * term(given)
        for weight, term in rest:
            total = total + weight * term(given)
        return total

    def __repr__(self) -> str:
        return " + ".join(f"{weight:g} · {term!r}" for weight, term in self.terms)


def _is_zero(other: object) -> bool:
    return isinstance(other, Real) and other == 0
