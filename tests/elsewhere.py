"""A stand-in for a GPU: tensors whose numbers lie on the processor and which say that they do not.

As on a GPU, an operation that mixes them with tensors of the processor is refused, but for indices and single numbers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

DEVICE = torch.device("ipu", 0)  # of a kind that PyTorch knows by name and no machine of ours has
aten = torch.ops.aten
MIXING = (  # what takes indices from the processor, or numbers from anywhere
    aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default,
    aten.copy_.default,
)  # fmt: skip


class Elsewhere(Tensor):
    """A tensor on the stand-in."""

    numbers: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: DEVICE)  # type: ignore[assignment]
    is_meta = property(lambda self: False)  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, numbers: Tensor) -> "Elsewhere":
        made = Tensor._make_wrapper_subclass(
            cls, numbers.shape, strides=numbers.stride(), storage_offset=numbers.storage_offset(), dtype=numbers.dtype,
            device="meta",
        )  # fmt: skip
        made.numbers = numbers
        return made

    def __getitem__(self, key: Any) -> Tensor:  # type: ignore[override]
        keys = [torch.tensor(each) if isinstance(each, list) else each for each in _several(key)]
        return Tensor.__getitem__(self, tuple(keys))

    def new_tensor(self, data: Any, **options: Any) -> Tensor:  # type: ignore[override]
        return Elsewhere(self.numbers.new_tensor(data, **options))

    def tolist(self) -> Any:
        return self.numbers.tolist()

    def __format__(self, how: str) -> str:
        return format(self.numbers.detach().item(), how) if self.ndim == 0 else repr(self)

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError("can't convert a tensor on another device to numpy: use Tensor.cpu() first")

    __array__ = numpy

    def __deepcopy__(self, memo: Any) -> Tensor:
        copied = Elsewhere(self.numbers.detach().clone())
        return torch.nn.Parameter(copied, self.requires_grad) if isinstance(self, torch.nn.Parameter) else copied

    def __repr__(self, **_: Any) -> str:
        return f"Elsewhere({self.numbers!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


@contextmanager
def machine() -> Iterator[None]:
    """Inside, `.to(DEVICE)` and `device=DEVICE` work."""
    with _Making(), _Running():
        yield


class _Making(TorchFunctionMode):
    """Tensors from numbers, which PyTorch makes without asking a dispatch mode."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and torch.device(kwargs.get("device") or "cpu") == DEVICE:
            made = func(*args, **kwargs | {"device": "cpu"})
            return made if isinstance(made, Elsewhere) else Elsewhere(made)
        return func(*args, **kwargs)


class _Running(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


def run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The operation on the processor; its results lie where its tensors do, or where it was told to put them."""
    tensors = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, Tensor)]
    there = [each for each in tensors if isinstance(each, Elsewhere)]
    mixed = [each for each in tensors if not isinstance(each, Elsewhere) and each.ndim]
    if there and mixed and (func not in MIXING or (func is not aten.copy_.default and args[0] is mixed[0])):
        raise RuntimeError(f"{func}: expected all tensors to be on the same device, found {DEVICE} and cpu")
    inner_args, inner_kwargs = tree_map(lambda each: getattr(each, "numbers", each), (args, kwargs))
    asked = kwargs.get("device")
    if asked is not None:
        inner_kwargs["device"] = torch.device("cpu")
    found = func(*inner_args, **inner_kwargs)
    if func is aten.copy_.default:
        return args[0]
    if not there if asked is None else torch.device(asked).type == "cpu":
        return found
    known = {id(each.numbers): each for each in there}  # what was changed in place is itself
    leaves, shape = tree_flatten(found)
    wrapped = [known.get(id(each)) if id(each) in known else _wrapped(each) for each in leaves]
    return tree_unflatten(wrapped, shape)


def _several(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _wrapped(value: Any) -> Any:
    return Elsewhere(value) if isinstance(value, Tensor) else value
