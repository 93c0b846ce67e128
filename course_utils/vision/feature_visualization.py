"""Feature visualisation: the image that a channel, layer or class answers to most.

A trained network is differentiable in its input. Start from noise, climb the activation, and look at what comes out.
Without more it is noise again, fine and strong; `visualize` therefore paints with waves in decorrelated colours and
asks for an image that survives small moves, turns and scalings (Olah et al. 2017). Every piece can be taken away.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_utils.activations import Outputs, record
from course_utils.canvas import Canvas, FourierCanvas, NaturalCanvas, PhaseCanvas, PixelCanvas
from course_utils.figures.images import show_images
from course_utils.figures.style import Drawn
from course_utils.loop import AnnealedAdam, OnStep, optimize
from course_utils.models.classifier import Classifier
from course_utils.objectives import Objective, batch_objectives, parse
from course_utils.priors import Prior, high_frequency
from course_utils.transforms import Transform, merged, standard, standard_crops
from course_utils.utils import image_count, run_chunks
from course_utils.validation import ZeroGradientError, as_found, check_settings, full_precision, gradient_scale
from course_utils.vision.layer_table import outputs_of

MOST_AT_ONCE = 64  # more images in a batch make no step cheaper on a processor
STANDARD_PRIORS = (300 * high_frequency,)  # chosen on a few channels and classes of `pocket-robust`
STARTS = 6  # starts for a channel that is off at the first one; where contrast is free, each with twice as much
CANVASES = dict(pixel=PixelCanvas, fourier=FourierCanvas, natural=NaturalCanvas, phase=PhaseCanvas)
HELD = (NaturalCanvas, PhaseCanvas)  # their contrast is held

ObjectiveLike = str | Objective


@torch.inference_mode(False)
def visualize(
    classifier: Classifier,
    objective: ObjectiveLike | Sequence[ObjectiveLike],
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
    on_step: OnStep | None = None,
    progress: bool | None = None,
) -> Visualization:
    """Images that make channels, layers or classes of a classifier answer as strongly as possible.

    Args:
        classifier: what is looked into; used in eval mode and left as found.
        objective: `"layer3:12"` (a channel), `"layer3"` (a layer), `"logits:volcano"` (a class), an objective, or a
            list of them: one image for each, side by side in one batch.
        canvas: `"fourier"`, `"pixel"`, `"natural"` (contrast and spectrum held, for classes of large images; the fine
            patterns of early channels need free ones), `"phase"` (every magnitude held), or a canvas that you made
            (an image for each objective and copy).
        priors: penalties that are subtracted from the score, such as `[20 * total_variation]`; `()` is none. What is
            `"standard"` depends on the canvas: none on those that hold contrast, else `300 * high_frequency`.
        transforms: what the image must survive; `()` is nothing. `"standard"` is random crops and mirroring on canvases
            that hold contrast, else jitter, rotation and scaling.
        steps: gradient steps, at least 1.
        learning_rate: of Adam, in units of the canvas's numbers; on canvases that hold contrast it falls in the end.
        copies: images for each objective, each from noise of its own; `Diversity(layer, group=copies)` added to the
            objective drives them apart.
        size: height and width of the images; the classifier's own if None. Most nets refuse others.
        seed: of the noise and of the transforms' draws; image i does not depend on what stands beside it.
        frames: how many images on the way to keep, for a scrubber; or a list of the steps before which.
        batch_size: images in a chunk of a list of objectives; if None, as many as have their activations in
            memory, on a processor at most 64.
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
    check_settings(steps=steps, copies=copies, batch_size=batch_size, learning_rate=learning_rate)
    model = classifier if size is None else classifier.at_size(size)
    own = canvas if isinstance(canvas, Canvas) else None
    wanted = ObjectiveBatch(objective, copies, images=None if own is None else len(own))
    wanted.check(model)
    settings = image_settings(model, canvas, priors, transforms, learning_rate, steps, seed)
    shown = frame_steps(frames, steps)
    dead: list[int] = []

    def work(rows: list[int], progress: bool | None) -> ImageChunk:
        aim = wanted.of(rows)
        start, off = initial_canvas(model, canvas, aim, rows, seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the gradient is zero at step 0")  # the warning below says so
            try:
                run = settings | {"indices": rows, "progress": progress}
                part = optimize_images(model, start, aim, frames=shown, on_step=[on_step], **run)
            except ZeroGradientError:
                images = start.render().detach()
                part = ImageChunk(images, dict.fromkeys(shown, images.cpu()), interrupted=False)
        if off.any():  # a transform may have woken some
            off &= without_gradient(model, start, aim)
            dead.extend(rows[i] for i in off.nonzero().flatten().tolist())
        return part

    chunks = wanted.chunks(batch_size or images_at_once(model), together=own is not None)
    parts, interrupted = run_chunks(work, chunks, "visualising", progress=progress)
    if dead:
        tried = f"no start of {STARTS} wakes" if own is None else "the given canvas does not wake"
        small = ", or float16 rounds their gradients to zero (try model.to(torch.bfloat16))"
        why = f"dead ReLUs{small if gradient_scale(model) > 1 else ''}"
        warnings.warn(
            f"{tried} the units of images {dead}: they are off ({why}) and pass no gradient; these images say "
            "nothing about them.",
            RuntimeWarning,
            stacklevel=2,
        )
    done = list(zip(chunks, parts, strict=False))  # fewer parts than chunks after an interrupt
    images = torch.cat([part.images for part in parts])
    activation = torch.cat([measure(model, wanted.of(rows), part.images) for rows, part in done])
    return Visualization(images, activation, wanted.names[: len(images)], dead, *join_frames(parts), interrupted)


def render_vis(
    model: Classifier,
    objective_f: ObjectiveLike,
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


@dataclass(frozen=True, eq=False, repr=False)
class Visualization(Drawn):
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
        if titles is None:
            titles = [f"{n} ({a:.3g})" for n, a in zip(self.objectives, self.activation.tolist(), strict=True)]
        named = ", ".join(dict.fromkeys(self.objectives[:12])) + (" and more" if len(self) > 12 else "")
        return show_images(self.images, titles, columns=columns, alt=f"What answers most to {named}.")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        low, high = (value.item() for value in self.activation.aminmax())
        dead = f", {len(self.dead)} dead" if self.dead else ""
        cut = "; interrupted" * self.interrupted
        return f"Visualization of {image_count(len(self))}, activation {low:.3g} to {high:.3g}{dead}{cut}"


class ObjectiveBatch:
    """An objective for each image: one for `copies` images together, or a list of them, `copies` images each.

    Where the number of images is given, because their canvas is, so is that of copies.

    Raises:
        TypeError: something that is no objective.
        ValueError: no objective, a string that names none, or a number of images that does not go with it.
    """

    def __init__(
        self, objective: ObjectiveLike | Sequence[ObjectiveLike], copies: int, *, images: int | None = None
    ) -> None:
        given: list = list(objective) if isinstance(objective, list | tuple) else [objective]
        if not given:
            raise ValueError("no objective given; expected 'layer3:12', 'logits:volcano' or a list of such.")
        if images is not None:
            each, over = divmod(images, len(given))
            if over or copies not in (1, each):
                expected = f"{len(given)} objective{'s' * (len(given) != 1)}, copies={copies}"
                raise ValueError(f"the canvas has {images} images for {expected}: expected one for each.")
            copies = each
        listed = [parse(each) if isinstance(each, str) else each for each in given]
        if wrong := [type(each).__name__ for each in listed if not isinstance(each, Objective)]:
            raise TypeError(f"an objective is 'layer3:12', 'logits:volcano' or an Objective, not {wrong[0]}.")
        self.whole = None if isinstance(objective, list | tuple) else listed[0]
        self.objectives = [each for each in listed for _ in range(copies)]
        self.names = [each if isinstance(each, str) else repr(each) for each in given for _ in range(copies)]

    def of(self, rows: Sequence[int]) -> Objective:
        """One objective for the batch of these images."""
        return self.whole or batch_objectives([self.objectives[row] for row in rows])

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
        try:
            if min(classifier.size) < 1:
                raise RuntimeError("expected at least 1 pixel a side")
            names = {name for each in self.objectives for name in each.layers}
            outputs = outputs_of(classifier, classifier.grey_image, names)
        except (RuntimeError, AssertionError) as error:  # transformers assert that the size is theirs
            if "was not reached" in str(error):
                raise
            height, width = classifier.size
            reason = str(error).partition("\n")[0]
            raise ValueError(f"{classifier.name} refuses images of {height}x{width} pixels ({reason}).") from None
        if self.whole is None:  # one that compares images cannot be asked about a single one
            for each in dict.fromkeys(self.objectives):
                each(outputs)


def measure(classifier: Classifier, objective: Objective, images: Tensor) -> Float[Tensor, "batch"]:
    """The score that an objective gives to images, in evaluation mode and without transforms."""
    outputs = outputs_of(classifier, images, objective.layers)
    with full_precision():
        return objective(outputs)


def images_at_once(classifier: Classifier) -> int:
    """How many images are optimised together: as many as fit into memory, on a processor at most 64."""
    return classifier.default_batch_size(MOST_AT_ONCE, most=MOST_AT_ONCE)


def image_settings(
    classifier: Classifier, canvas: str | Canvas, priors: Sequence[Prior] | str, transforms: Sequence[Transform] | str,
    learning_rate: float, steps: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """The settings of `optimize` for images, with the standard priors and transforms where these are asked for.

    Raises:
        ValueError: a kind of canvas that there is not.
    """
    if not isinstance(canvas, Canvas) and canvas not in CANVASES:
        raise ValueError(f"canvas={canvas!r} given, expected {', '.join(map(repr, CANVASES))} or a canvas.")
    held = isinstance(canvas, HELD) or canvas in ("natural", "phase")
    moves = standard_crops() if held else standard(classifier.size)
    adam: Any = partial(AnnealedAdam, lr=learning_rate, steps=steps)
    return {
        "priors": given_or(priors, () if held else STANDARD_PRIORS, "priors"),
        "transforms": merged(given_or(transforms, moves, "transforms")),
        "optimizer": adam if held else partial(torch.optim.Adam, lr=learning_rate, fused=True),
        "steps": steps,
        "seed": seed,
    }


def given_or(given: Sequence | str, default: Sequence, name: str) -> Sequence:
    """A list that was given, or the default for "standard"; ValueError for another string."""
    if not isinstance(given, str | list | tuple):
        raise TypeError(f"{name} is {given!r}, expected a list: {name}=[…].")
    if isinstance(given, str) and given != "standard":
        raise ValueError(f"{name}={given!r} given, expected 'standard' or a list of {name}.")
    return default if isinstance(given, str) else given


def initial_canvas(
    classifier: Classifier, canvas: str | Canvas, objective: Objective, rows: Sequence[int], seed: int
) -> tuple[Canvas, Bool[Tensor, "batch"]]:
    """A canvas to start from: where an image has no gradient, it is drawn anew, with more contrast where that is free.

    A ReLU that is off passes no gradient, so a channel that the first noise leaves off would never wake. A given
    canvas stays as it is.

    Returns:
        The canvas, and for which images no start with a gradient was found.
    """
    if isinstance(canvas, Canvas):
        return canvas, without_gradient(classifier, canvas, objective)
    start = new_canvas(classifier, canvas, rows, seed)
    off = without_gradient(classifier, start, objective)
    for attempt in range(1, STARTS):
        if not off.any():
            break
        other = new_canvas(classifier, canvas, rows, seed + attempt, 2**attempt)
        with torch.no_grad():
            for parameter, redrawn in zip(start.parameters(), other.parameters(), strict=True):
                parameter[off] = redrawn[off]
        off &= without_gradient(classifier, start, objective)
    return start, off


def new_canvas(classifier: Classifier, canvas: str, rows: Sequence[int], seed: int, contrast: float = 1) -> Canvas:
    """A canvas of noise for these images, in the classifier's colours, of so many times the usual contrast."""
    kind: Any = CANVASES[canvas]
    options: dict[str, Any] = {"channels": classifier.channels, "indices": rows}
    if not issubclass(kind, HELD):
        options["contrast"] = contrast * kind.CONTRAST
    if kind is not PixelCanvas and classifier.colours is not None:
        options["colours"] = classifier.colours
    return kind(len(rows), classifier.size, seed=seed, **options).to(classifier.device, classifier.image_dtype)


def without_gradient(classifier: Classifier, canvas: Canvas, objective: Objective) -> Bool[Tensor, "batch"]:
    """For each image whether the objective's gradient is zero in all numbers of the canvas."""
    with as_found(classifier), torch.enable_grad():
        score = objective(record(classifier, objective.layers)(canvas.render()))
        if not score.requires_grad:  # the loop says what is wrong
            return torch.zeros(len(canvas), dtype=torch.bool)
        canvas.zero_grad()
        (gradient_scale(classifier) * score.sum()).backward()  # as the loop does
    gradients = [each.grad for each in canvas.parameters()]
    canvas.zero_grad()
    largest = [each.abs().flatten(1).amax(1) for each in gradients if each is not None]
    return torch.stack(largest).amax(0) == 0 if largest else torch.zeros(len(canvas), dtype=torch.bool)


@dataclass(frozen=True)
class ImageChunk:
    """Images of one run of the loop, those on the way by their steps, and whether the run was cut short."""

    images: Float[Tensor, "batch channels height width"]
    frames: dict[int, Tensor]
    interrupted: bool


def optimize_images(
    classifier: Classifier, canvas: Canvas, objective: Objective,
    *, frames: list[int], on_step: Sequence[OnStep | None], **options,
) -> ImageChunk:  # fmt: skip
    """`optimize`, with the images kept as they are before the steps in `frames`; after Ctrl-C those that it reached."""
    reached: dict[int, Tensor] = {}

    def record_frame(step: int, x: Tensor, outputs: Outputs, score: Tensor) -> None:
        if step in frames:
            reached[step] = x.detach().cpu().clone()
        for call in filter(None, on_step):
            call(step, x, outputs, score)

    result = optimize(classifier, canvas, objective, on_step=record_frame, **options)
    return ImageChunk(result.x, {step: reached[step] for step in frames if step in reached}, result.interrupted)


def frame_steps(frames: int | Sequence[int], steps: int) -> list[int]:
    """The steps before which images are kept: so many, spread evenly from the start to the end, or those given.

    Raises:
        ValueError: fewer than 0 frames, or a step outside the run.
    """
    if isinstance(frames, int | np.integer):
        if frames < 0:
            raise ValueError(f"frames={frames} given, expected at least 0.")
        return torch.linspace(0, steps, int(frames)).round().int().unique().tolist() if frames else []
    if any(not 0 <= step <= steps for step in frames):
        raise ValueError(f"frames before steps {list(frames)} asked for, but the run has steps 0 to {steps}.")
    return list(dict.fromkeys(frames))


def join_frames(chunks: Sequence[ImageChunk]) -> tuple[Tensor, list[int]]:
    """(frames, images, channels, height, width), and their steps; of an interrupted run those that all chunks have."""
    steps = list(chunks[-1].frames)
    shown = [torch.cat([chunk.frames[step] for chunk in chunks]) for step in steps]
    return torch.stack(shown) if shown else torch.empty(0), steps
