"""What is to be visualised, made ready: objectives for each picture, starts that are not dead, one climb."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.activations import record
from course_utils.canvas import Canvas, FourierCanvas, PixelCanvas
from course_utils.guards import ZeroGradientError, as_found
from course_utils.loop import optimize
from course_utils.models.classifier import Classifier
from course_utils.objectives import Objective, parse, side_by_side

Wanted = str | Objective
TRIES = 6  # starts for a channel that is off at the first one, each with twice the contrast
CANVASES: dict[str, type[PixelCanvas] | type[FourierCanvas]] = {"pixel": PixelCanvas, "fourier": FourierCanvas}


class Wishes:
    """An objective for each picture: one for `copies` pictures together, or a list of them, `copies` pictures each.

    Where the number of pictures is given, because their canvas is, so is that of copies.

    Raises:
        TypeError: something that is no objective.
        ValueError: no objective, a string that names none, or a number of pictures that does not go with it.
    """

    def __init__(self, objective: Wanted | Sequence[Wanted], copies: int, *, pictures: int | None = None) -> None:
        given: list = list(objective) if isinstance(objective, list | tuple) else [objective]
        if not given:
            raise ValueError("no objective given; expected 'layer3:12', 'logits:volcano' or a list of such.")
        if pictures is not None:
            each, over = divmod(pictures, len(given))
            if over or copies not in (1, each):
                expected = f"{len(given)} objective{'s' * (len(given) != 1)}, copies={copies}"
                raise ValueError(f"the canvas has {pictures} pictures for {expected}: expected one for each.")
            copies = each
        listed = [as_objective(each) for each in given]
        self.whole = None if isinstance(objective, list | tuple) else listed[0]
        self.objectives = [each for each in listed for _ in range(copies)]
        self.names = [each if isinstance(each, str) else repr(each) for each in given for _ in range(copies)]

    def of(self, rows: Sequence[int]) -> Objective:
        """One objective for the batch of these pictures."""
        return self.whole or side_by_side([self.objectives[row] for row in rows])

    def chunks(self, most: int, *, together: bool) -> list[list[int]]:
        """The pictures' numbers, `most` at a time; all at once where one objective may compare them."""
        rows = list(range(len(self.objectives)))
        at_once = len(rows) if self.whole or together else most
        return [rows[first : first + at_once] for first in range(0, len(rows), at_once)]

    @torch.no_grad()
    def check(self, classifier: Classifier) -> None:
        """Ask all objectives about a grey picture each, before any work.

        Raises:
            ValueError, TypeError: as `visualize`.
        """
        names = {name for each in self.objectives for name in each.layers}
        forward = record(classifier, names)
        with as_found(classifier):
            try:
                grey = torch.full((1, classifier.channels, *classifier.size), 0.5)
                outputs = forward(grey.to(classifier.device, classifier.dtype))
            except (RuntimeError, AssertionError) as error:  # transformers assert that the size is theirs
                if "was not reached" in str(error):
                    raise
                height, width = classifier.size
                reason = str(error).partition("\n")[0]
                raise ValueError(f"{classifier.name} refuses pictures of {height}x{width} pixels ({reason}).") from None
            if self.whole is None:  # one that compares pictures cannot be asked about a single one
                for each in dict.fromkeys(self.objectives):
                    each(outputs)


@dataclass(frozen=True)
class Climb:
    """Pictures, the activation that they reach without transforms, and whether the way was cut short."""

    images: Float[Tensor, "batch channels height width"]
    activation: Float[Tensor, "batch"]
    interrupted: bool


def climb(classifier: Classifier, canvas: Canvas, objective: Objective, **options) -> Climb:
    """`optimize`, and what the objective alone says of the result; where no sample can move, the start itself."""
    try:
        result = optimize(classifier, canvas, objective, **options)
        images, interrupted = result.x, result.interrupted
    except ZeroGradientError:
        images, interrupted = canvas.render().detach(), False
    return Climb(images, measure(classifier, objective, images), interrupted)


@torch.no_grad()
def measure(classifier: Classifier, objective: Objective, images: Tensor) -> Float[Tensor, "batch"]:
    """What an objective says of pictures, in evaluation mode."""
    with as_found(classifier):
        return objective(record(classifier, objective.layers)(images))


def awake(
    classifier: Classifier, canvas: str | Canvas, objective: Objective, rows: Sequence[int], seed: int
) -> tuple[Canvas, list[int]]:
    """A canvas to start from: where a picture has no gradient, redrawn with more and more contrast.

    A ReLU that is off passes no gradient, so a channel that the first noise leaves off would never wake. A given
    canvas stays as it is.

    Returns:
        The canvas, and the positions for which no start was found.

    Raises:
        ValueError: an unknown kind of canvas.
    """
    start = canvas if isinstance(canvas, Canvas) else _drawn(classifier, canvas, rows, seed, 0)
    asleep = _without_gradient(classifier, start, objective)
    for attempt in range(1, TRIES):
        if isinstance(canvas, Canvas) or not asleep.any():
            break
        other = _drawn(classifier, canvas, rows, seed, attempt)
        with torch.no_grad():
            for parameter, redrawn in zip(start.parameters(), other.parameters(), strict=True):
                parameter[asleep] = redrawn[asleep]
        asleep &= _without_gradient(classifier, start, objective)
    return start, asleep.nonzero().flatten().tolist()


def stayed_dead(classifier: Classifier, canvas: Canvas, objective: Objective, dead: list[int]) -> list[int]:
    """Those of the positions that pass no gradient after the climb either: a transform may have woken some."""
    if not dead:
        return []
    asleep = _without_gradient(classifier, canvas, objective)
    return [i for i in dead if asleep[i]]


def warn_of_dead(rows: Sequence[int], *, given: bool) -> None:
    """Says which pictures mean nothing, if there are any."""
    if not rows:
        return
    tried = "the given canvas does not wake" if given else f"no start of {TRIES} wakes"
    warnings.warn(
        f"{tried} the units of pictures {list(rows)}: they are off (dead ReLUs) and pass no gradient; these pictures "
        "say nothing about them.",
        RuntimeWarning,
        stacklevel=3,
    )


def _drawn(classifier: Classifier, canvas: str, rows: Sequence[int], seed: int, attempt: int) -> Canvas:
    if canvas not in CANVASES:
        raise ValueError(f"canvas={canvas!r} given, expected 'fourier', 'pixel' or a canvas.")
    kind = CANVASES[canvas]
    options: dict = {"channels": classifier.channels, "indices": rows}
    if kind is FourierCanvas and classifier.colours is not None:
        options["colours"] = classifier.colours
    contrast = 2**attempt * kind.CONTRAST
    made = kind(len(rows), classifier.size, seed=seed + attempt, contrast=contrast, **options)
    return made.to(classifier.device, classifier.dtype)


def _without_gradient(classifier: Classifier, canvas: Canvas, objective: Objective) -> Tensor:
    with as_found(classifier), torch.enable_grad():
        score = objective(record(classifier, objective.layers)(canvas.render()))
        if not score.requires_grad:  # the loop says what is wrong
            return torch.zeros(len(canvas), dtype=torch.bool)
        gradients = torch.autograd.grad(score.sum(), list(canvas.parameters()), allow_unused=True)
    largest = [each.abs().flatten(1).amax(1) for each in gradients if each is not None]
    return torch.stack(largest).amax(0) == 0 if largest else torch.zeros(len(canvas), dtype=torch.bool)


def as_objective(wanted: object) -> Objective:
    """An objective from a string or from itself; TypeError for anything else."""
    if isinstance(wanted, str):
        return parse(wanted)
    if isinstance(wanted, Objective):
        return wanted
    raise TypeError(f"an objective is 'layer3:12', 'logits:volcano' or an Objective, not {type(wanted).__name__}.")
