"""The comparison of a reader's function with the reference, and the properties and small models that checks share.

A check calls the reader's function on small, always equal arguments. Where the result is not the reference's, the
wrong answers of the exercise's table are called on the same arguments, and the first with the reader's result tells
the reader what happened. What a result cannot tell (the path of an optimisation, say) is the matter of the `require_…`
functions. All of them raise `Mistake` with advice.
"""

import copy
import inspect
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.models.classifier import Classifier
from course_utils.teaching.exercises.exercise import Exercise, Mistake

DEAD = 4  # the channel of `a_case_with_maps` that no image activates
LENGTH, WIDTH, TOKENS = 3, 6, 9  # of `a_small_reader`
GIVEN = "your function's result"


def tensor_like(result: object, right: Tensor) -> Tensor:
    """Form of a result, which is returned: a tensor of the shape, dtype and device of the reference's, finite, and
    free of a graph."""
    if not isinstance(result, Tensor):
        raise Mistake(f"{GIVEN} is a {type(result).__name__}, expected a tensor of the shape {tuple(right.shape)}.")
    if result.shape != right.shape:
        raise Mistake(f"{GIVEN} has the shape {tuple(result.shape)}, expected {tuple(right.shape)}.")
    if result.dtype != right.dtype:
        raise Mistake(f"{GIVEN} is of {result.dtype}, expected {right.dtype}.")
    if result.device != right.device:
        raise Mistake(f"{GIVEN} is on {result.device}, expected {right.device}, where the input is.")
    require_finite(result)
    if result.requires_grad:
        raise Mistake(f"{GIVEN} still hangs on a graph of computations: return it with `.detach()`.")
    return result


def one_each(result: object, right: Tensor) -> None:
    """Form of a result: a tensor with one finite number for each image, in any precision."""
    images = len(right)
    if isinstance(result, float | int) or (isinstance(result, Tensor) and result.ndim == 0 and images > 1):
        raise Mistake(
            f"{GIVEN} is one number for the whole batch, expected one for each image: leave the batch's axis, "
            "dim 0, out of sums and means."
        )
    if isinstance(result, Tensor) and result.shape != (images,):
        raise Mistake(f"{GIVEN} has the shape {tuple(result.shape)}, expected ({images},): one number an image.")
    if isinstance(result, Tensor) and not result.is_floating_point():
        raise Mistake(f"{GIVEN} is of {result.dtype}, expected floating-point numbers.")
    numbers_like(result, right)


def numbers_like(result: object, right: Tensor) -> None:
    """Form of a result: a tensor of the reference's shape, finite, in any precision, with or without a graph."""
    tensor_like(result.detach().to(right) if isinstance(result, Tensor) else result, right)


def compare(function: Callable, exercise: "Compared") -> None:
    """Check of a reader's function: its results against those of the reference and of the table of wrong answers."""
    for case in exercise.cases():
        right = result_of(exercise.reference, case)
        given = copy.deepcopy(case)
        with untouched(**dict(zip(inspect.signature(exercise.reference).parameters, given, strict=True))):
            result: Any = _seeded(function, given)
        if not same(result, right):
            require_none_of_the_wrong(result, exercise, case)
        exercise.form(result, right)
        if not same(result, right):
            said = exercise.otherwise
            if isinstance(said, str):
                raise Mistake(said.format(result=float(result) if _is_number(result) else result, right=right))
            raise Mistake(said(result, right, *case))
    if exercise.extra is not None:
        exercise.extra(function)


def as_the_reference(result: object, right: object) -> None:
    """Form of a result where an exercise names none: one number, or a tensor, if the reference's result is."""
    if isinstance(right, Tensor) and not _is_number(right):
        tensor_like(result, right)
    elif _is_number(right) and not _is_number(result):
        many = isinstance(result, Tensor) and result.numel() > 1
        kind = f"tensor with {result.numel()} numbers" if many else type(result).__name__  # type: ignore[attr-defined]
        raise Mistake(f"{GIVEN} is a {kind}, expected one number.")


@dataclass(frozen=True)
class Compared(Exercise):
    """An exercise whose check compares the reader's results with the reference's and the wrong answers'.

    The reader's arguments must come out of each call as they went in. Random numbers without a generator of their own
    are the same for the reader, the reference and the table.

    Attributes:
        cases: gives the arguments of each call, a tuple each; always the same.
        otherwise: the message if the result is none of the table's, with `{result}` and `{right}` for the reader's
            and the reference's; or a function of the two and the arguments, that returns it.
        form: raises `Mistake` unless a result has the form that is expected; takes the reader's result and the
            reference's. It is asked after the table, which may know better why the form is wrong.
        extra: a further check of the reader's function, after all cases, for what no comparison shows.
    """

    check: Callable[[Callable, Any], None] = compare
    cases: Callable[[], Iterable[tuple]] = field(kw_only=True)
    otherwise: str | Callable[..., str] = field(kw_only=True)
    form: Callable[[object, Any], object] = field(default=as_the_reference, kw_only=True)
    extra: Callable[[Callable], None] | None = None


def require_none_of_the_wrong(result: object, exercise: Exercise, case: tuple) -> None:
    """`result` is not what one of the exercise's wrong answers gives for the arguments `case`."""
    for wrong, message in exercise.slips:
        known = None
        with suppress(Exception):  # some wrong answers work only for some arguments
            known = result_of(wrong, case)
        if known is not None and same(result, known):
            raise Mistake(message)


def result_of(function: Callable, case: tuple) -> object:
    """The function's result for copies of the arguments; `case` itself stays as it is."""
    return _seeded(function, copy.deepcopy(case))


def _seeded(function: Callable, arguments: tuple) -> object:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return function(*arguments)


def same(a: object, b: object) -> bool:
    """Equality up to rounding, of tensors (of any precision), numbers, and containers of them; NaN equals NaN."""
    if _is_number(a) and _is_number(b):
        x, y = float(a), float(b)  # type: ignore[arg-type]
        return math.isclose(x, y, rel_tol=1e-5, abs_tol=1e-6) or (math.isnan(x) and math.isnan(y))
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        a, b = a.detach(), b.detach()
        if a.shape != b.shape or a.device != b.device or (a.dtype == torch.bool) != (b.dtype == torch.bool):
            return False
        return close(a, b) if b.is_floating_point() else torch.equal(a.to(b.dtype), b) and bool((a == b).all())
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in b)
    if isinstance(a, list | tuple) and type(a) is type(b):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and bool(a == b)


def _is_number(value: object) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1 and value.dtype != torch.bool
    return isinstance(value, Real) and not isinstance(value, bool)


def require_flow(function: Callable[..., object], case: tuple, what: str) -> None:
    """Gradients reach the first argument of a call, which a message calls `what`, through the result."""
    cut = (
        f"no gradient reaches `{what}` through your function, so nothing could be optimised through it: leave out "
        "what leaves the graph (`.detach()`, `.data`, `.item()`, numpy, `torch.no_grad()`)."
    )
    at = case[0].clone().requires_grad_()
    try:
        result = function(at, *case[1:])
    except Mistake as mistake:
        if "requires grad" in str(mistake):  # PyTorch's own advice would be to detach
            raise Mistake(cut) from mistake
        raise
    if not isinstance(result, Tensor) or not result.requires_grad:
        raise Mistake(cut)
    if torch.autograd.grad(result.sum(), at, allow_unused=True)[0] is None:
        raise Mistake(cut)


def require_finite(result: Tensor) -> None:
    """No NaN and no infinity."""
    bad = int((~torch.isfinite(result)).sum())
    if bad:
        raise Mistake(
            f"{GIVEN} has NaN or infinity in {bad} of {result.numel()} places: is something divided by 0, or the "
            "logarithm taken of 0 or less?"
        )


def close(a: Tensor, b: Tensor) -> bool:
    """Equal up to what floating point does to another order of the same steps."""
    finite = b[b.isfinite()]
    scale = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(a.to(b.dtype), b, rtol=1e-3, atol=1e-5 * scale + 1e-9, equal_nan=True)


def gradient_of(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """The gradient of a function that returns one number, by its input, of the input's shape."""
    at = at.clone().requires_grad_()
    return torch.autograd.grad(function(at), at)[0]


@contextmanager
def untouched(**arguments: object) -> Iterator[None]:
    """The named arguments come out of the block as they went in: tensors with their values and flags, weights of
    models, lists and dictionaries."""
    tensors = {name: (value, value.detach().clone()) for name, value in arguments.items() if isinstance(value, Tensor)}
    models = [(value, _weights(value)) for value in arguments.values() if isinstance(value, nn.Module)]
    others = {name: (value, copy.copy(value)) for name, value in arguments.items() if isinstance(value, list | dict)}
    yield
    for model, weights in models:
        for name, weight in _weights(model).items():
            if not torch.equal(weight, weights[name]):
                raise Mistake(f"your function changes the weights ({name}): the images move here, never the model.")
    for name, (tensor, before) in tensors.items():
        if tensor.requires_grad:
            tensor.requires_grad_(False)
            raise Mistake(
                f"your function switches `requires_grad` on for the caller's `{name}`: "
                f"work on a copy, `{name}.clone().requires_grad_()`."
            )
        if not torch.equal(tensor.detach(), before):
            raise Mistake(
                f"your function changes `{name}` in place, and the caller's tensor with it: compute a new "
                "one (`a = a - b` instead of `a -= b`, `clamp` instead of `clamp_`), or `clone()` first."
            )
    for name, (value, copied) in others.items():
        if value != copied:
            kind = type(value).__name__.replace("dict", "dictionary")
            raise Mistake(f"your function changes the {kind} `{name}` that it was given: work on one of your own.")


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def a_small_case() -> tuple[Classifier, Tensor, Tensor]:
    """An untrained classifier of 8 × 8 pixels, four images (4, 3, 8, 8), their targets (4,); always the same.

    The logits are curved, so that the gradient changes along the way. The images have black and white pixels.
    The targets are never what the classifier says already, and differ from sample to sample.
    """
    net = nn.Sequential(
        OrderedDict(flatten=nn.Flatten(), hidden=nn.Linear(3 * 8 * 8, 24), bend=nn.Tanh(), logits=nn.Linear(24, 3))
    )
    classifier, images = _drawn(net, {"hidden.weight": 0.25, "logits.weight": 0.3}, (8, 8))
    with torch.no_grad():
        targets = (classifier(images).argmax(dim=1) + torch.tensor([1, 2, 1, 2])) % 3
    return classifier, images, targets


def a_case_with_maps() -> tuple[Classifier, Tensor]:
    """An untrained convolutional classifier of 8 × 6 pixels, and four images (4, 3, 8, 6); always the same.

    Its layer "late" gives maps (batch, 6, 8, 6), at least 0. Channel 2 answers to every image, channel `DEAD` to none.
    The images have black and white pixels.
    """
    net = nn.Sequential(
        OrderedDict(
            first=nn.Conv2d(3, 5, 3, padding=1),
            bend=nn.Tanh(),
            second=nn.Conv2d(5, 6, 3, padding=1),
            late=nn.ReLU(),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            logits=nn.Linear(6, 3),
        )
    )
    classifier, images = _drawn(net, {}, (8, 6))
    net.second.bias.data[DEAD] = -100.0  # type: ignore[operator, union-attr]
    return classifier, images


def _drawn(net: nn.Module, spreads: Mapping[str, float], size: tuple[int, int]) -> tuple[Classifier, Tensor]:
    """A classifier with random weights, of standard deviation 0.5 or their own, and four images."""
    generator = torch.Generator().manual_seed(0)
    for name, weight in net.named_parameters():
        weight.data.normal_(0, spreads.get(name, 0.5), generator=generator)
    classifier = Classifier(net, classes=("goldfish", "volcano", "waffle"), size=size, name="a small case")
    return classifier, (1.4 * torch.rand(4, 3, *size, generator=generator) - 0.2).clamp(0, 1)


def a_small_reader() -> tuple[nn.Sequential, Tensor, int]:
    """An untrained reader, embeddings of four prompts (4, 3, 6), and a target token; always the same.

    The reader takes embeddings (batch, 3, 6) and gives logits of 9 tokens; it is curved, and not alike at all places.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        places, last = nn.Linear(LENGTH * WIDTH, 16), nn.Linear(16, TOKENS)
    reader = nn.Sequential(OrderedDict(flatten=nn.Flatten(), places=places, bend=nn.Tanh(), last=last))
    for weight in reader.parameters():
        weight.data.normal_(0, 0.5, generator=generator)
    return reader, torch.randn(4, LENGTH, WIDTH, generator=generator), 4
