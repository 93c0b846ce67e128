"""Prototypes: what each class looks like to the model.

A prototype has a high logit for its class *and* goes through the net the way natural images of the class do. So the
objective has two parts, the logit and how closely the activations follow their mean over natural images, under the same
penalty and transforms as feature visualisation. Without a reference the second part is left out and no data is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.figures.images import percent, show_images
from course_utils.figures.style import Drawn
from course_utils.loop import optimize
from course_utils.models.classifier import LARGE, Classifier
from course_utils.objectives import ActivationMatch, Diversity, Equidistant, Logit
from course_utils.priors import Prior
from course_utils.transforms import Transform
from course_utils.utils import Forecast, run_chunks, spearman
from course_utils.validation import check_settings
from course_utils.vision import feature_visualization
from course_utils.vision.feature_visualization import ImageChunk, OnStep
from course_utils.vision.layer_table import outputs_of, stages
from course_utils.vision.reference import ClassMeans, NaturalImages, class_means
from course_utils.vision.statistics import LayerStatistics, StatisticsMatch, batch_norms, natural_statistics

NATURAL = 120.0  # logits that a distance of one from natural statistics costs; chosen on eight classes of ImageNet
MATCH = 20.0  # logits that a perfect correlation is worth; chosen on `pocket-robust` with other scenes than are shown
EQUIDISTANT_STEPS = 60  # to an image that every class finds equally likely


@torch.inference_mode(False)
def generate_prototypes(
    classifier: Classifier,
    classes: str | int | Sequence[str | int] | None = None,
    *,
    reference: Any = None,
    copies: int = 1,
    layers: Sequence[str] | None = None,
    match: float = MATCH,
    statistics: LayerStatistics | str | None = "standard",
    natural: float = NATURAL,
    diversity: float = 0.0,
    start: str = "noise",
    canvas: str = "standard",
    priors: Sequence[Prior] | str = "standard",
    transforms: Sequence[Transform] | str = "standard",
    steps: int = 200,
    learning_rate: float = 0.05,
    seed: int = 0,
    frames: int | Sequence[int] = 0,
    batch_size: int | None = None,
    on_step: OnStep | None = None,
    progress: bool | None = None,
) -> Prototypes:
    """Images of what each class looks like to a classifier, all classes in one batch.

    The score of an image is logit + match · (how its activations follow the class mean's: linear correlation, a mean
    over layers) − natural · (how far its channels' means and variances are from natural ones) − penalty, after random
    transforms. With `reference=None` there is no second term, and no data: natural means and variances are stored in
    the network's batch norms.

    Args:
        classifier: used in eval mode and left as found.
        classes: names or indices; all classes if None.
        reference: natural images: `Scenes`, (images, labels), images (their class by the model), `ClassMeans`, or
            `NaturalImages`. At least five of each class.
        copies: images of each class, from noise of their own.
        layers: where activations are matched; the last layer at each size of map if None.
        match: logits that a perfect match is worth, at least 0.
        statistics: natural means and variances that each image keeps to, from `natural_statistics`; `"standard"` is
            what the network's batch norms have stored (no data needed) where the canvas holds contrast and spectrum,
            and nothing elsewhere; None is nothing.
        natural: logits that a distance of one from them costs, at least 0.
        diversity: weight of a term that drives the copies of a class apart, at least 0.
        start: `"noise"`, or `"equidistant"`: from an image that every class finds about equally likely.
        canvas: `"natural"`, `"phase"`, `"fourier"` or `"pixel"`, as for `visualize`; `"standard"` is `"natural"` from
            128 pixels up, `"fourier"` below. No canvas that you made: each chunk has its own.
        priors, transforms, steps, learning_rate, seed, frames, batch_size, on_step, progress: as `visualize`.

    Returns:
        The best images of a clean evaluation. After Ctrl-C the best so far.

    Raises:
        ValueError: an unknown class or layer (offers close names), too few reference images of a class, settings out of
            range.
        TypeError: a canvas that you made.
        FloatingPointError: a score or gradient that is not finite (says at which step).

    Source: Tagade & Rumbelow 2023, in its style: that paper's loss is the logit and a penalty on high frequencies, and
    the similarity is how prototypes are judged. Stored statistics are Yin et al.'s 2020. The match as a term of the
    objective is the course notes' (and ours in its form); robust nets' class images Santurkar et al. 2019.
    """
    check_settings(steps=steps, copies=copies, batch_size=batch_size, learning_rate=learning_rate)
    for what, weight in (("match", match), ("natural", natural), ("diversity", diversity)):
        if not 0 <= weight < float("inf"):
            raise ValueError(f"{what}={weight} given, expected at least 0.")
    if start not in ("noise", "equidistant"):
        raise ValueError(f"start={start!r} given, expected 'noise' or 'equidistant'.")
    wanted = [name for name in class_names(classifier, classes) for _ in range(copies)]
    means = reference.means if isinstance(reference, NaturalImages) else reference
    if means is not None:
        if not isinstance(means, ClassMeans):
            where = layers or stages(classifier, batch_size=batch_size)
            means = class_means(classifier, means, where, batch_size=batch_size, progress=progress)
        means.of(wanted)  # says which class has too few images, before any work
    large = min(classifier.size) >= LARGE
    kind: Any = canvas if canvas != "standard" else "natural" if large else "fourier"
    kept = statistics
    if isinstance(kept, str):
        if kept != "standard":
            raise ValueError(f"statistics={kept!r} given, expected 'standard', None or natural_statistics(…).")
        held = kind in ("natural", "phase") and batch_norms(classifier)
        kept = natural_statistics(classifier) if held else None
    settings = feature_visualization.image_settings(classifier, kind, priors, transforms, learning_rate, steps, seed)
    shown = feature_visualization.frame_steps(frames, steps)
    together: Any = None
    if diversity and copies > 1:
        at = means.layers if means else stages(classifier)
        together = diversity * Diversity(at[len(at) // 2], group=copies)

    def work(rows: Sequence[int], progress: bool | None) -> ImageChunk:
        names = [wanted[row] for row in rows]
        images = feature_visualization.new_canvas(classifier, kind, rows, seed)
        run = settings | {"indices": rows, "progress": progress}
        if start == "equidistant":
            optimize(classifier, images, Equidistant(), **run | {"steps": EQUIDISTANT_STEPS})
        objective: Any = Logit(names)
        if means is not None and match:
            objective += match * ActivationMatch(means.of(names))
        if kept is not None and natural:
            objective += natural * StatisticsMatch(kept)
        if together is not None:
            objective += together

        told = [forecast, on_step]
        return feature_visualization.optimize_images(classifier, images, objective, frames=shown, on_step=told, **run)

    most = batch_size or feature_visualization.images_at_once(classifier)
    size = copies * max(1, most // copies)  # a class's copies stay together
    chunks = [range(len(wanted))[first : first + size] for first in range(0, len(wanted), size)]
    what = f"Prototypes of {len(wanted)} classes" if copies == 1 else f"{len(wanted)} prototypes"
    forecast = Forecast(steps * len(chunks), what, "classes=[…] names fewer, and Ctrl-C keeps those that are done")
    parts, interrupted = run_chunks(work, chunks, "prototypes", progress=progress)
    images = torch.cat([part.images.cpu() for part in parts])
    done = wanted[: len(images)]
    prediction = classifier.predict(images, batch_size=batch_size)
    rows = torch.arange(len(images)), classifier.targets(done, len(images)).cpu()
    probability, logit = prediction.probabilities[rows], prediction.logits[rows]
    close, at = None, [] if means is None else means.layers
    if means is not None:
        outputs = outputs_of(classifier, images, at, batch_size=batch_size)
        close = torch.stack([spearman(outputs[layer], mean) for layer, mean in means.of(done).items()], dim=1)
    frame = feature_visualization.join_frames(parts)
    return Prototypes(images, done, probability, logit, close, at, classifier.name, *frame, interrupted)


@dataclass(frozen=True, eq=False, repr=False)
class Prototypes(Drawn):
    """What classes look like to a classifier; one row an image, the copies of a class side by side.

    Attributes:
        images: in [0, 1].
        classes: the name of each image's class.
        probability: that the classifier gives to it, without transforms, in [0, 1].
        logit: likewise.
        spearman: rank correlation with the reference's class mean, a column for each of `layers`; None without one.
            Other scenes than the reference's give an honest figure: `similarity`.
        layers: at which activations were matched; the columns of `spearman`.
        name: of the classifier.
        frames: images on the way, (frames, batch, channels, height, width); empty unless asked for.
        frame_steps: the steps before which the frames were taken.
        interrupted: whether Ctrl-C or the notebook's stop button cut it short.
    """

    images: Float[Tensor, "batch channels height width"]
    classes: list[str]
    probability: Float[Tensor, "batch"]
    logit: Float[Tensor, "batch"]
    spearman: Float[Tensor, "batch layers"] | None
    layers: list[str]
    name: str
    frames: Tensor
    frame_steps: list[int]
    interrupted: bool

    def of(self, name: str) -> Float[Tensor, "copies channels height width"]:
        """The images of one class."""
        return self.images[[i for i, each in enumerate(self.classes) if each == name]]

    def subset(self, names: Sequence[str]) -> Prototypes:
        """The prototypes of some classes, without the frames."""
        rows = [i for i, name in enumerate(self.classes) if name in names]
        kept = {name: getattr(self, name)[rows] for name in ("images", "probability", "logit")}
        close = None if self.spearman is None else self.spearman[rows]
        named = [self.classes[i] for i in rows]
        return replace(self, **kept, classes=named, spearman=close, frames=torch.empty(0), frame_steps=[])

    def plot(self, *, columns: int | None = None) -> Any:
        """A contact sheet, each image under its class and the probability that the classifier gives to it."""
        titles = [f"{n}\n{percent(p)}" for n, p in zip(self.classes, self.probability.tolist(), strict=True)]
        named = ", ".join(dict.fromkeys(self.classes))
        return show_images(self.images, titles, columns=columns, alt=f"What {named} look like to {self.name}.")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        count = len(dict.fromkeys(self.classes))
        low, median = self.probability.min().item(), self.probability.median().item()
        close = "" if self.spearman is None else f", mean rank correlation {self.spearman.mean():.2f}"
        return (
            f"{len(self)} prototype{'s' * (len(self) != 1)} of {count} class{'es' * (count != 1)} of {self.name}: "
            f"probability {100 * median:.1f} % in the middle, {100 * low:.1f} % at least"
            f"{close}{'; interrupted' * self.interrupted}"
        )


def class_names(classifier: Classifier, classes: str | int | Sequence[str | int] | None) -> list[str]:
    """Names of classes that were given by name or index; all of the classifier's if None.

    Raises:
        ValueError: none given, or an unknown class (offers close names).
    """
    if classes is None:
        return list(classifier.classes)
    given = [classes] if isinstance(classes, str | int | Integral) else list(classes)
    if not given:
        raise ValueError("classes=[] given; name at least one, or leave it out to get all.")
    return [classifier.classes[classifier.index(each)] for each in given]
