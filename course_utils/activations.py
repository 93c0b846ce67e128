"""Activations: what a model computes on its way to the logits, layer by layer, from one forward pass.

    outputs = record(model, ["layer2", "layer3"])(images)
    outputs.logits, outputs["layer3"]

A forward hook (PyTorch's word for a function that a module calls after its forward pass) copies what a layer
gives. The copy matters: the in-place ReLU after a convolution overwrites the convolution's own output. Hooks
are put on for one pass and come off when it ends, also when it ends in an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.validation import as_found, unknown, widened


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
        ValueError: a layer whose first axis is not the batch (likewise).
    """
    modules = {name: _find(model, name) for name in layers}
    if scripted := [name for name, (module, _) in modules.items() if isinstance(module, torch.jit.ScriptModule)]:
        raise ValueError(
            f"layer {scripted[0]!r} is TorchScript, whose layers cannot be recorded: give the module that was scripted "
            "or traced, or ask for classes only."
        )

    def forward(x: Tensor, *, samples: Tensor | None = None, batch: int | None = None) -> Outputs:
        recorded: dict[str, Tensor] = {}
        with ExitStack() as hooks:
            for name, (module, goes_in) in modules.items():
                copy = _copy_to(recorded, name, len(x))
                if goes_in:
                    handle = module.register_forward_pre_hook(lambda own, inputs, copy=copy: copy(own, (), inputs))
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


OUTPUTS = ("logits", "probabilities")
ZEROS = 0.1  # share from which exact zeros are a ReLU's: a sigmoid gives them where it underflows
ENOUGH = 12  # numbers that all lie in [0, 1]: of logits that hardly happens
SUM = 1e-2  # by how far probabilities may miss 1: those of half precision do


def picked(returned: object) -> object:
    """The tensor that counts: of a mapping or an output of transformers its "logits", of several the first."""
    if isinstance(returned, Tensor):
        return returned
    named = returned if isinstance(returned, Mapping) else getattr(returned, "__dict__", {})
    for name in ("logits", "out"):
        if isinstance(named.get(name), Tensor):
            return named[name]
    several = returned.values() if isinstance(returned, Mapping) else returned
    if isinstance(several, Iterable):  # of GoogLeNet while it trains the first is the main one
        return next((each for each in several if isinstance(each, Tensor)), returned)
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
        rare_zeros = (found == 0).float().mean() < ZEROS
        summed = bool((found >= 0).all() and ((found.sum(1) - 1).abs() < SUM).all())
        if summed and outputs == "logits":
            raise ValueError(
                f"{name} returns probabilities (none below 0, and each row sums to 1), expected logits: its last step "
                "seems to be a softmax, and where that is sure no gradient comes through. Take it off the module, or "
                "say Classifier(…, outputs='probabilities'), which takes their logarithm."
            )
        if not summed and outputs == "probabilities":
            low, high = (value.item() for value in found.aminmax())
            sigmoid = " or, if its last step is a sigmoid, take that off" if low >= 0 and high <= 1 else ""
            raise ValueError(
                f"{name} should return probabilities, as outputs='probabilities' says, but its values run from "
                f"{low:.3g} to {high:.3g}, and rows do not sum to 1: leave outputs= out if they are logits{sigmoid}."
            )
        if not summed and found.numel() >= ENOUGH and found.min() >= 0 and found.max() <= 1 and rare_zeros:
            warnings.warn(
                f"all {found.numel()} values that {name} returns lie in [0, 1], and rows do not sum to 1: if its last "
                "step is a sigmoid, as of nets that may name several classes at once, take it off the module; what is "
                "said here is a softmax over what comes out.",
                stacklevel=4,
            )
    return values if outputs == "logits" else values.clamp_min(torch.finfo(values.dtype).tiny).log()


MEMORY = 2**29  # bytes that a batch may take on a processor, where larger ones make no step cheaper
SHARE = 0.5  # of a GPU's free memory
FEW = 8  # samples that are taken together without measuring, which costs a forward pass
_measured: WeakKeyDictionary[nn.Module, dict[tuple, tuple[int, int]]] = WeakKeyDictionary()


def default_batch_size(model: nn.Module, example: Tensor, count: int, *, most: int, backward: bool = True) -> int:
    """The number of samples that go through a model together, of `count`: as many as have their activations in memory.

    On a processor that is half a gibibyte and at most `most` samples, on a GPU half of what is free. Measured once for
    a model and a shape, in a pass of `example` in evaluation mode.

    Args:
        example: a batch of one sample.
        count: how many samples there are; 8 and fewer are not measured.
        most: samples of which more make no step cheaper on a processor.
        backward: whether gradients are computed, for which all activations are remembered.
    """
    if count <= FEW:
        return FEW
    every, largest = activation_counts(model, example)
    numbers = 2 * every if backward else 4 * largest  # with their gradients; or a layer's input, output, and copies
    bytes_each = max(1, numbers * example.element_size())
    if example.device.type != "cuda":
        return max(1, min(most, MEMORY // bytes_each))
    unused = torch.cuda.memory_reserved(example.device) - torch.cuda.memory_allocated(example.device)
    free = torch.cuda.mem_get_info(example.device)[0] + unused
    return max(1, int(SHARE * free) // bytes_each)


@torch.no_grad()
def activation_counts(model: nn.Module, example: Tensor) -> tuple[int, int]:
    """How many numbers the parts of a model give for one sample: all of them together, and the largest one."""
    known = _measured.setdefault(model, {})
    key = tuple(example.shape)
    if key not in known:
        counts: dict[nn.Module, int] = {}

        def count(module: nn.Module, inputs: object, output: object) -> None:
            tensors = output if isinstance(output, tuple | list) else [output]
            counts[module] = sum(each.numel() for each in tensors if isinstance(each, Tensor))

        with hooked((module for module in model.modules() if not list(module.children())), count), as_found(model):
            model(example)
        unseen = 64 * example.numel()  # of a net whose parts cannot be watched: as if it had 64 layers like its input
        known[key] = sum(counts.values()) or unseen, max(counts.values(), default=example.numel())
    return known[key]


@contextmanager
def hooked(modules: Iterable[nn.Module], hook: Callable[[nn.Module, Any, Any], None]) -> Iterator[None]:
    """A forward hook on each of the modules inside; none on TorchScript, which takes no hooks."""
    with ExitStack() as hooks:
        for module in modules:
            if not isinstance(module, torch.jit.ScriptModule):
                hooks.callback(module.register_forward_hook(hook).remove)
        yield


def _find(model: nn.Module, name: str) -> tuple[nn.Module, bool]:
    """The module of that name, and whether it is what goes into it that is asked for."""
    modules = dict(model.named_modules(remove_duplicate=False))
    for stem in dict.fromkeys((name, name.removesuffix(".input"))):
        for candidate in (f"module.{stem}", stem):  # a Classifier holds its net as `module`
            if stem and candidate in modules:
                return modules[candidate], stem != name
    known = [path.removeprefix("module.") for path in modules if path not in ("", "module")]
    raise ValueError(unknown("layer", name, known))


def _copy_to(recorded: dict[str, Tensor], name: str, rows: int) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: object, output: object) -> None:
        tensor = output[0] if isinstance(output, tuple | list) else output
        if not isinstance(tensor, Tensor):
            raise TypeError(f"layer {name!r} gives {type(tensor).__name__}, expected a tensor: record another layer.")
        if not tensor.ndim or len(tensor) != rows:
            given = f"{len(tensor)} rows" if tensor.ndim else "one number"
            raise ValueError(
                f"layer {name!r} gives {given} for {rows} sample{'s' * (rows != 1)}: its first axis is not the batch, "
                "so record another layer."
            )
        copied = widened(tensor)
        recorded[name] = tensor.clone() if copied is tensor else copied

    return hook


def _indices(target: object, batch: int, logits: Tensor) -> Tensor:
    if isinstance(target, str | list | tuple):  # "logits:3" is a position where there are no names
        given = [target] if isinstance(target, str) else target
        given = [int(each) if isinstance(each, str) and each.isdecimal() else each for each in given]
        target = given[0] if isinstance(target, str) else given
        if any(isinstance(each, str) for each in given):
            unnamed = "this model is a plain module that knows no class names"
            raise TypeError(f"target {target!r} is a name, and {unnamed}: give an index, or wrap it in Classifier(…).")
    indices = torch.as_tensor(target, device=logits.device)
    if indices.is_floating_point() or indices.dtype == torch.bool:
        raise TypeError(f"target is {indices.dtype}, expected whole numbers: indices of classes.")
    if indices.ndim > 1 or (indices.ndim == 1 and len(indices) != batch):
        shape = tuple(indices.shape)
        raise ValueError(f"targets of shape {shape} given, expected one for all or {batch}, one a sample.")
    low, high = indices.aminmax() if indices.numel() else (0, 0)
    if low < 0 or high >= logits.shape[1]:
        raise ValueError(f"target {target!r} given, expected indices from 0 to {logits.shape[1] - 1}.")
    return indices.long()


__all__ = ["Outputs", "record"]
