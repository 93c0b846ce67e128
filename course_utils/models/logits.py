"""Logits from whatever a module returns: a tensor, several outputs of which one counts, or probabilities."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

OUTPUTS = ("logits", "probabilities")
SUM = 1e-2  # by how far probabilities may miss 1: those of half precision do


def picked(returned: object) -> object:
    """The tensor that counts: of a mapping or an output of transformers its "logits", of several the first."""
    named = returned if isinstance(returned, Mapping) else vars(returned) if hasattr(returned, "__dict__") else {}
    for name in ("logits", "out"):
        if not isinstance(returned, Tensor) and isinstance(named.get(name), Tensor):
            return named[name]
    if isinstance(returned, Mapping):
        returned = tuple(returned.values())
    if isinstance(returned, tuple | list):  # of GoogLeNet while it trains the first is the main one
        return next((each for each in returned if isinstance(each, Tensor)), returned)
    return returned


def as_logits(values: Tensor, outputs: str, name: str, *, check: bool) -> Tensor:
    """Logits, from logits or from probabilities (their logarithm), (batch, classes).

    Args:
        outputs: which of the two they are said to be.
        check: whether to look if they are.

    Raises:
        ValueError: they are the other.
    """
    if check and len(values) and values.shape[1] > 1:
        found = values.detach().float()
        summed = bool((found >= 0).all() and ((found.sum(1) - 1).abs() < SUM).all())
        if summed and outputs == "logits":
            raise ValueError(
                f"{name} returns probabilities (none below 0, and each row sums to 1), expected logits: its last step "
                "seems to be a softmax, and where that is sure no gradient comes through. Take it off the module, or "
                "say Classifier(…, outputs='probabilities'), which takes their logarithm."
            )
        if not summed and outputs == "probabilities":
            low, high = (value.item() for value in found.aminmax())
            raise ValueError(
                f"{name} should return probabilities, as outputs='probabilities' says, but its values run from "
                f"{low:.3g} to {high:.3g}, and rows do not sum to 1: leave outputs= out if they are logits."
            )
    return values if outputs == "logits" else values.clamp_min(torch.finfo(values.dtype).tiny).log()
