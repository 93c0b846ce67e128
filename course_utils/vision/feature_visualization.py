"""Feature visualisation: the image that a channel, layer or class answers to most.

A trained network is differentiable in its input. Start from noise, climb the activation, and look at what comes out.
Without more it is noise again, fine and strong; `visualize` therefore paints with waves in decorrelated colours and
asks for an image that survives small moves, turns and scalings (Olah et al. 2017). Every piece can be taken away.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.activations import Outputs, record
from course_utils.canvas import Canvas, FourierCanvas, PixelCanvas
from course_utils.loop import optimize
from course_utils.models.classifier import Classifier
from course_utils.objectives import Objective, parse, side_by_side
from course_utils.priors import Prior, high_frequency
from course_utils.transforms import Transform, merged, standard
from course_utils.utils import progress_bar
from course_utils.validation import ZeroGradientError, as_found, check_settings
from course_utils.vision.layer_table import numbers_a_image

MEMORY = 2**29  # bytes that the activations of the images at work may take
STANDARD_PRIORS = (300 * high_frequency,)  # chosen on a few channels and classes of `pocket-robust`
AT_ONCE = 64  # more images in a batch make no step cheaper on a processor


@torch.inference_mode(False)
def visualize(
    classifier: Classifier,
    objective: Wanted | Sequence[Wanted],
    *,
    canvas: str | Canvas = "fourier",
    priors: Sequence[Prior] | str = "standard",
    transforms: Sequence[Transform] | str = "standard",
    steps: int = 200,
    learning_rate: float = 0.05,
    copies: int = 1,
    size: int | tuple[int, int] | None = None,
    seed: int = 0,
    frames: int | Sequence[int] = 0,
    batch_size: int | None = None,
    on_step: Callable[[int, Tensor, Outputs, Tensor], object] | None = None,
    progress: bool | None = None,
) -> Visualization:
    """Images that make channels, layers or classes of a classifier answer as strongly as possible.

    Args:
        classifier: what is looked into; used in eval mode and left as found.
        objective: `"layer3:12"` (a channel), `"layer3"` (a layer), `"logits:volcano"` (a class), an objective, or a
            list of them: one image for each, side by side in one batch.
        canvas: `"fourier"`, `"pixel"`, or a canvas that you made (with one image for each objective and copy).
        priors: penalties that are subtracted from the score, such as `[20 * total_variation]`; `"standard"` is
            `300 * high_frequency`, `()` is none.
        transforms: what the image must survive; `"standard"` is jitter, rotation and scaling, `()` is nothing.
        steps: gradient steps, at least 1.
        learning_rate: of Adam; in units of the canvas's numbers.
        copies: images for each objective, each from noise of its own; `Diversity(layer, group=copies)` added to the
            objective drives them apart.
        size: height and width of the images; the classifier's own if None. Most nets refuse others.
        seed: of the noise and of the transforms' draws; image i does not depend on what stands beside it.
        frames: how many images on the way to keep, for a scrubber; or a list of the steps before which.
        batch_size: images in a chunk of a list of objectives; if None, as many as have their activations in half a
            gibibyte, at most 64.
        on_step: called as on_step(step, x, outputs, score) before each step, for each chunk.
        progress: True shows a bar, False none, None one for work of over a second.

    Returns:
        The best images of a clean evaluation (without transforms), with the activation that they reach; after Ctrl-C
        the best so far. A channel that no start wakes (dead ReLUs) is warned about, and listed in `.dead`.

    Raises:
        ValueError: an unknown layer or class (offers close names), a channel out of range, settings out of range, a
            size that the classifier refuses, another number of images than the canvas has.
        TypeError: a layer that gives no tensor, or something that is no objective.
        FloatingPointError: a score or gradient that is not finite (says at which step).

    Source: Olah et al. 2017; lucid's `optvis`. Different here: every image of a batch draws its own transforms, and
    the best image is kept, not the last.
    """
    counts = {"steps": steps, "copies": copies} | ({} if batch_size is None else {"batch_size": batch_size})
    check_settings(**counts)
    model = classifier if size is None else classifier.at_size(size)
    moves = merged(given_or(transforms, standard(model.size), "transforms"))
    penalties = given_or(priors, STANDARD_PRIORS, "priors")
    wanted = Wishes(objective, copies, images=len(canvas) if isinstance(canvas, Canvas) else None)
    wanted.check(model)
    film, cut = Film(frames, steps), False
    parts: list[tuple[Climb, list[int]]] = []
    chunks = wanted.chunks(batch_size or images_at_once(model), together=isinstance(canvas, Canvas))
    for rows in progress_bar(chunks, "visualising", progress=progress if len(chunks) > 1 else False):
        aim = wanted.of(rows)
        start, dead = awake(model, canvas, aim, rows, seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the gradient is zero at step 0")  # `warn_of_dead` says so
            try:
                part = climb(
                    model, start, aim, priors=penalties, transforms=moves, steps=steps, seed=seed, indices=rows,
                    optimizer=partial(torch.optim.Adam, lr=learning_rate, fused=True), on_step=film.and_(on_step),
                    progress=False if len(chunks) > 1 else progress,
                )  # fmt: skip
            except KeyboardInterrupt:  # before this chunk had anything to show
                if not parts:
                    raise
                cut = True
                break
        dead = stayed_dead(model, start, aim, dead)
        parts.append((part, [rows[i] for i in dead]))
        if cut := part.interrupted:
            break
        film.finish(part.images)
    warn_of_dead([row for _, dead in parts for row in dead], given=isinstance(canvas, Canvas))
    images = torch.cat([part.images for part, _ in parts])
    shown, shown_before = film.frames(len(images))
    return Visualization(
        images=images,
        activation=torch.cat([part.activation for part, _ in parts]),
        objectives=wanted.names[: len(images)],
        dead=[row for _, dead in parts for row in dead],
        frames=shown,
        frame_steps=shown_before,
        interrupted=cut,
    )


def render_vis(
    model: Classifier,
    objective_f: Wanted,
    *,
    transforms: Sequence[Transform] | None = None,
    thresholds: Sequence[int] = (200,),
    **options,
) -> list[np.ndarray]:
    """`visualize` under the name and with the results that readers of lucid and lucent know.

    Args:
        objective_f: as `visualize`'s objective.
        transforms: None is the standard set, `[]` none.
        thresholds: steps at which an image is wanted, rising; the last is where it ends.
        options: as of `visualize`.

    Returns:
        One array (batch, height, width, channels) in [0, 1] for each threshold.
    """
    moves = "standard" if transforms is None else transforms
    *before, last = thresholds
    result = visualize(model, objective_f, transforms=moves, steps=last, frames=before, **options)
    return [images.permute(0, 2, 3, 1).cpu().numpy() for images in [*result.frames, result.images]]


def given_or(given: Sequence | str, default: Sequence, name: str) -> Sequence:
    """What was given, or the default for "standard"; ValueError for another string."""
    if not isinstance(given, str | list | tuple):
        raise TypeError(f"{name} is {given!r}, expected a list: {name}=[…].")
    if isinstance(given, str) and given != "standard":
        raise ValueError(f"{name}={given!r} given, expected 'standard' or a list of {name}.")
    return default if isinstance(given, str) else given


def images_at_once(classifier: Classifier) -> int:
    """How many images have their activations, and the gradients of these, in `MEMORY`; at least 1, at most 64."""
    bytes_a_image = 2 * numbers_a_image(classifier) * torch.finfo(classifier.dtype).bits // 8
    return max(1, min(AT_ONCE, MEMORY // max(1, bytes_a_image)))


OnStep = Callable[[int, Tensor, Outputs, Tensor], object]


@dataclass(frozen=True, eq=False, repr=False)
class Visualization:
    """Images, and how strongly what they were made for answers to them; one row an image.

    Attributes:
        images: in [0, 1].
        activation: of each image's objective, without transforms and without penalties.
        objectives: what each image was made for, in words.
        dead: numbers of the images whose units no start woke: they say nothing about them.
        frames: images on the way, (frames, batch, channels, height, width); empty unless asked for.
        frame_steps: the steps before which the frames were taken.
        interrupted: whether Ctrl-C or the notebook's stop button cut it short.
    """

    images: Float[Tensor, "batch channels height width"]
    activation: Float[Tensor, "batch"]
    objectives: list[str]
    dead: list[int]
    frames: Tensor
    frame_steps: list[int]
    interrupted: bool

    def plot(self, *, columns: int | None = None, titles: Sequence[str] | None = None) -> Any:
        """A contact sheet, each image under what it was made for and the activation that it reaches."""
        from course_utils.figures.images import show_images  # here, because it imports matplotlib

        if titles is None:
            titles = [f"{n} ({a:.3g})" for n, a in zip(self.objectives, self.activation.tolist(), strict=True)]
        named = ", ".join(dict.fromkeys(self.objectives[:12])) + (" and more" if len(self) > 12 else "")
        return show_images(self.images, titles, columns=columns, alt=f"What answers most to {named}.")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        low, high = (value.item() for value in self.activation.aminmax())
        dead = f", {len(self.dead)} dead" if self.dead else ""
        cut = "; interrupted" if self.interrupted else ""
        images = f"{len(self)} image{'s' * (len(self) != 1)}"
        return f"Visualization of {images}, activation {low:.3g} to {high:.3g}{dead}{cut}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"


class Film:
    """Keeps images at some steps of a run, chunk by chunk.

    Args:
        frames: how many, spread evenly from the start to the end; or the steps before which.
        steps: of the run.

    Raises:
        ValueError: fewer than 0 frames, or a step outside the run.
    """

    def __init__(self, frames: int | Sequence[int], steps: int) -> None:
        if isinstance(frames, int):
            if frames < 0:
                raise ValueError(f"frames={frames} given, expected at least 0.")
            frames = torch.linspace(0, steps, frames).round().int().unique().tolist() if frames else []
        if any(not 0 <= step <= steps for step in frames):
            raise ValueError(f"frames before steps {list(frames)} asked for, but the run has steps 0 to {steps}.")
        self._taken: dict[int, list[Tensor]] = {step: [] for step in frames}
        self._chunks = 0

    def and_(self, on_step: OnStep | None) -> OnStep:
        """A function for `optimize` that keeps the frames, and calls the reader's own."""

        also = on_step or (lambda *_: None)

        def both(step: int, x: Tensor, outputs: Outputs, score: Tensor) -> None:
            if step in self._taken:
                self._taken[step].append(x.detach().cpu().clone())
            also(step, x, outputs, score)

        return both

    def finish(self, images: Tensor) -> None:
        """A chunk is done; at the steps that it never took, because none of its images could move, it stood still."""
        self._chunks += 1
        for chunks in self._taken.values():
            if len(chunks) < self._chunks:
                chunks.append(images.detach().cpu().clone())

    def frames(self, images: int) -> tuple[Tensor, list[int]]:
        """(frames, images, channels, height, width), and their steps; of an interrupted run those that all have."""
        taken = {step: torch.cat(chunks) for step, chunks in self._taken.items() if chunks}
        whole = {step: frame for step, frame in taken.items() if len(frame) == images}
        return torch.stack(list(whole.values())) if whole else torch.empty(0), list(whole)


Wanted = str | Objective
TRIES = 6  # starts for a channel that is off at the first one, each with twice the contrast
CANVASES: dict[str, type[PixelCanvas] | type[FourierCanvas]] = {"pixel": PixelCanvas, "fourier": FourierCanvas}


class Wishes:
    """An objective for each image: one for `copies` images together, or a list of them, `copies` images each.

    Where the number of images is given, because their canvas is, so is that of copies.

    Raises:
        TypeError: something that is no objective.
        ValueError: no objective, a string that names none, or a number of images that does not go with it.
    """

    def __init__(self, objective: Wanted | Sequence[Wanted], copies: int, *, images: int | None = None) -> None:
        given: list = list(objective) if isinstance(objective, list | tuple) else [objective]
        if not given:
            raise ValueError("no objective given; expected 'layer3:12', 'logits:volcano' or a list of such.")
        if images is not None:
            each, over = divmod(images, len(given))
            if over or copies not in (1, each):
                expected = f"{len(given)} objective{'s' * (len(given) != 1)}, copies={copies}"
                raise ValueError(f"the canvas has {images} images for {expected}: expected one for each.")
            copies = each
        listed = [as_objective(each) for each in given]
        self.whole = None if isinstance(objective, list | tuple) else listed[0]
        self.objectives = [each for each in listed for _ in range(copies)]
        self.names = [each if isinstance(each, str) else repr(each) for each in given for _ in range(copies)]

    def of(self, rows: Sequence[int]) -> Objective:
        """One objective for the batch of these images."""
        return self.whole or side_by_side([self.objectives[row] for row in rows])

    def chunks(self, most: int, *, together: bool) -> list[list[int]]:
        """The images' numbers, `most` at a time; all at once where one objective may compare them."""
        rows = list(range(len(self.objectives)))
        at_once = len(rows) if self.whole or together else most
        return [rows[first : first + at_once] for first in range(0, len(rows), at_once)]

    @torch.no_grad()
    def check(self, classifier: Classifier) -> None:
        """Ask all objectives about a grey image each, before any work.

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
                raise ValueError(f"{classifier.name} refuses images of {height}x{width} pixels ({reason}).") from None
            if self.whole is None:  # one that compares images cannot be asked about a single one
                for each in dict.fromkeys(self.objectives):
                    each(outputs)


@dataclass(frozen=True)
class Climb:
    """Images, the activation that they reach without transforms, and whether the way was cut short."""

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
    """What an objective says of images, in evaluation mode."""
    with as_found(classifier):
        return objective(record(classifier, objective.layers)(images))


def awake(
    classifier: Classifier, canvas: str | Canvas, objective: Objective, rows: Sequence[int], seed: int
) -> tuple[Canvas, list[int]]:
    """A canvas to start from: where an image has no gradient, redrawn with more and more contrast.

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
    """Says which images mean nothing, if there are any."""
    if not rows:
        return
    tried = "the given canvas does not wake" if given else f"no start of {TRIES} wakes"
    warnings.warn(
        f"{tried} the units of images {list(rows)}: they are off (dead ReLUs) and pass no gradient; these images "
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
