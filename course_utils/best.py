"""The best state of each sample so far, and which samples are not done yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.activations import Outputs
from course_utils.guards import one_each


class Best:
    """Keeps, of all clean evaluations that it sees, the best state of each sample.

    A sample that reaches its aim (confidence above 0) ranks above all that miss it, else the score decides:
    the score alone could drop a success, since pushing a label down further may let it win again. A sample
    whose confidence reaches `stop_at` is done: it is kept as it is and leaves `left`.

    Attributes:
        left: indices of the samples that are not done.
        rows: what is kept, by name, one row a sample; empty until something was seen.
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        objective: object,
        stop_at: float | None,
        confidence: Callable[[Outputs], Tensor] | None,
    ) -> None:
        if stop_at is not None and confidence is None:
            confidence = getattr(objective, "confidence", None)
            if confidence is None:
                raise ValueError(f"stop_at given, but {objective!r} has no confidence: give optimize a confidence=….")
        self.parameters, self.stop_at, self.confidence = parameters, stop_at, confidence
        self.left = torch.arange(len(parameters[0]), device=parameters[0].device)
        self.rows: dict[str, Tensor] = {}

    @torch.no_grad()
    def see(self, step: int, outputs: Outputs, score: Tensor) -> Tensor | slice:
        """Keep what is better than before of the samples `left`; those that are done leave.

        Returns:
            The positions, among those that were `left`, of those that stay.
        """
        if self.confidence:
            confidence = one_each(self.confidence(outputs), len(self.left), self.confidence)
        else:
            confidence = torch.zeros_like(score)
        better = self._better(score, confidence)
        if self.stop_at is not None:
            done = confidence >= self.stop_at
            better |= done
        chosen = better.nonzero().squeeze(1)
        where = self.left[chosen]
        now = {
            "score": score[chosen],
            "confidence": confidence[chosen],
            "logits": outputs.logits[chosen],
            "best_step": torch.full_like(where, step),
            **{f"parameter {i}": parameter[where] for i, parameter in enumerate(self.parameters)},
        }
        # A new dictionary, assigned at once: an interrupt finds all of the old one or all of the new one.
        if len(where) < len(self.parameters[0]):
            now = {name: self.rows[name].index_put((where,), new) for name, new in now.items()}
        self.rows = now
        if self.stop_at is None:
            return slice(None)
        staying = (~done).nonzero().squeeze(1)
        self.left = self.left[staying]
        return staying

    @torch.no_grad()
    def put_back(self, *, everything: bool = False) -> None:
        """Set the samples that are done, or every sample, to what was kept of them."""
        if not everything and len(self.left) == len(self.parameters[0]):
            return
        keep = torch.ones(len(self.parameters[0]), dtype=torch.bool, device=self.left.device)
        if not everything:
            keep[self.left] = False
        for i, parameter in enumerate(self.parameters):
            parameter[keep] = self.rows[f"parameter {i}"][keep]

    def numbers(self) -> dict[str, Any]:
        """Score, confidence (None if nothing defines it), logits and best_step of what was kept."""
        kept = {name: rows for name, rows in self.rows.items() if not name.startswith("parameter")}
        return kept if self.confidence else {**kept, "confidence": None}

    def _better(self, score: Tensor, confidence: Tensor) -> Tensor:
        if not self.rows:
            return torch.ones_like(score, dtype=torch.bool)
        best, had = self.rows["score"][self.left], self.rows["confidence"][self.left] > 0
        reached = confidence > 0
        return (reached & ~had) | ((reached == had) & (score > best))
