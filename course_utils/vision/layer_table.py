"""Layers of a classifier: which there are, the shape of what each gives, and their outputs for images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import torch
from torch import Tensor, nn

from course_utils.activations import Outputs, hooked, record
from course_utils.models.classifier import MOST, Classifier
from course_utils.validation import as_found, check_settings, evaluating


@torch.no_grad()
def layers(classifier: Classifier, *, batch_size: int | None = None) -> LayerTable:
    """Every layer that an image reaches and that gives a tensor with a row for each image, with its shape for one.

    `"layer3:12"` in an objective is channel 12 of the layer called `layer3` here; the first number of a shape says how
    many channels there are. Two images are shown to the network together, so that what holds no images is told apart
    from what does; one, where `batch_size` is 1.
    """
    check_settings(batch_size=batch_size)
    seen: dict[nn.Module, list[torch.Size]] = {}

    def remember(module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor):
            shapes[module] = output.shape

    named = {module: name for name, module in classifier.module.named_modules() if name}
    counts = (1, 2)[:batch_size]
    with hooked(named, remember), as_found(classifier):
        for count in counts:  # what does not grow with the batch holds no images: windows, tokens first, a table
            shapes: dict[nn.Module, torch.Size] = {}
            classifier(classifier.grey_image.expand(count, -1, -1, -1))
            for module, shape in shapes.items():
                if shape[:1] == (count,):
                    seen.setdefault(module, []).append(shape[1:])
    same = {module: both[0] for module, both in seen.items() if len(both) == len(counts) and both[0] == both[-1]}
    return LayerTable(LayerShape(named[each], type(each).__name__, tuple(shape)) for each, shape in same.items())


@dataclass(frozen=True)
class LayerShape:
    """A layer that gives a tensor: its dotted name, its kind, and the shape for one image, (channels, …)."""

    name: str
    kind: str
    shape: tuple[int, ...]

    @property
    def positions(self) -> tuple[int, ...]:
        """Height and width of maps (channels first or, where two equal sides tell, last), or the number of tokens."""
        if len(self.shape) == 3 and self.shape[0] == self.shape[1] != self.shape[2]:
            return self.shape[:2]  # as `channels_first` of the objectives reads it
        return {3: self.shape[1:], 2: self.shape[:1]}.get(len(self.shape), ())

    def __str__(self) -> str:
        return " × ".join(map(str, self.shape))


class LayerTable(list):
    """The layers in the order in which an image passes them; `names` lists them."""

    @property
    def names(self) -> list[str]:
        return [layer.name for layer in self]

    def __repr__(self) -> str:
        width = max((len(layer.name) for layer in self), default=0)
        return "\n".join(f"{layer.name:{width}}  {layer!s:>12}  {layer.kind}" for layer in self)

    def _repr_html_(self) -> str:
        rows = (f"<tr><td><code>{escape(x.name)}</code></td><td>{x}</td><td>{escape(x.kind)}</td></tr>" for x in self)
        return f"<table><tr><th>layer</th><th>shape</th><th>kind</th></tr>{''.join(rows)}</table>"


def stages(classifier: Classifier, *, batch_size: int | None = None) -> list[str]:
    """The last layer at each size of map: where a net has finished looking at one scale.

    For `pocket` stem, layer1, layer2, layer3; for a vision transformer, whose tokens keep one size, all its blocks.
    Modules count from the outside in: parts of a block only where the net has no blocks on the way.

    Raises:
        ValueError: no layer gives maps, (channels, height, width), and no blocks give tokens: name layers yourself.
    """
    computing = computing_layers(classifier, batch_size=batch_size)
    maps = [layer for layer in computing if max(layer.positions, default=1) > 1]
    if blocks := _transformer_blocks(maps):
        return blocks
    last: dict[tuple[int, ...], str] = {}
    for depth in range(1 + max((layer.name.count(".") for layer in maps), default=0)):  # containers may be nested
        last = {layer.positions: layer.name for layer in maps if layer.name.count(".") <= depth}
        if len(last) > 2:
            break
    if not last:
        raise ValueError(
            f"no layer of {classifier.name} gives maps (channels, height, width); name layers=[…], as layers() "
            "lists them."
        )
    return list(last.values())


def spatial_layer(classifier: Classifier, layer: str | None, *, batch_size: int | None = None) -> str:
    """The layer asked for, or the last one that gives maps larger than one pixel, if there is such a layer."""
    shapes = {each.name: each.shape for each in layers(classifier, batch_size=batch_size)}
    with_maps = [name for name, shape in shapes.items() if len(shape) == 3 and max(shape[1:]) > 1]
    if layer is None:
        computing = {each.name for each in computing_layers(classifier, batch_size=batch_size)}
        with_maps = [name for name in with_maps if name in computing]
        if not with_maps:
            raise ValueError(f"{classifier.name} has no layer that gives maps (channels, height, width): no Grad-CAM.")
        names = list(shapes)
        tokens = [name for name in names[names.index(with_maps[-1]) :] if len(shapes[name]) == 2]
        if tokens:  # what follows looks at all places at once; the patches before it are no features yet
            raise ValueError(
                f"{classifier.name} has no feature maps behind {with_maps[-1]!r}, where it goes on in tokens "
                f"({tokens[-1]!r} gives {shapes[tokens[-1]]}): no Grad-CAM; gradients, occlusion and isolate_features "
                f"work, and layer={with_maps[-1]!r} asks for it all the same."
            )
        return with_maps[-1]
    if layer not in shapes:
        record(classifier, [layer])  # says so, with close names
    if layer not in with_maps:
        shape = shapes.get(layer)
        raise ValueError(f"layer {layer!r} gives shape {shape} for an image, expected maps (channels, height, width).")
    return chosen_layers(classifier, [layer], batch_size=batch_size)[0]


def chosen_layers(classifier: Classifier, names: Sequence[str] | None, *, batch_size: int | None = None) -> list[str]:
    """The layers that are named, or `stages` if None.

    Raises:
        ValueError: an unknown layer, or one that does not depend on the image, such as a table of places.
    """
    if names is None:
        return stages(classifier, batch_size=batch_size)
    asked, grey = list(names), classifier.grey_image
    noise = torch.rand(grey.shape, generator=torch.Generator().manual_seed(0)).to(grey)
    outputs = outputs_of(classifier, torch.cat([grey, noise]), asked, batch_size=batch_size)
    for name, both in outputs.layers.items():
        if torch.equal(both[0], both[1]):
            raise ValueError(f"layer {name!r} gives the same for every image, expected one that depends on the image.")
    return asked


IDLE = re.compile("Identity|Pad|Drop|StochasticDepth")  # in the names of modules that compute nothing in evaluation


def computing_layers(classifier: Classifier, *, batch_size: int | None = None) -> list[LayerShape]:
    """The layers from the first weights on, without padding, dropout and identities, unless there are no others."""
    modules, found = dict(classifier.module.named_modules()), layers(classifier, batch_size=batch_size)
    weighted = [next(modules[layer.name].parameters(), None) is not None for layer in found]
    first = weighted.index(True) if any(weighted) else 0
    return [layer for layer in found[first:] if not _idle(modules[layer.name])] or list(found)


def _idle(module: nn.Module) -> bool:
    parts = [part for part in module.modules() if not list(part.children())]
    weightless = next(module.parameters(), None) is None
    return weightless and all(IDLE.search(type(part).__name__) for part in parts)


def _transformer_blocks(maps: list[LayerShape]) -> list[str]:
    """The numbered modules of a net's only stack that gives tokens of one shape; none where it has several stacks."""
    stacks: dict[str, list[LayerShape]] = {}
    for layer in maps:
        stack, _, number = layer.name.rpartition(".")
        if len(layer.shape) == 2 and number.rpartition("_")[2].isdecimal():
            stacks.setdefault(stack, []).append(layer)
    alike = {name: each for name, each in stacks.items() if len(each) > 1 and len({x.shape for x in each}) == 1}
    outer = [name for name in alike if not any(name.startswith(f"{other}.") for other in alike)]
    return [layer.name for layer in alike[outer[0]]] if len(outer) == 1 else []


@torch.no_grad()
def outputs_of(
    classifier: Classifier, images: Tensor, layers: Iterable[str], *, batch_size: int | None = None
) -> Outputs:
    """Logits and activations of layers for images, in evaluation mode, `batch_size` images at once (as `predict`)."""
    size = int(batch_size or classifier.default_batch_size(len(images), most=MOST, backward=False))
    with evaluating(classifier):
        forward = record(classifier, layers)
        parts = [forward(some.to(classifier.device)) for some in images.split(size)]
    if len(parts) == 1:
        return parts[0]
    together = {name: torch.cat([part[name] for part in parts]) for name in parts[0].layers}
    return Outputs(torch.cat([part.logits for part in parts]), together, classifier, None, len(images))
