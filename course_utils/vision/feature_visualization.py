"""Feature visualisation: the picture that a channel, layer or class answers to most.

A trained network is differentiable in its input. Start from noise, climb the activation, and look at what comes out.
Without more it is noise again, fine and strong; `visualize` therefore paints with waves in decorrelated colours and
asks for a picture that survives small moves, turns and scalings (Olah et al. 2017). Every piece can be taken away.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from course_utils.activations import Outputs
from course_utils.canvas import Canvas
from course_utils.guards import check_settings
from course_utils.models.classifier import Classifier
from course_utils.priors import Prior, high_frequency
from course_utils.progress import progress_bar
from course_utils.transforms import Transform, merged, standard
from course_utils.vision.layer_table import numbers_a_picture
from course_utils.vision.visualization import Film, Visualization
from course_utils.vision.wishes import Climb, Wanted, Wishes, awake, climb, stayed_dead, warn_of_dead

MEMORY = 2**29  # bytes that the activations of the pictures at work may take
STANDARD_PRIORS = (300 * high_frequency,)  # chosen on a few channels and classes of `pocket-robust`
AT_ONCE = 64  # more pictures in a batch make no step cheaper on a processor


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
    """Pictures that make channels, layers or classes of a classifier answer as strongly as possible.

    Args:
        classifier: what is looked into; used in eval mode and left as found.
        objective: `"layer3:12"` (a channel), `"layer3"` (a layer), `"logits:volcano"` (a class), an objective, or a
            list of them: one picture for each, side by side in one batch.
        canvas: `"fourier"`, `"pixel"`, or a canvas that you made (with one picture for each objective and copy).
        priors: penalties that are subtracted from the score, such as `[20 * total_variation]`; `"standard"` is
            `300 * high_frequency`, `()` is none.
        transforms: what the picture must survive; `"standard"` is jitter, rotation and scaling, `()` is nothing.
        steps: gradient steps, at least 1.
        learning_rate: of Adam; in units of the canvas's numbers.
        copies: pictures for each objective, each from noise of its own; `Diversity(layer, group=copies)` added to the
            objective drives them apart.
        size: height and width of the pictures; the classifier's own if None. Most nets refuse others.
        seed: of the noise and of the transforms' draws; picture i does not depend on what stands beside it.
        frames: how many pictures on the way to keep, for a scrubber; or a list of the steps before which.
        batch_size: pictures in a chunk of a list of objectives; if None, as many as have their activations in half a
            gibibyte, at most 64.
        on_step: called as on_step(step, x, outputs, score) before each step, for each chunk.
        progress: True shows a bar, False none, None one for work of over a second.

    Returns:
        The best pictures of a clean evaluation (without transforms), with the activation that they reach; after Ctrl-C
        the best so far. A channel that no start wakes (dead ReLUs) is warned about, and listed in `.dead`.

    Raises:
        ValueError: an unknown layer or class (offers close names), a channel out of range, settings out of range, a
            size that the classifier refuses, another number of pictures than the canvas has.
        TypeError: a layer that gives no tensor, or something that is no objective.
        FloatingPointError: a score or gradient that is not finite (says at which step).

    Source: Olah et al. 2017; lucid's `optvis`. Different here: every picture of a batch draws its own transforms, and
    the best picture is kept, not the last.
    """
    counts = {"steps": steps, "copies": copies} | ({} if batch_size is None else {"batch_size": batch_size})
    check_settings(stop_at=None, **counts)
    model = classifier if size is None else classifier.at_size(size)
    moves = merged(given_or(transforms, standard(model.size), "transforms"))
    penalties = given_or(priors, STANDARD_PRIORS, "priors")
    wanted = Wishes(objective, copies, pictures=len(canvas) if isinstance(canvas, Canvas) else None)
    wanted.check(model)
    film, cut = Film(frames, steps), False
    parts: list[tuple[Climb, list[int]]] = []
    chunks = wanted.chunks(batch_size or pictures_at_once(model), together=isinstance(canvas, Canvas))
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
        thresholds: steps at which a picture is wanted, rising; the last is where it ends.
        options: as of `visualize`.

    Returns:
        One array (batch, height, width, channels) in [0, 1] for each threshold.
    """
    moves = "standard" if transforms is None else transforms
    *before, last = thresholds
    result = visualize(model, objective_f, transforms=moves, steps=last, frames=before, **options)
    return [pictures.permute(0, 2, 3, 1).cpu().numpy() for pictures in [*result.frames, result.images]]


def given_or(given: Sequence | str, default: Sequence, name: str) -> Sequence:
    """What was given, or the default for "standard"; ValueError for another string."""
    if not isinstance(given, str | list | tuple):
        raise TypeError(f"{name} is {given!r}, expected a list: {name}=[…].")
    if isinstance(given, str) and given != "standard":
        raise ValueError(f"{name}={given!r} given, expected 'standard' or a list of {name}.")
    return default if isinstance(given, str) else given


def pictures_at_once(classifier: Classifier) -> int:
    """How many pictures have their activations, and the gradients of these, in `MEMORY`; at least 1, at most 64."""
    bytes_a_picture = 2 * numbers_a_picture(classifier) * torch.finfo(classifier.dtype).bits // 8
    return max(1, min(AT_ONCE, MEMORY // max(1, bytes_a_picture)))
