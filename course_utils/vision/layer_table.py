"""Which layers a classifier has, what each gives for an image, and how much memory that takes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from html import escape

import torch
from torch import Tensor, nn

from course_utils.models.classifier import Classifier
from course_utils.validation import as_found


@dataclass(frozen=True)
class LayerShape:
    """A layer that gives a tensor: its dotted name, its kind, and the shape for one image, (channels, …)."""

    name: str
    kind: str
    shape: tuple[int, ...]


class LayerTable(list):
    """The layers in the order in which an image passes them; `names` lists them."""

    @property
    def names(self) -> list[str]:
        return [layer.name for layer in self]

    def __repr__(self) -> str:
        width = max((len(layer.name) for layer in self), default=0)
        return "\n".join(f"{layer.name:{width}}  {_times(layer.shape):>12}  {layer.kind}" for layer in self)

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><td><code>{escape(each.name)}</code></td><td>{_times(each.shape)}</td><td>{escape(each.kind)}</td></tr>"
            for each in self
        )
        return f"<table><tr><th>layer</th><th>shape</th><th>kind</th></tr>{''.join(rows)}</table>"


@torch.no_grad()
def layers(classifier: Classifier) -> LayerTable:
    """Every layer that an image reaches and that gives a tensor, with its shape for one image.

    `"layer3:12"` in an objective is channel 12 of the layer called `layer3` here; the first number of a shape says how
    many channels there are.
    """
    seen: dict[str, LayerShape] = {}

    def hook(name: str, module: nn.Module):
        def remember(_: nn.Module, __: object, output: object) -> None:
            if isinstance(output, Tensor):
                seen[name] = LayerShape(name, type(module).__name__, tuple(output.shape[1:]))

        return remember

    with ExitStack() as hooks, as_found(classifier):
        for name, module in classifier.module.named_modules():
            if name:
                hooks.callback(module.register_forward_hook(hook(name, module)).remove)
        classifier(_grey(classifier))
    return LayerTable(seen[name] for name in sorted(seen, key=list(seen).index))


def stages(classifier: Classifier) -> list[str]:
    """The last layer at each size of map: where a net has finished looking at one scale.

    For `pocket` stem, layer1, layer2, layer3; for a transformer its patches and its last tokens. Modules count from
    the outside in: parts of a block only where the net has no blocks on the way.

    Raises:
        ValueError: no layer gives maps, (channels, height, width): name layers yourself.
    """
    table = layers(classifier)
    for depth in (0, 1, 2):  # a net may hold its stages in one container
        last = {_places(each): each.name for each in table if each.name.count(".") <= depth and _has_places(each)}
        if len(last) > 2:
            return list(last.values())
    if not last:
        raise ValueError(
            f"no layer of {classifier.name} gives maps (channels, height, width); name layers=[…], as layers() "
            "lists them."
        )
    return list(last.values())


def _has_places(layer: LayerShape) -> bool:
    """Maps (channels, height, width) of more than a pixel, or tokens (tokens, channels) of which there are several."""
    return (len(layer.shape) == 3 and max(layer.shape[1:]) > 1) or (len(layer.shape) == 2 and layer.shape[0] > 1)


def _places(layer: LayerShape) -> tuple[int, ...]:
    return layer.shape[1:] if len(layer.shape) == 3 else layer.shape[:1]


def numbers_a_image(classifier: Classifier) -> int:
    """How many numbers all parts of the net give for one image: what a backward pass has to remember."""
    parts = {name for name, module in classifier.module.named_modules() if not list(module.children())}
    return sum(torch.Size(layer.shape).numel() for layer in layers(classifier) if layer.name in parts)


def _grey(classifier: Classifier) -> Tensor:
    shape = (1, classifier.channels, *classifier.size)
    return torch.full(shape, 0.5, device=classifier.device, dtype=classifier.dtype)


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
