"""Validation: models are left as they were found, and what cannot work is refused at once, in a sentence."""

import math
import re
import sys
import warnings
from collections import abc
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cache, reduce, wraps
from inspect import Parameter, isfunction, signature, unwrap
from itertools import repeat
from numbers import Integral, Number, Real
from types import UnionType
from typing import Any, get_origin

import torch
from torch import Tensor, nn

HALF = (torch.float16, torch.bfloat16)
ROUNDING = 1e-4  # how far outside [0, 1] an image may lie: what interpolation and half precision leave behind


@contextmanager
def full_precision() -> Iterator[None]:
    """No autocast inside, whatever is around; also a decorator."""
    with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield


def widened(values: Tensor) -> Tensor:
    """Numbers of half precision in float32, others as they are."""
    return values.float() if values.dtype in HALF else values


def gradient_scale(model: nn.Module) -> float:
    """The factor of the score before a backward pass: in float16, gradients below 6e-8 become zero."""
    return 256.0 if in_float16(model) else 1.0


def in_float16(model: nn.Module) -> bool:
    """Whether some weights are of that format."""
    return any(weight.dtype == torch.float16 for weight in model.parameters())


@contextmanager
def float16_said(model: nn.Module) -> Iterator[None]:
    """Errors about gradients that are zero or not finite, in one sentence about float16 where the model computes so."""
    try:
        yield
    except (FloatingPointError, ZeroGradientError) as error:
        if not in_float16(model):
            raise
        raise FloatingPointError(
            "the model computes in float16, in which its activations or gradients here overflow or become zero: "
            f"optimise with model.to(torch.bfloat16) or model.float() ({error})"
        ) from None


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode inside; afterwards every module's mode is as before."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def as_found(model: nn.Module) -> Iterator[None]:
    """Eval mode and no weight gradients inside; afterwards every mode and every flag is as before."""
    flags = [(weight, weight.requires_grad) for weight in model.parameters()]
    if any(weight.is_inference() for weight, _ in flags):
        raise RuntimeError(
            "the model's weights were made under torch.inference_mode(), and no gradient passes through them: make or "
            "load the model outside of it, or under torch.no_grad()."
        )
    with evaluating(model):
        try:
            for weight, _ in flags:
                weight.requires_grad_(False)  # their gradients would cost a third of a step, and nobody wants them
            yield
        finally:
            for weight, flag in flags:
                weight.requires_grad_(flag)


@cache
def with_checked_kinds(function: Any) -> Any:
    """A public function that compares its arguments with its annotations first; anything else as it is.

    A wrong kind is then one sentence that names the argument, rather than an error from within: text for a number, a
    truth value for a count, NaN, a count beyond 2**31, a list with an element of another kind. Shapes and ranges are
    the function's own to check. It takes its own place in its module, so that it is found under its name.
    """
    if not isfunction(function) or hasattr(function, "checks_kinds"):
        return function
    parameters, known = signature(function), {**vars(abc), **getattr(unwrap(function), "__globals__", {})}

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            given = parameters.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{function.__name__}(): {error}.") from None
        for name, value in given.items():
            parameter = parameters.parameters[name]
            expected, several = str(parameter.annotation), parameter.kind in VARIABLE
            seed = name == "seed" and isinstance(value, Integral)  # of any size
            module = expected == "Classifier" and isinstance(value, nn.Module)  # said below, with advice
            if not several and not seed and not module and not _fits(expected, value, known):
                shown = repr(value) if isinstance(value, str | Number | None) else f"{type(value).__name__}"
                kind = ValueError if isinstance(value, Number) else TypeError
                raise kind(f"{name}={shown[:80]} given, expected {expected}.")
        return function(*args, **kwargs)

    checked.checks_kinds = True  # type: ignore[attr-defined]
    setattr(sys.modules[function.__module__], function.__name__, checked)
    return checked


def _fits(expected: str, value: Any, known: Mapping[str, Any]) -> bool:
    """Whether a value is of the kind that an annotation says; what it does not say clearly fits."""
    kinds = re.split(r" \| (?![^\[]*\])", expected)
    if len(kinds) > 1:
        return any(_fits(kind, value, known) for kind in kinds)
    name, _, inside = expected.removesuffix("]").partition("[")
    if name == "None":
        return value is None
    if name == "int":
        return isinstance(value, Integral) and not isinstance(value, bool) and abs(int(value)) < LARGEST
    if name == "float":
        return _fits("int", value, {}) if isinstance(value, Integral) else isinstance(value, Real) and value == value
    if name == "tuple" and "..." not in inside:
        parts = inside.split(", ")
        return isinstance(value, tuple) and len(value) == len(parts) and all(map(_fits, parts, value, repeat(known)))
    if name in ("Sequence", "Iterable"):
        if hasattr(value, "tolist"):  # arrays, tensors, columns of tables
            value = value.tolist() if value.ndim == 1 else None
        listed = isinstance(value, list | tuple | range)
        return not isinstance(value, str | bytes | abc.Mapping) and (
            all(_fits(inside, each, known) for each in value[:1000])
            if listed
            else isinstance(value, abc.Sequence) or (name == "Iterable" and isinstance(value, abc.Iterable))
        )
    if name in ("Float", "Int", "Bool", "UInt8"):
        return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta and value.ndim > 0
    first, *attributes = name.split(".")
    kind = reduce(lambda found, each: getattr(found, each, None), attributes, known.get(first, BUILT_IN.get(first)))
    if isinstance(kind, UnionType):  # an alias such as Exclude
        return _fits(str(kind).replace("collections.abc.", ""), value, known)
    kind = get_origin(kind) or kind  # of an alias such as Transform
    return not isinstance(kind, type) or kind is Any or isinstance(value, kind)


VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
BUILT_IN = {"str": str, "bool": bool, "dict": dict, "list": list, "tuple": tuple}
LARGEST = 2**31  # above any count that makes sense


def check_settings(*, stop_at: float | None = None, learning_rate: float = 1.0, **counts: int | None) -> None:
    """Raise ValueError, in a sentence, for a count below 1 (None is a default), a confidence or a rate out of range."""
    if not 0 < learning_rate < 1e6:
        raise ValueError(f"learning_rate={learning_rate!r} given, expected a number above 0, such as 0.05.")
    for name, value in counts.items():
        if value is not None and not (_fits("int", value, {}) and value >= 1):
            raise ValueError(f"{name}={value!r} given, expected a whole number of at least 1.")
    if stop_at is not None and not 0 < stop_at <= 1:
        raise ValueError(f"stop_at={stop_at!r} given, expected a confidence above 0 and at most 1, such as 0.9.")


def check_unit_interval(images: Tensor, name: str = "images") -> None:
    """Raise, in a sentence, unless these are floating-point images in [0, 1], `ROUNDING` more or less.

    Args:
        images: of any shape.
        name: what a message calls them.

    Raises:
        TypeError: not floating-point numbers.
        ValueError: no images, NaN, or numbers outside [0, 1].
    """
    if images.layout != torch.strided or images.is_meta or not images.is_floating_point():
        raise TypeError(f"{name} are {images.dtype}, expected floating-point numbers in [0, 1]: {name}.float() / 255.")
    if images.numel() == 0:
        raise ValueError(f"{name} of shape {tuple(images.shape)} given, expected at least one image.")
    low, high = (value.item() for value in images.detach().aminmax())
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"{name} hold NaN (not a number), expected [0, 1].")
    if low < -ROUNDING or high > 1 + ROUNDING:
        hint = "divide by 255" if low >= 0 and high > 2 else "leave normalisation to the classifier"
        raise ValueError(f"{name} from {low:.3g} to {high:.3g} given, expected [0, 1]: {hint}.")


def one_each(numbers: Tensor, samples: int, source: object) -> Tensor:
    """`numbers`, if there is one for each sample; otherwise a ValueError that names their source."""
    if not isinstance(numbers, Tensor) or numbers.shape != (samples,):
        given = f"shape {tuple(numbers.shape)}" if isinstance(numbers, Tensor) else type(numbers).__name__
        name = getattr(source, "__name__", None) or repr(source)
        raise ValueError(f"{name} returned {given}, expected ({samples},): one number for each sample.")
    return numbers


def check_flow(score: Tensor) -> None:
    """Raise RuntimeError if gradients are wanted and the objective's score carries none."""
    if torch.is_grad_enabled() and not score.requires_grad:
        raise RuntimeError(NO_FLOW)


def check_weights(weights: Mapping[str, Any], source: object) -> None:
    """Raise ValueError, naming the first, for weights that hold NaN or infinity."""
    numbers = {name: each for name, each in weights.items() if isinstance(each, Tensor) and each.is_floating_point()}
    broken = [name for name, each in numbers.items() if not each.isfinite().all()]
    if broken:
        raise ValueError(
            f"the weights {source} hold NaN or infinity in {len(broken)} tensors, {broken[0]!r} among them: the "
            "training that wrote them went wrong, or the file is damaged."
        )


class ZeroGradientError(RuntimeError):
    """The score changes with none of the numbers that could be changed."""


@torch.no_grad()
def check_gradients(
    parameters: list[nn.Parameter], score: Tensor, step: int, left: Tensor, names: Sequence[int]
) -> None:
    """Raise or warn about gradients that lead nowhere, naming the step and the samples.

    Raises:
        FloatingPointError: a score or gradient that is not finite.
        RuntimeError: no gradient at all.
        ZeroGradientError: at the first step, gradients that are zero for every sample.

    Warns:
        RuntimeWarning: at the first step, gradients that are zero for some samples.
    """

    def listed(which: Tensor, most: int = 10) -> str:
        chosen = [str(names[i]) for i in left[which].tolist()]
        return ", ".join(chosen if len(chosen) <= most else [*chosen[:most], f"… {len(chosen)} in all"])

    gradients = [weight.grad.reshape(len(weight), -1) for weight in parameters if weight.grad is not None]
    if not gradients:
        raise RuntimeError(NO_FLOW)
    total = score.sum() + sum(gradient.sum() for gradient in gradients)
    if step > 0 and math.isfinite(total.abs()):  # NaN and infinity survive a sum: all is well
        return
    largest = torch.stack([gradient.abs().amax(dim=1) for gradient in gradients]).amax(dim=0)[left]
    broken = ~(largest + score).isfinite()
    if broken.any():
        raise FloatingPointError(
            f"score or gradient is NaN or infinite at step {step} (samples {listed(broken)}): look "
            "for the logarithm, division or square root of a zero in the model, the objective or a prior, "
            "or take shorter steps."
        )
    if step == 0 and (largest == 0).any():
        stuck = listed(largest == 0)
        if (largest == 0).all():
            raise ZeroGradientError(
                f"the gradient is zero at step 0 for every sample ({stuck}): units are saturated or dead, or "
                "the model rounds; start elsewhere, or choose an objective that depends on the canvas there."
            )
        warnings.warn(f"the gradient is zero at step 0 for samples {stuck}: they stay.", RuntimeWarning, stacklevel=3)


NO_FLOW = (
    "no gradient flows from the objective back to the canvas: the model must compute its logits from its "
    "input with differentiable operations, without torch.no_grad() or detach()."
)


def check_known(what: str, given: object, known: Collection[object]) -> None:
    """Raise ValueError, with close names, for a name that is not among those that there are."""
    if not isinstance(given, str | Number) or given not in known:
        raise ValueError(unknown(what, given, known))


def unknown(what: str, given: object, known: Iterable[object]) -> str:
    """One sentence for a name that does not exist: what was given, what is close to it, what there is."""
    names = [str(name) for name in known]
    close = get_close_matches(str(given), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    listed = ", ".join(names) if len(names) <= 40 else f"{', '.join(names[:40])} … ({len(names)} in all)"
    return f"unknown {what} {str(given)!r}: {hint}Known: {listed}."
