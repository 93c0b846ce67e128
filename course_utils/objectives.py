"""Objectives of an optimisation: scores, one number for each sample, bigger is better.

    LogProb("volcano")                                # make it a volcano
    Logit("volcano") - Logit("pancakes")              # a volcano rather than pancakes
    Logit("volcano") + 0.1 * LogProb("volcano")

An objective reads the outputs of one forward pass (`course_utils.activations.Outputs`) and names in `layers`
what it needs besides the logits. A new one takes a few lines:

    class Brightest(Objective):
        layers = ("layer3",)

        def __call__(self, outputs):
            return outputs["layer3"].amax(dim=(1, 2, 3))
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from numbers import Real
from operator import add

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from course_utils.activations import Outputs
from course_utils.validation import check_settings


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
        return reduce(add, (weight * term(given) for weight, term in self.terms))

    def __repr__(self) -> str:
        return " + ".join(f"{weight:g} · {term!r}" for weight, term in self.terms)


Target = str | int | Sequence[str | int] | Tensor


class _OfClass(Objective):
    """An objective about one class: one for all samples, or one for each, by name or index."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def confidence(self, outputs: Outputs) -> Float[Tensor, "batch"]:
        """The probability of the class where it is the model's answer, in [0, 1]; 0 where another is."""
        return _sure(outputs, outputs.logits.argmax(dim=1) == outputs.targets(self.target))

    def confidence_elsewhere(self, outputs: Outputs) -> Float[Tensor, "batch"]:
        """The probability of the model's answer where it is another class, in [0, 1]; 0 where it is this."""
        return _sure(outputs, outputs.logits.argmax(dim=1) != outputs.targets(self.target))

    def __repr__(self) -> str:
        listed = self.target if isinstance(self.target, str | int) else "…"
        return f"{type(self).__name__}({listed!r})"


class Logit(_OfClass):
    """The logit of a class. It may grow without the class becoming more probable, if the others grow too."""

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        return pick(outputs.logits, outputs.targets(self.target))


class LogProb(_OfClass):
    """The natural logarithm of a class's probability, at most 0; its negative is the cross-entropy."""

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        return pick(_log_softmax(outputs.logits), outputs.targets(self.target))


def pick(scores: Tensor, classes: Tensor) -> Tensor:
    return scores.gather(1, classes[:, None]).squeeze(1)


def _sure(outputs: Outputs, reached: Tensor) -> Tensor:
    return torch.where(reached, _log_softmax(outputs.logits).amax(dim=1).exp(), 0.0)


def _log_softmax(logits: Tensor) -> Tensor:
    # Half precision has three decimal digits: the softmax is always taken in at least float32.
    return logits.log_softmax(dim=1, dtype=torch.promote_types(logits.dtype, torch.float32))


class Channel(Objective):
    """The mean activation of a channel over its map: what the channel looks for, anywhere in the image.

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


class Direction(Objective):
    """The projection of a layer's activations onto a direction, as a mean over places: several channels at once.

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
    """The dissimilarity of each image to the others of its group, as a layer sees them, in [-1, 1]; 0 if it is alone.

    Minus the mean cosine between Gram matrices (which channels are active together, wherever that is). Consecutive
    samples form a group: `Channel("layer3", 12) + 2 * Diversity("layer2", group=4)`.

    Raises:
        ValueError: a group below 1; when it is evaluated, a batch that is no whole number of groups.

    Source: Olah et al. 2017 (diversity), as in lucid.
    """

    def __init__(self, layer: str, group: int) -> None:
        check_settings(group=group)
        self.layers, self.group = (layer,), group

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        maps = channels_first(outputs[self.layers[0]])
        maps = maps.reshape(*maps.shape[:2], -1)  # a layer without maps has one place
        if len(maps) % self.group:
            raise ValueError(f"{len(maps)} images do not make groups of {self.group}.")
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


TINY = 1e-12  # keeps the correlation of activations without any variance at 0 instead of NaN


class ActivationMatch(Objective):
    """The linear correlation of activations with given ones, in [-1, 1], as a mean over layers.

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


class Equidistant(Objective):
    """Minus the variance of the logits over classes: 0 where the model finds every class equally likely.

    Source: the start that Tagade & Rumbelow 2023 call baseline, which minimises the variance of the probabilities;
    that of the logits is 0 at the same images, and has a gradient also where one class is certain.
    """

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        return -outputs.logits.var(dim=1, correction=0)


def _centred(activations: Tensor) -> Float[Tensor, "rows numbers"]:
    flat = activations.flatten(1)
    return flat - flat.mean(1, keepdim=True)


class PerSample(Objective):
    """Another objective for each sample: many images in one batch.

    Raises:
        ValueError: no objectives; when it is evaluated, another number of them than of samples.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        if not objectives:
            raise ValueError("PerSample() needs at least one objective.")
        self.objectives = list(objectives)
        self.layers = tuple(dict.fromkeys(name for each in objectives for name in each.layers))

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        if outputs.batch != len(self.objectives):
            raise ValueError(f"{len(self.objectives)} objectives given for {outputs.batch} samples: one for each.")
        rows = range(len(self.objectives)) if outputs.samples is None else outputs.samples.tolist()
        return torch.cat([self.objectives[row](outputs.only(place)) for place, row in enumerate(rows)])

    def __repr__(self) -> str:
        return f"PerSample({len(self.objectives)} objectives)"


def parse(text: str) -> Objective:
    """An objective from a string: `"layer3:12"` a channel, `"layer3"` a layer, `"logits:volcano"` a class.

    Raises:
        ValueError: none of these.
    """
    layer, colon, rest = text.strip().partition(":")
    if layer == "logits" and rest:
        return Logit(rest)
    if layer and layer != "logits" and not colon:
        return Layer(layer)
    if layer and rest.isdecimal():
        return Channel(layer, int(rest))
    raise ValueError(
        f"objective {text!r} given, expected 'layer3:12' (a channel), 'layer3' (a layer) or 'logits:volcano' (a class)."
    )


def batch_objectives(objectives: Sequence[Objective]) -> Objective:
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
    return PerSample(objectives)


EachItsOwn, side_by_side = PerSample, batch_objectives  # the first edition's names


__all__ = [
    "ActivationMatch", "Channel", "Direction", "Diversity", "EachItsOwn", "Equidistant", "Layer", "LogProb",
    "Logit", "Neuron", "Objective", "PerSample", "Target", "Term", "batch_objectives", "parse",
    "side_by_side",
]  # fmt: skip
