"""Objectives about what the model says: a class's logit, or its log-probability."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.activations import Outputs
from course_utils.objectives.terms import Objective

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
