"""Objectives about the whole of the activations: alike to given ones, or without a preference for any class."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.activations import Outputs
from course_utils.objectives.terms import Objective

TINY = 1e-12  # keeps the correlation of activations without any variance at 0 instead of NaN


class ActivationMatch(Objective):
    """How closely activations follow given ones: linear correlation, in [-1, 1], as a mean over layers.

    The differentiable stand-in for the rank correlation by which prototypes are judged: ranks have no gradient.

    Args:
        wanted: dotted layer name -> what its activations are to be like, one row for each sample of the run; for
            prototypes the mean over natural images of the sample's class.

    Raises:
        ValueError: no layers; when it is evaluated, rows or shapes that do not fit the layer's.

    Source: the notes' composite loss; Tagade & Rumbelow 2023 use the similarity as a measure only.
    """

    def __init__(self, wanted: Mapping[str, Float[Tensor, "samples ..."]]) -> None:
        if not wanted:
            raise ValueError("ActivationMatch() needs at least one layer to match.")
        self.layers = tuple(wanted)
        self.wanted = {name: _centred(rows) for name, rows in wanted.items()}

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        return torch.stack([self._correlation(name, outputs) for name in self.layers]).mean(0)

    def _correlation(self, name: str, outputs: Outputs) -> Float[Tensor, "batch"]:
        activations, wanted = _centred(outputs[name]), self.wanted[name].to(outputs[name])
        if outputs.samples is not None and len(activations) < len(wanted) == outputs.batch:  # or none has left
            wanted = wanted[outputs.samples]
        if wanted.shape != activations.shape:
            raise ValueError(
                f"{name!r} gives {activations.shape[1]} numbers for each of {len(activations)} samples, to be matched "
                f"with {wanted.shape[1]} numbers for {len(wanted)}."
            )
        return (activations * wanted).sum(1) / (activations.norm(dim=1) * wanted.norm(dim=1)).clamp_min(TINY)

    def __repr__(self) -> str:
        return f"ActivationMatch({', '.join(self.layers)})"


class Equidistant(Objective):
    """Minus the variance of the logits over classes: 0 where the model finds every class equally likely.

    Source: the start that Tagade & Rumbelow 2023 call baseline, which minimises the variance of the probabilities;
    that of the logits is 0 at the same pictures, and has a gradient also where one class is certain.
    """

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        return -outputs.logits.var(dim=1, correction=0)

    def __repr__(self) -> str:
        return "Equidistant()"


def _centred(activations: Tensor) -> Float[Tensor, "rows numbers"]:
    flat = activations.flatten(1)
    return flat - flat.mean(1, keepdim=True)
