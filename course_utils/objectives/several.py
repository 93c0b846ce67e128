"""Many objectives in one batch, and objectives from strings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.activations import Outputs
from course_utils.objectives.of_classes import Logit
from course_utils.objectives.of_layers import Channel, Layer
from course_utils.objectives.terms import Objective


class EachItsOwn(Objective):
    """Another objective for each sample: many pictures in one batch.

    Raises:
        ValueError: no objectives; when it is evaluated, another number of them than of samples.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        if not objectives:
            raise ValueError("EachItsOwn() needs at least one objective.")
        self.objectives = list(objectives)
        self.layers = tuple(dict.fromkeys(name for each in objectives for name in each.layers))

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        if outputs.batch != len(self.objectives):
            raise ValueError(f"{len(self.objectives)} objectives given for {outputs.batch} samples: one for each.")
        rows = range(len(self.objectives)) if outputs.samples is None else outputs.samples.tolist()
        return torch.cat([self.objectives[row](outputs.only(place)) for place, row in enumerate(rows)])

    def __repr__(self) -> str:
        return f"EachItsOwn({len(self.objectives)} objectives)"


def parse(text: str) -> Objective:
    """An objective from a string: `"layer3:12"` a channel, `"layer3"` a layer, `"logits:volcano"` a class.

    Raises:
        ValueError: none of these.
    """
    layer, colon, rest = text.strip().partition(":")
    if layer == "logits" and rest:
        return Logit(int(rest) if rest.isdecimal() else rest)
    if layer and layer != "logits" and not colon:
        return Layer(layer)
    if layer and rest.isdecimal():
        return Channel(layer, int(rest))
    raise ValueError(
        f"objective {text!r} given, expected 'layer3:12' (a channel), 'layer3' (a layer) or 'logits:volcano' (a class)."
    )


def side_by_side(objectives: Sequence[Objective]) -> Objective:
    """One objective for a batch, in which each sample has its own; evaluated at once where they are of one kind.

    Raises:
        ValueError: no objectives.
    """
    logits = [each.target for each in objectives if type(each) is Logit and isinstance(each.target, str | int)]
    if objectives and len(logits) == len(objectives):
        return Logit(logits)
    channels = [each.channel for each in objectives if type(each) is Channel and isinstance(each.channel, int)]
    if objectives and len(channels) == len(objectives) and len({each.layers for each in objectives}) == 1:
        return Channel(objectives[0].layers[0], channels)
    return EachItsOwn(objectives)
