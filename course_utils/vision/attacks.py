"""Attacks: small changes of an image, within an epsilon ball, that change what a classifier says.

Training moves the weights and leaves the images alone; an attack moves the image and leaves the weights
alone. Both follow a gradient. An attack that fails proves little: another start, more steps or another attack
may succeed, so the share of images that withstand one attack is an upper bound of the model's robustness.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_utils.activations import Outputs
from course_utils.canvas.given import NORMS, EpsilonBall, checked_radius
from course_utils.figures.images import as_images, draw_image, percent
from course_utils.figures.style import WIDTH, DescribedFigure, Drawn, new_figure, styled
from course_utils.loop import Best, OnStep, Result, SteepestStep, optimize
from course_utils.models.classifier import Classifier, Prediction
from course_utils.objectives import LogProb, Target
from course_utils.utils import run_chunks, sample_generators
from course_utils.validation import ZeroGradientError, check_settings


def targeted_attack(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    target: Target,
    *,
    eps: float = 8 / 255,
    norm: str = "linf",
    steps: int = 20,
    step_size: float | None = None,
    random_start: bool = False,
    restarts: int = 1,
    stop_at: float | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    on_step: OnStep | None = None,
    progress: bool | None = None,
) -> AttackResult:
    """Change images within an epsilon ball until the classifier calls them `target` (PGD).

    Projected gradient descent climbs the log-probability of the target by steps of fixed length, along the
    gradient's sign in `"linf"` and along the gradient itself in `"l2"`, each followed by the projection onto
    the ball and onto [0, 1]. `steps=1` is the fast gradient sign method. Of each image the best iterate is
    kept: one that the classifier calls `target`, if there is any, and of those the most certain one.

    Args:
        classifier: what is tricked; used in eval mode and left as found.
        images: in [0, 1].
        target: class name or index, one for all or one an image. Single images that are called so already
            are attacked all the same, and marked `.already`.
        eps: radius of the ball: in `"linf"` the most by which a number may change, 0 … 1; in `"l2"` the
            length of the whole change. 0 returns the images as they are.
        norm: `"linf"` or `"l2"`.
        steps: gradient steps in a run, at least 1.
        step_size: length of a step in the same norm; 2.5 · eps / steps if None.
        random_start: whether the first run, too, starts at a random point of the ball instead of at the
            image.
        restarts: number of runs, at least 1. Each after the first starts at random, with those not yet
            tricked.
        stop_at: confidence in (0, 1] at which an image is left alone; None uses all steps to gain
            confidence.
        seed: of the random starts; image i starts at the same point whatever stands beside it.
        batch_size: images that go through the classifier at once; if None as many as have their activations in
            memory, on a processor at most 128.
        on_step: called in each batch of each run as `course_utils.loop.optimize` does.
        progress: True shows a bar, False none, None one for work of over a second.

    Raises:
        ValueError: all images are called `target` already; a setting out of range; images that the
            classifier refuses; an unknown class; another number of targets than of images.
        TypeError: a model that is not a `Classifier`.
        RuntimeError, FloatingPointError: no usable gradient (see `course_utils.loop.optimize`).

    Source: Goodfellow et al. 2015 (one step), Madry et al. 2018 (PGD); they keep the last iterate, we the
    best.
    """
    settings = (eps, norm, steps, step_size, random_start, restarts, stop_at, seed, batch_size, on_step, progress)
    return _projected_gradient(classifier, images, target, True, *settings)


def untargeted_attack(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    labels: Target,
    *,
    eps: float = 8 / 255,
    norm: str = "linf",
    steps: int = 20,
    step_size: float | None = None,
    random_start: bool = False,
    restarts: int = 1,
    stop_at: float | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    on_step: OnStep | None = None,
    progress: bool | None = None,
) -> AttackResult:
    """Change images within an epsilon ball until the classifier calls them anything but their label.

    Descends the log-probability of the label: as `targeted_attack`, with the sign turned round, and with its
    settings. An image that the classifier gets wrong already counts as tricked, and is marked `.already`.

    Args:
        labels: what the images show: class name or index, one for all or one an image.

    Raises:
        ValueError, TypeError, RuntimeError, FloatingPointError: as `targeted_attack`.

    Source: as `targeted_attack`.
    """
    settings = (eps, norm, steps, step_size, random_start, restarts, stop_at, seed, batch_size, on_step, progress)
    return _projected_gradient(classifier, images, labels, False, *settings)


MOST_AT_ONCE = 128  # images in a batch on a processor, where more make no step cheaper
REACH = 2.5  # radii of the ball that all steps span together: across and back again (Madry et al. 2018)


def _projected_gradient(
    classifier, images, wanted, targeted, eps, norm, steps, step_size, random_start, restarts, stop_at, seed,
    batch_size, on_step, progress,
) -> AttackResult:  # fmt: skip
    """Both attacks; `wanted` are the targets, or the labels to get away from."""
    # Set-up: what is given, and what the classifier says of it.
    checked_radius(eps, norm)
    check_settings(stop_at=stop_at, steps=steps, restarts=restarts, batch_size=batch_size)
    if step_size is not None and not (math.isfinite(step_size) and step_size > 0):
        raise ValueError(f"step_size={step_size} given, expected a length above 0, such as 2/255, or None.")
    if not isinstance(classifier, Classifier):
        given = type(classifier).__name__
        raise TypeError(f"classifier is {given}, expected a Classifier: Classifier(module, classes=…, size=…).")
    classifier.check_images(images)
    with torch.inference_mode(False):
        originals = images.detach().to(classifier.device, classifier.image_dtype).clamp(0, 1)
        classes = classifier.targets(wanted, len(originals))
        batch_size = int(batch_size or classifier.default_batch_size(len(originals), most=MOST_AT_ONCE))
        logits_before = classifier.predict(originals, batch_size=batch_size).logits.to(classifier.device)
        score, confidence = _aim(classes, targeted)
        outputs, everyone = Outputs(logits_before, {}, classifier, None, len(originals)), torch.arange(len(originals))
        best = Best()  # to begin with, the images themselves
        state = {"images": originals, "logits": logits_before}
        best.update(everyone.to(originals.device), score(outputs), confidence(outputs), **state)
        already = best.rows["confidence"] > 0
        if targeted and bool(already.all()):
            names = ", ".join(sorted({classifier.classes[i] for i in classes.tolist()}))
            raise ValueError(f"all {len(originals)} images are called {names} already: choose another target.")
        iterations, stuck = torch.zeros(len(originals), dtype=torch.long), []
        length = step_size if step_size and eps else REACH * eps / steps

        # The loop: steps of one length up the score, each followed by the projection onto the ball and onto [0, 1].
        def run(rows: Tensor, progress: bool | None, restart: int) -> Result | None:
            given, start = originals[rows], None
            if random_start or restart:
                generators = sample_generators(seed, rows.tolist(), f"start of run {restart}")
                start = given + NORMS[norm].start(given, eps, generators).to(given.device)
            score, confidence = _aim(classes[rows], targeted)
            try:
                result = optimize(
                    classifier, EpsilonBall(given, eps, norm, start=start), score, steps=steps,
                    optimizer=partial(SteepestStep, lr=length, norm=NORMS[norm]), on_step=on_step,
                    stop_at=stop_at, confidence=confidence, indices=rows.tolist(), progress=progress,
                )  # fmt: skip
            except ZeroGradientError as error:
                stuck.append(error)
                return None
            assert result.confidence is not None  # it was given one
            state = {"images": result.x, "logits": result.logits}
            best.update(rows.to(given.device), result.score, result.confidence, **state)
            iterations[rows] += result.steps
            return result

        interrupted = False
        for restart in range(restarts if length > 0 else 0):  # a ball without extent holds no other image
            tricked = best.rows["confidence"].cpu() > 0
            rows = everyone[~tricked] if restart else everyone
            stuck.clear()
            try:
                chunks = rows.split(batch_size) if len(rows) else ()
                _, interrupted = run_chunks(partial(run, restart=restart), chunks, "attacking", progress=progress)
            except KeyboardInterrupt:  # before the first chunk had anything to give
                interrupted = True
            if interrupted:
                break
            if stuck and not iterations.any():
                raise stuck[-1]  # no image has a gradient
            if stuck:
                warnings.warn(str(stuck[-1]), RuntimeWarning, stacklevel=3)

    # The result.
    change = best.rows["images"] - originals
    logits = (logits_before, best.rows["logits"])
    before, after = (Prediction(each, each.float().softmax(dim=1), classifier.classes) for each in logits)
    return AttackResult(
        images=best.rows["images"], success=best.rows["confidence"] > 0,
        linf=NORMS["linf"].length(change), l2=NORMS["l2"].length(change),
        iterations=iterations, interrupted=interrupted,
        originals=originals, before=before, after=after, already=already,
        wanted=[classifier.classes[i] for i in classes.tolist()], targeted=targeted, eps=eps, norm=norm,
    )  # fmt: skip


def _aim(classes: Tensor, targeted: bool) -> tuple[Callable[[Outputs], Tensor], Callable[[Outputs], Tensor]]:
    """The score to raise, and how sure the classifier is of what the attack wants (0 where it is missed)."""
    of_class = LogProb(classes)
    if targeted:
        return of_class, of_class.confidence
    return -of_class, of_class.confidence_elsewhere


@dataclass(frozen=True, eq=False, repr=False)
class AttackResult(Drawn):
    """The attacked images, what the classifier says of them, and what it took; one row an image.

    Attributes:
        images: the best of each image, in [0, 1]; an image that no step improved is as it was.
        success: whether the classifier says the target now or, untargeted, anything but the label.
        linf: largest change of a number, in [0, 1].
        l2: length of the whole change.
        iterations: gradient steps spent.
        interrupted: whether the attack was cut short by Ctrl-C or the notebook's stop button.
        originals: the images before.
        before: what the classifier said of `originals`, with all logits and probabilities.
        after: what it says of `images`.
        already: whether it was a success before the attack.
        wanted: names of the targets or, untargeted, of the labels.
        targeted: whether `wanted` are targets.
        eps: radius of the epsilon ball.
        norm: `"linf"` or `"l2"`.
    """

    images: Float[Tensor, "batch channels height width"]
    success: Bool[Tensor, "batch"]
    linf: Float[Tensor, "batch"]
    l2: Float[Tensor, "batch"]
    iterations: Int[Tensor, "batch"]
    interrupted: bool
    originals: Float[Tensor, "batch channels height width"]
    before: Prediction
    after: Prediction
    already: Bool[Tensor, "batch"]
    wanted: list[str]
    targeted: bool
    eps: float
    norm: str

    @property
    def predicted(self) -> list[str]:
        """What the classifier calls each image now."""
        return self.after.classes

    @property
    def confidence(self) -> Float[Tensor, "batch"]:
        """The probability of what the classifier says now, in [0, 1]."""
        return self.after.confidence

    def plot(self, most: int = 4) -> Any:
        """A figure of the first `most` images: before, the magnified change, after."""
        before, after = (each.probabilities[:most] for each in (self.before, self.after))
        return plot_attack(self.after.known_classes, self.originals[:most], self.images[:most], before, after)

    def __len__(self) -> int:
        return len(self.success)

    def __repr__(self) -> str:
        kind, toward = ("targeted", "to") if self.targeted else ("untargeted", "away from")
        names = sorted(set(self.wanted))
        aim = names[0] if len(names) == 1 else f"{len(names)} classes"
        already = f", {int(self.already.sum())} of them before" if self.already.any() else ""
        sure = self.confidence[self.success]
        median = f", median confidence {100 * sure.median():.1f} %" if len(sure) else ""
        return (
            f"{kind} attack {toward} {aim}, {self.norm} eps {NORMS[self.norm].radius(self.eps)}: "
            f"{len(sure)} of {len(self)} images tricked{already}{median}, "
            f"up to {int(self.iterations.max())} gradient steps each{'; interrupted' * self.interrupted}"
        )


MOST = 4  # images in one figure: more rows than a screen holds help nobody


@styled
def show_perturbation(
    before: Tensor,
    after: Tensor,
    *,
    magnify: float | int | str = "auto",
    classifier: Classifier | None = None,
    captions: tuple[Sequence[str], Sequence[str]] | None = None,
    alt: str | None = None,
) -> DescribedFigure:
    """Images before and after, and between them their difference, magnified around mid-grey.

    The first four of a batch are drawn. Grey means "unchanged"; the factor stands in the title.

    Args:
        before: (batch, 3, height, width) in [0, 1].
        after: the same images changed, of the same shape.
        magnify: what to multiply the difference by; `"auto"` takes the whole number with which the largest
            change just fits the range from black to white.
        classifier: a `Classifier`, whose prediction is then written under each image.
        captions: what to write under the images before and after instead, one text for each.
        alt: what the figure shows; by default the factor, the largest change and the captions.

    Raises:
        ValueError: shapes that differ, values outside [0, 1], a factor that is not above 0.
    """
    old, new = as_images(before, "before"), as_images(after, "after")
    if old.shape != new.shape:
        raise ValueError(f"before is {tuple(before.shape)} and after {tuple(after.shape)}, expected the same shape.")
    difference = new - old
    if magnify != "auto" and (isinstance(magnify, str) or not magnify > 0):
        raise ValueError(f"magnify={magnify!r} given, expected 'auto' or a number above 0.")
    factor = magnification(difference) if magnify == "auto" else float(magnify)
    if classifier is not None and captions is None:
        said = [classifier.predict(images[:MOST]).probabilities for images in (before, after)]
        captions = (_captions(classifier.classes, said[0]), _captions(classifier.classes, said[1]))
    rows = min(len(old), MOST)
    cell = WIDTH / 3 * old.shape[1] / old.shape[2]
    figure = new_figure(rows * (cell + (0.25 if captions else 0.05)) + 0.12 * (rows - 1) + 0.36)
    grid = figure.subplots(rows, 3, squeeze=False)
    for index, cells in enumerate(grid.tolist()):
        draw_change(cells, old[index], new[index], factor, titles=index == 0)
        for axes, texts in zip((cells[0], cells[2]), captions or (), strict=False):
            axes.text(0.5, -0.03, texts[index], transform=axes.transAxes, ha="center", va="top", fontsize=11.5)
    return DescribedFigure(figure, alt=alt or _in_words(difference[:rows], factor, captions))


def plot_attack(
    classes: Sequence[str],
    before: Tensor,
    after: Tensor,
    probabilities_before: Tensor,
    probabilities_after: Tensor,
    *,
    alt: str | None = None,
) -> DescribedFigure:
    """An attack's images with what the model said before and says after.

    Args:
        classes: the model's class names, in the order of its logits.
        before, after: (batch, 3, height, width) in [0, 1].
        probabilities_before, probabilities_after: (batch, classes) in [0, 1].
        alt: what the figure shows; by default the predictions and the largest change.
    """
    captions = (_captions(classes, probabilities_before), _captions(classes, probabilities_after))
    return show_perturbation(before, after, captions=captions, alt=alt)


def draw_change(cells: Sequence[Any], old: np.ndarray, new: np.ndarray, factor: float, *, titles: bool = True) -> None:
    """An image (height, width, 3), its magnified change and what became of it, into three axes."""
    change = (0.5 + factor * (new - old)).clip(0, 1)
    names = ("before", f"change × {factor:g}", "after") if titles else ("", "", "")
    for axes, image, name in zip(cells, (old, change, new), names, strict=True):
        draw_image(axes, image, name)


def magnification(difference: np.ndarray) -> float:
    """The largest whole number with which the difference, around mid-grey, stays within black and white."""
    largest = float(np.abs(difference).max())
    return 1.0 if largest == 0 else max(1.0, float(math.floor(0.5 / largest + 1e-3)))


def _captions(classes: Sequence[str], probabilities: Tensor) -> list[str]:
    sure, index = probabilities.max(dim=1)
    return [f"{classes[int(i)]} {percent(float(p))}" for p, i in zip(sure, index, strict=True)]


def _in_words(difference: np.ndarray, factor: float, captions: tuple[Sequence[str], Sequence[str]] | None) -> str:
    largest = 255 * float(np.abs(difference).max())
    rows = len(difference)
    words = (
        f"{rows} image{'s' * (rows > 1)} before and after a change of at most {largest:.1f}/255 a pixel, "
        f"with the change magnified {factor:g} times between them"
    )
    if captions:
        words += ": " + ", ".join(f"{old} becomes {new}" for old, new in zip(*captions, strict=True))
    return words + "."
