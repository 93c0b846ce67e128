"""Objectives about what a layer gives: a channel, a neuron, all of it, a direction; and about unlikeness."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from course_utils.activations import Outputs
from course_utils.objectives.terms import Objective


class Channel(Objective):
    """The mean activation of a channel over its map: what is it that this channel looks for, anywhere?

    Args:
        layer: dotted name.
        channel: index from 0; one for all samples, or one for each.

    Raises (when it is evaluated):
        ValueError: a channel that the layer does not have.
    """

    def __init__(self, layer: str, channel: int | Sequence[int]) -> None:
        self.layers, self.channel = (layer,), channel

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        maps = outputs[self.layers[0]]
        return _mean_over_places(_channels(maps, outputs.each(self.channel), self.layers[0]))

    def __repr__(self) -> str:
        return f"Channel({self.layers[0]!r}, {self.channel if isinstance(self.channel, int) else '…'})"


class Neuron(Channel):
    """The activation of a channel at one place of its map; the middle if none is named.

    Args:
        layer, channel: as `Channel`.
        y, x: row and column in the map, from 0; the middle if None.

    Raises (when it is evaluated):
        ValueError: a channel or place that the layer does not have, or a layer without maps and a place given.
    """

    def __init__(self, layer: str, channel: int | Sequence[int], y: int | None = None, x: int | None = None) -> None:
        super().__init__(layer, channel)
        self.y, self.x = y, x

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        layer = self.layers[0]
        maps = _channels(outputs[layer], outputs.each(self.channel), layer)
        if maps.ndim == 1 and self.y is None and self.x is None:
            return maps
        if maps.ndim != 3:
            raise ValueError(f"{layer!r} gives shape {tuple(outputs[layer].shape)}: no rows and columns there.")
        height, width = maps.shape[1:]
        y, x = height // 2 if self.y is None else self.y, width // 2 if self.x is None else self.x
        if not (0 <= y < height and 0 <= x < width):
            raise ValueError(f"neuron at ({y}, {x}) of {layer!r} asked for; its maps are {height}x{width}.")
        return maps[:, y, x]

    def __repr__(self) -> str:
        place = "" if self.y is None and self.x is None else f", y={self.y}, x={self.x}"
        return f"Neuron{super().__repr__().removeprefix('Channel').removesuffix(')')}{place})"


class Layer(Objective):
    """The mean square of a whole layer's activations: more of whatever it finds already.

    Source: the objective of DeepDream (Mordvintsev et al. 2015).
    """

    def __init__(self, layer: str) -> None:
        self.layers = (layer,)

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        return outputs[self.layers[0]].flatten(1).square().mean(1)

    def __repr__(self) -> str:
        return f"Layer({self.layers[0]!r})"


class Direction(Objective):
    """How far a layer's activations point along a direction, as a mean over places: several channels at once.

    Args:
        layer: dotted name.
        vector: (channels,), of any length above 0; only its direction counts.

    Raises:
        ValueError: an empty or zero vector; when it is evaluated, one of another length than the layer has channels.
    """

    def __init__(self, layer: str, vector: Float[Tensor, "channels"]) -> None:
        if vector.ndim != 1 or not vector.any():
            raise ValueError(f"vector of shape {tuple(vector.shape)} given, expected (channels,), not all zero.")
        self.layers, self.vector = (layer,), vector / vector.norm()

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        maps = channels_first(outputs[self.layers[0]])
        if maps.shape[1] != len(self.vector):
            raise ValueError(f"{self.layers[0]!r} has {maps.shape[1]} channels, the direction {len(self.vector)}.")
        return _mean_over_places(torch.einsum("nc...,c->n...", maps, self.vector.to(maps)))

    def __repr__(self) -> str:
        return f"Direction({self.layers[0]!r}, {len(self.vector)} channels)"


class Diversity(Objective):
    """How unlike the other pictures of its group each picture is to a layer, in [-1, 1]; 0 for a group of one.

    Minus the mean cosine between Gram matrices (which channels are active together, wherever that is). Consecutive
    samples form a group: `Channel("layer3", 12) + 2 * Diversity("layer2", group=4)`.

    Raises:
        ValueError: a group below 1; when it is evaluated, a batch that is no whole number of groups.

    Source: Olah et al. 2017 (diversity), as in lucid.
    """

    def __init__(self, layer: str, group: int) -> None:
        if group < 1:
            raise ValueError(f"group={group} given, expected at least 1 picture.")
        self.layers, self.group = (layer,), group

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        maps = channels_first(outputs[self.layers[0]])
        maps = maps.reshape(*maps.shape[:2], -1)  # a layer without maps has one place
        if len(maps) % self.group:
            raise ValueError(f"{len(maps)} pictures do not make groups of {self.group}.")
        if self.group == 1:
            return maps.flatten(1).sum(1) * 0
        gram = F.normalize(torch.einsum("ncp,ndp->ncd", maps, maps).flatten(1), dim=1)
        groups = gram.unflatten(0, (-1, self.group))
        alike = torch.einsum("gic,gjc->gij", groups, groups)
        others = alike.sum(2) - alike.diagonal(dim1=1, dim2=2)
        return -(others / (self.group - 1)).flatten()

    def __repr__(self) -> str:
        return f"Diversity({self.layers[0]!r}, group={self.group})"


def channels_first(maps: Tensor) -> Tensor:
    """(batch, channels, …): transformers keep channels last, behind tokens or behind rows and columns.

    Tokens are known by having one axis for places; square maps with channels last by which two axes are equal.
    """
    shape = maps.shape
    last = maps.ndim == 3 or (maps.ndim == 4 and shape[1] == shape[2] != shape[3])
    return maps.movedim(-1, 1) if last else maps


def _mean_over_places(maps: Tensor) -> Tensor:
    """(batch, …) -> (batch,); a fully connected layer has no places, and nothing to take the mean of."""
    return maps.reshape(len(maps), -1).mean(1)


def _channels(maps: Tensor, channels: Tensor, layer: str) -> Tensor:
    """(batch, channels, …), and one channel for each sample -> (batch, …)."""
    if maps.ndim < 2:
        raise ValueError(f"layer {layer!r} gives shape {tuple(maps.shape)}, which has no channels.")
    maps = channels_first(maps)
    low, high = channels.aminmax()
    if low < 0 or high >= maps.shape[1]:
        wrong = high.item() if high >= maps.shape[1] else low.item()
        raise ValueError(f"{layer!r} has channels 0 to {maps.shape[1] - 1}, there is no channel {wrong}.")
    return maps[torch.arange(len(maps), device=maps.device), channels]
