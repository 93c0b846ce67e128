"""Objectives: scores that add, subtract and scale; and those about classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from numbers import Real

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.activations import Outputs


class Objective(ABC):
    """A score for each sample, from the outputs of one forward pass; bigger is better.

    `0.1 * objective`, `a + b`, `a - b`, `-a` and `sum([a, b, c])` are objectives again. A plain function that returns
    one number for each sample can be added to one.

    Attributes:
        layers: dotted names of the layers whose activations `outputs[name]` it reads; none for the logits
            alone.
    """

    layers: tuple[str, ...] = ()

    @abstractmethod
    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        """The score of each sample."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"

    def __add__(self, other: object) -> Objective:
        if callable(other):
            return _WeightedSum([(1.0, self), (1.0, other)])
        return self if isinstance(other, Real) and other == 0 else NotImplemented  # sum() starts from 0

    __radd__ = __add__

    def __sub__(self, other: object) -> Objective:
        return _WeightedSum([(1.0, self), (-1.0, other)]) if callable(other) else NotImplemented

    def __rsub__(self, other: object) -> Objective:
        return -self + other if callable(other) else NotImplemented

    def __mul__(self, weight: object) -> Objective:
        return _WeightedSum([(float(weight), self)]) if isinstance(weight, Real) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, divisor: object) -> Objective:
        return self * (1 / float(divisor)) if isinstance(divisor, Real) else NotImplemented

    def __neg__(self) -> Objective:
        return -1.0 * self


Term = Objective  # the first edition's name for what adds and scales


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


Target = str | int | Sequence[str | int] | Tensor


class _OfClass(Objective):
    """An objective about one class: one for all samples, or one for each, by name or index."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def confidence(self, outputs: Outputs) -> Float[Tensor, "batch"]:
        """The probability of the class where it is the model's answer, in [0, 1]; 0 where another is."""
        return self._answer(outputs, lambda answer, target: answer == target)

    def confidence_elsewhere(self, outputs: Outputs) -> Float[Tensor, "batch"]:
        """The probability of the model's answer where it is another class, in [0, 1]; 0 where it is this."""
        return self._answer(outputs, lambda answer, target: answer != target)

    def _answer(self, outputs: Outputs, wanted: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        reached = wanted(outputs.logits.argmax(dim=1), outputs.targets(self.target))
        return torch.where(reached, _log_softmax(outputs.logits).amax(dim=1).exp(), 0.0)

    def __repr__(self) -> str:
        listed = self.target if isinstance(self.target, str | int) else "…"
        return f"{type(self).__name__}({listed!r})"


class Logit(_OfClass):
    """The logit of a class. It may grow without the class becoming more probable, if the others grow too."""

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        return _pick(outputs.logits, outputs.targets(self.target))


class LogProb(_OfClass):
    """The natural logarithm of a class's probability, at most 0; its negative is the cross-entropy."""

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        return _pick(_log_softmax(outputs.logits), outputs.targets(self.target))


def _pick(scores: Tensor, classes: Tensor) -> Tensor:
    return scores.gather(1, classes[:, None]).squeeze(1)


def _log_softmax(logits: Tensor) -> Tensor:
    # Half precision has three decimal digits: the softmax is always taken in at least float32.
    return logits.log_softmax(dim=1, dtype=torch.promote_types(logits.dtype, torch.float32))
