"""Activations: what a model computes on its way to the logits, layer by layer, from one forward pass.

    outputs = record(model, ["layer2", "layer3"])(images)
    outputs.logits, outputs["layer3"]

A forward hook (PyTorch's word for a function that a module calls after its forward pass) copies what a layer
gives. The copy matters: the in-place ReLU after a convolution overwrites the convolution's own output. Hooks
are put on for one pass and come off when it ends, also when it ends in an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.validation import unknown, widened


def record(model: nn.Module, layers: Iterable[str] = ()) -> Callable[..., Outputs]:
    """A function that runs `model` once and returns its logits together with what the named layers gave.

    A module that is used several times in a pass, such as the ReLU shared within torchvision's residual
    blocks, is recorded where it is used last. A layer that returns a tuple is recorded by its first tensor.

    Args:
        model: any module that returns logits, (batch, classes).
        layers: dotted names as `named_modules()` prints them; of a `Classifier`, those of the net inside it. With
            `.input` behind it, what goes into the layer: `"model.layers.12.mlp.down_proj.input"` are the neurons of a
            transformer's MLP.

    Returns:
        `forward(x) -> Outputs`. The recorded tensors carry gradients where gradients are enabled.

    Raises:
        ValueError: a layer that does not exist (at once; close names are offered).
        RuntimeError: a layer that the forward pass does not reach (when the pass is made).
    """
    modules = {name: _find(model, name) for name in layers}

    def forward(x: Tensor, *, samples: Tensor | None = None, batch: int | None = None) -> Outputs:
        recorded: dict[str, Tensor] = {}
        with ExitStack() as hooks:
            for name, (module, goes_in) in modules.items():
                copy = _copy_to(recorded, name)
                if goes_in:
                    handle = module.register_forward_pre_hook(
                        lambda module, inputs, copy=copy: copy(module, (), inputs)
                    )
                else:
                    handle = module.register_forward_hook(copy)
                hooks.callback(handle.remove)
            logits = model(x)
        for name in modules:
            if name not in recorded:
                raise RuntimeError(f"layer {name!r} was not reached in the forward pass: choose one that is used.")
        return Outputs(widened(logits), recorded, model, samples, len(x) if batch is None else batch)

    return forward


@dataclass(frozen=True, eq=False)
class Outputs:
    """The outputs of one forward pass; `outputs["layer3"]` is a recorded layer.

    Attributes:
        logits: (batch, classes); in float32 where the model computes in half precision, and so are the layers.
        layers: recorded tensors by name, the sample axis first.
        model: the model that made them; it knows its classes' names.
        samples: which samples of the run these are, where some have left the batch; None for all of them.
        batch: number of samples in the run.
    """

    logits: Float[Tensor, "left classes"]
    layers: Mapping[str, Tensor]
    model: nn.Module
    samples: Int[Tensor, "left"] | None
    batch: int

    def __getitem__(self, layer: str) -> Tensor:
        if layer not in self.layers:
            raise KeyError(f"layer {layer!r} was not recorded: name it in the objective's `layers`.")
        return self.layers[layer]

    def targets(self, target: str | int | Sequence[str | int] | Tensor) -> Int[Tensor, "left"]:
        """Class indices of a target (one for all, or one for each sample of the run) for the samples at hand.

        Raises:
            ValueError: an unknown class, an index out of range, or another number of targets than of samples.
            TypeError: a class name, where the model is a plain module and knows no names.
        """
        by_name = getattr(self.model, "targets", None)
        if callable(by_name) and not isinstance(target, Tensor):
            return self.each(by_name(target, self.batch))
        return self.each(_indices(target, self.batch, self.logits))

    def each(self, values: int | Sequence[int] | Int[Tensor, "..."]) -> Int[Tensor, "left"]:
        """One whole number for all samples of the run, or one for each, for the samples at hand.

        Raises:
            ValueError: another number of them than of samples.
        """
        every = torch.as_tensor(values, device=self.logits.device)
        if every.ndim and len(every) != self.batch:
            raise ValueError(f"{len(every)} numbers given for {self.batch} samples: give one for all, or one for each.")
        every = every.expand(self.batch)
        return every if self.samples is None else every[self.samples]

    def only(self, place: int) -> Outputs:
        """The outputs of the sample at that place alone, as if it had run by itself."""
        rows = slice(place, place + 1)
        return Outputs(self.logits[rows], {n: t[rows] for n, t in self.layers.items()}, self.model, None, 1)


def _find(model: nn.Module, name: str) -> tuple[nn.Module, bool]:
    """The module of that name, and whether it is what goes into it that is asked for."""
    modules = dict(model.named_modules(remove_duplicate=False))
    for stem in dict.fromkeys((name, name.removesuffix(".input"))):
        for candidate in (f"module.{stem}", stem):  # a Classifier holds its net as `module`
            if stem and candidate in modules:
                return modules[candidate], stem != name
    known = [path.removeprefix("module.") for path in modules if path not in ("", "module")]
    raise ValueError(unknown("layer", name, known))


def _copy_to(recorded: dict[str, Tensor], name: str) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: object, output: object) -> None:
        tensor = output[0] if isinstance(output, tuple | list) else output
        if not isinstance(tensor, Tensor):
            raise TypeError(f"layer {name!r} gives {type(tensor).__name__}, expected a tensor: record another layer.")
        copied = widened(tensor)
        recorded[name] = tensor.clone() if copied is tensor else copied

    return hook


def _indices(target: object, batch: int, logits: Tensor) -> Tensor:
    names = [target] if isinstance(target, str) else target if isinstance(target, list | tuple) else []
    if any(isinstance(name, str) for name in names):
        unnamed = "this model is a plain module that knows no class names"
        raise TypeError(f"target {target!r} is a name, and {unnamed}: give an index, or wrap it in Classifier(…).")
    indices = torch.as_tensor(target, device=logits.device)
    if indices.is_floating_point() or indices.dtype == torch.bool:
        raise TypeError(f"target is {indices.dtype}, expected whole numbers: indices of classes.")
    if indices.ndim > 1 or (indices.ndim == 1 and len(indices) != batch):
        raise ValueError(
            f"targets of shape {tuple(indices.shape)} given, expected one for all or {batch}, one a sample."
        )
    low, high = indices.aminmax() if indices.numel() else (0, 0)
    if low < 0 or high >= logits.shape[1]:
        raise ValueError(f"target {target!r} given, expected indices from 0 to {logits.shape[1] - 1}.")
    return indices.long()
