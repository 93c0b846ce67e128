"""What the check of chapter 7's definition looks at."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.learning.exercises import Mistake
from course_utils.learning.properties import inputs_untouched

PICTURES, NATURAL, LAYERS, CLASSES = 300, 45, 3, 3  # so many that no two mistakes give the same answers


def check_by_definition(function: Callable, reference: Callable) -> None:
    """Every layer, every natural image of the class and no others, strictly closer."""
    pictures, natural, labels, targets = case = a_case()
    with inputs_untouched(pictures=pictures, natural=natural, labels=labels, targets=targets):
        result = function(*case)
    _require_booleans(result)
    expected = reference(*case)
    if torch.equal(result, expected):
        return
    for wrong, message in _mistakes(*case):
        if torch.equal(result, wrong):
            raise Mistake(message)
    different = int((result != expected).nonzero()[0])
    raise Mistake(
        f"picture {different} of class {int(targets[different])} should be {bool(expected[different])}, yours says "
        f"{bool(result[different])}: compare it, layer by layer, with the closest natural image of its class."
    )


def a_case() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Closeness of pictures and of natural images, (…, layers), and their classes; some pictures tie with the best."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.arange(NATURAL) % CLASSES
    targets = torch.arange(PICTURES) % CLASSES
    level = torch.tensor([0.2, 0.4, 0.6])  # images of some classes are closer to their mean than those of others
    natural = level[labels][:, None] + 0.2 * torch.rand(NATURAL, LAYERS, generator=generator).square()
    pictures = level[targets][:, None] - 0.02 + 0.27 * torch.rand(PICTURES, LAYERS, generator=generator)
    pictures[:6] = torch.stack([natural[labels == t].amax(0) for t in targets[:6]])  # as close, not closer
    pictures[3:6] += 0.01
    return pictures, natural, labels, targets


def _require_booleans(result: object) -> None:
    if isinstance(result, bool) or (isinstance(result, Tensor) and result.ndim == 0):
        raise Mistake(f"your function gives one answer for all pictures, expected {PICTURES}, one for each.")
    if not isinstance(result, Tensor):
        raise Mistake(f"your function's result is a {type(result).__name__}, expected a tensor ({PICTURES},).")
    if result.shape == (PICTURES, LAYERS):
        raise Mistake("there is an answer for each layer: a prototype is closer at *every* layer, `.all(1)`.")
    if result.shape != (PICTURES,):
        raise Mistake(f"your function's result has the shape {tuple(result.shape)}, expected ({PICTURES},).")
    if result.dtype != torch.bool:
        raise Mistake(f"your function's result is of {result.dtype}, expected booleans: compare with `>`.")


def _mistakes(pictures: Tensor, natural: Tensor, labels: Tensor, targets: Tensor) -> list[tuple[Tensor, str]]:
    own = [natural[labels == target] for target in targets]
    most, least, mean, median = (
        torch.stack(values)
        for values in (
            [each.amax(0) for each in own],
            [each.amin(0) for each in own],
            [each.mean(0) for each in own],
            [each.median(0).values for each in own],
        )
    )
    spread = torch.stack([torch.quantile(each, 0.95, dim=0) for each in own])
    strictly = "a picture that is exactly as close as the closest natural image is not closer: `>`, not `>=`."
    return [
        ((pictures > most).any(1), "one layer is enough for yours: it must be closer at *every* layer, `.all()`."),
        ((pictures >= most).all(1), strictly),
        ((pictures > natural.amax(0)).all(1), "yours compares with natural images of all classes: only its own count."),
        (
            (pictures > least).all(1),
            "yours asks for closer than *one* natural image: it must beat them all, `.amax(0)`.",
        ),
        ((pictures > mean).all(1), "yours compares with the average natural image: it must beat the closest one."),
        ((pictures > median).all(1), "yours compares with the median natural image: it must beat the closest one."),
        ((pictures > spread).all(1), "this is the definition at 95 %: literally it must beat *all* natural images."),
        (pictures.mean(1) > most.mean(1), "yours averages over layers: one close layer must not make up for another."),
        ((pictures < most).all(1), "the comparison is the wrong way round: larger correlations are closer."),
        (~(pictures > most).all(1), "the answers are reversed."),
    ]
