"""Properties that checks look at; each raises `Mistake` with advice where one does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from course_utils.learning.exercises import Mistake


def require_tensor_like(result: object, like: Tensor, what: str = "your function's result") -> Tensor:
    """`result`, if it is a tensor of the shape, dtype and device of `like`, finite and free of a graph."""
    if not isinstance(result, Tensor):
        raise Mistake(f"{what} is a {type(result).__name__}, expected a tensor of the shape {tuple(like.shape)}.")
    if result.shape != like.shape:
        raise Mistake(f"{what} has the shape {tuple(result.shape)}, expected {tuple(like.shape)}.")
    if result.dtype != like.dtype:
        raise Mistake(f"{what} is of {result.dtype}, expected {like.dtype} as it came in.")
    if result.device != like.device:
        raise Mistake(f"{what} is on {result.device}, expected {like.device}, where the input is.")
    require_finite(result, what)
    if result.requires_grad:
        raise Mistake(f"{what} still hangs on a graph of computations: return it with `.detach()`.")
    return result


def require_one_each(result: object, pictures: int, what: str = "your function's result") -> Tensor:
    """`result`, if it is a tensor with one finite number for each picture, in any precision."""
    if isinstance(result, float | int) or (isinstance(result, Tensor) and result.ndim == 0 and pictures > 1):
        raise Mistake(
            f"{what} is one number for the whole batch, expected one for each picture: leave the batch's axis, "
            "dim 0, out of sums and means."
        )
    if not isinstance(result, Tensor):
        raise Mistake(f"{what} is a {type(result).__name__}, expected a tensor of the shape ({pictures},).")
    if result.shape != (pictures,):
        raise Mistake(f"{what} has the shape {tuple(result.shape)}, expected ({pictures},): one number a picture.")
    if not result.is_floating_point():
        raise Mistake(f"{what} is of {result.dtype}, expected floating-point numbers.")
    require_finite(result, what)
    return result


def require_flow(function: Callable[[Tensor], object], at: Tensor, what: str) -> None:
    """Gradients reach the input of a function through its result."""
    cut = (
        f"no gradient reaches `{what}` through your function, so nothing could be optimised through it: leave out "
        "what leaves the graph (`.detach()`, `.data`, `.item()`, numpy, `torch.no_grad()`)."
    )
    at = at.clone().requires_grad_()
    try:
        result = function(at)
    except Mistake as mistake:
        if "requires grad" in str(mistake):  # PyTorch's own advice would be to detach
            raise Mistake(cut) from mistake
        raise
    if not isinstance(result, Tensor) or not result.requires_grad:
        raise Mistake(cut)
    if torch.autograd.grad(result.sum(), at, allow_unused=True)[0] is None:
        raise Mistake(cut)


def require_finite(result: Tensor, what: str = "your function's result") -> None:
    """No NaN and no infinity."""
    bad = int((~torch.isfinite(result)).sum())
    if bad:
        raise Mistake(f"{what} has NaN or infinity in {bad} of {result.numel()} places: is something divided by 0?")


def require_equal(result: Tensor, expected: Tensor, mistakes: Iterable[tuple[Tensor, str]], otherwise: str) -> None:
    """`result` equals `expected`, up to rounding; if not, the first known mistake that it equals is named.

    Args:
        result: what the reader's function returned.
        expected: what is right.
        mistakes: what a mistake leads to, and what to say about it.
        otherwise: what to say if the result is none of these.
    """
    if close(result, expected):
        return
    for wrong, message in mistakes:
        if close(result, wrong):
            raise Mistake(message)
    raise Mistake(otherwise)


def close(a: Tensor, b: Tensor) -> bool:
    """Equal up to what floating point does to another order of the same steps."""
    scale = float(b.abs().max())
    return torch.allclose(a.to(b.dtype), b, rtol=1e-3, atol=1e-5 * scale + 1e-9)


def gradient_of(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """The gradient of a function that returns one number, by its input, of the input's shape."""
    at = at.clone().requires_grad_()
    return torch.autograd.grad(function(at), at)[0]


@contextmanager
def inputs_untouched(**inputs: Tensor) -> Iterator[None]:
    """The named tensors come out of the block with the values and flags that they went in with."""
    before = {name: tensor.detach().clone() for name, tensor in inputs.items()}
    yield
    for name, tensor in inputs.items():
        if tensor.requires_grad:
            tensor.requires_grad_(False)
            raise Mistake(
                f"your function switches `requires_grad` on for the caller's `{name}`: "
                f"work on a copy, `{name}.clone().requires_grad_()`."
            )
        if not torch.equal(tensor.detach(), before[name]):
            raise Mistake(
                f"your function changes `{name}` in place, and the caller's tensor with it: compute a new "
                "one (`a = a - b` instead of `a -= b`, `clamp` instead of `clamp_`), or `clone()` first."
            )


@contextmanager
def weights_untouched(model: nn.Module) -> Iterator[None]:
    """The model's weights come out of the block unchanged and without gradients."""
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    yield
    for name, weight in model.named_parameters():
        if not torch.equal(weight.detach(), before[name]):
            raise Mistake(f"your function changes the weights ({name}): the images move here, never the model.")
        if weight.grad is not None and weight.grad.abs().sum() > 0:
            raise Mistake(
                f"your function leaves gradients in the weights (`.grad` of {name}), as `.backward()` "
                "does; `torch.autograd.grad(…, images)` asks for the images' gradient alone."
            )


@contextmanager
def recorded_inputs(module: nn.Module) -> Iterator[list[Tensor]]:
    """A list that collects what `module` is called with while the block runs."""
    inputs: list[Tensor] = []
    hook = module.register_forward_pre_hook(lambda _, given: inputs.append(given[0].detach().clone()))
    try:
        yield inputs
    finally:
        hook.remove()
