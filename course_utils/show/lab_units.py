"""What the labs of chapters 4 to 6 choose from: the channels and classes of a classifier that are worth a look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from course_utils.activations import record
from course_utils.guards import as_found
from course_utils.messages import unknown
from course_utils.models.classifier import Classifier
from course_utils.objectives import Channel, Logit, Objective
from course_utils.vision.layer_table import LayerShape, layers
from course_utils.vision.wishes import measure

LOGITS = "logits"
NONLINEARITIES = "torch.nn.modules.activation"  # the module in which PyTorch keeps them all


class UnitMenu:
    """A menu of layers, and in each a channel by number or a class by name.

    Args:
        classifier: whose units are offered.
        objective: the unit to begin with, such as `"layer3:12"` or `"logits:volcano"`; by default volcano, or the
            first class.

    Attributes:
        layers: the layers in the menu with their shapes.
        first: the values to begin with: `layer`, `channel` and `cls`.

    Raises:
        ValueError: a layer that is not in the menu, a channel that it does not have, or an unknown class (with close
            names).
    """

    def __init__(self, classifier: Classifier, objective: str | None = None) -> None:
        self.classifier = classifier
        self.layers = {layer.name: layer.shape for layer in worth_a_look(classifier)}
        cls = "volcano" if "volcano" in classifier.classes else classifier.classes[0]
        layer, _, unit = (objective or f"{LOGITS}:{cls}").partition(":")
        self.first: dict[str, Any] = {"layer": layer, "channel": 0, "cls": cls}
        if layer == LOGITS:
            self.first["cls"] = classifier.classes[classifier.index(unit)]
        elif layer not in self.layers:
            raise ValueError(unknown("layer", layer, [*self.layers, LOGITS]))
        elif unit.isdecimal() and int(unit) < self.layers[layer][0]:
            self.first["channel"] = int(unit)
        else:
            raise ValueError(
                f"objective={objective!r} given, expected {layer}:0 … {layer}:{self.layers[layer][0] - 1}."
            )

    def objective(self, layer: str, channel: int, cls: str) -> Objective:
        return Logit(self.classifier.index(cls)) if layer == LOGITS else Channel(layer, channel)

    def name(self, layer: str, channel: int, cls: str) -> str:
        return f"{LOGITS}:{cls}" if layer == LOGITS else f"{layer}:{channel}"

    def controls(self, first: Mapping[str, Any]) -> dict[str, Any]:
        """A menu of layers, a slider for the channel, and for the logits a menu of classes in its place."""
        import ipywidgets as widgets

        shapes = {name: f"{name} ({size[0]} channels, {size[1]} × {size[2]})" for name, size in self.layers.items()}
        shapes[LOGITS] = f"{LOGITS} ({len(self.classifier.classes)} classes)"
        layer = widgets.Dropdown(
            options=[(text, name) for name, text in shapes.items()], value=first["layer"], description="Layer"
        )
        most = max((shape[0] for shape in self.layers.values()), default=1)
        channel = widgets.IntSlider(
            min=0, max=most - 1, value=first["channel"], description="Channel", continuous_update=False
        )
        cls = widgets.Dropdown(options=self.classifier.classes, value=first["cls"], description="Class")

        def fit(change: object = None) -> None:
            if layer.value != LOGITS:
                channel.max = self.layers[layer.value][0] - 1
            channel.layout.display = "none" if layer.value == LOGITS else None
            cls.layout.display = None if layer.value == LOGITS else "none"

        layer.observe(fit, names="value")
        fit()
        return {"layer": layer, "channel": channel, "cls": cls}


@torch.no_grad()
def worth_a_look(classifier: Classifier) -> list[LayerShape]:
    """The layers with maps behind a nonlinearity: whole blocks first, in a picture's order, then what is inside.

    A convolution without its ReLU asks the same question as with it, and the last module of a block gives what the
    block gives: such layers are left out. A net without nonlinearities of PyTorch's own offers all its maps.
    """
    modules = dict(classifier.module.named_modules())
    maps = [layer for layer in layers(classifier) if _is_map(layer.shape) and layer.name != LOGITS]
    bent = [layer for layer in maps if NONLINEARITIES in {type(m).__module__ for m in modules[layer.name].modules()}]
    listed = sorted(bent or maps, key=lambda layer: layer.name.count("."))
    noise = torch.rand((1, classifier.channels, *classifier.size), generator=torch.Generator().manual_seed(0))
    with as_found(classifier):
        outputs = record(classifier, [layer.name for layer in listed])(noise.to(classifier.device))
    different: list[LayerShape] = []
    for layer in listed:
        if not any(torch.equal(outputs[layer.name], outputs[other.name]) for other in different):
            different.append(layer)
    return different


def answers(classifier: Classifier, objective: Objective, images: Tensor) -> Tensor:
    """What an objective says of pictures, a few at a time: the maps of a large net for all of them fill the memory."""
    return torch.cat([measure(classifier, objective, chunk.to(classifier.device)) for chunk in images.split(32)]).cpu()


def _is_map(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[1] * shape[2] > 1
