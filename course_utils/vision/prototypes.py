"""Prototypes: what each class looks like to the model.

A prototype has a high logit for its class *and* goes through the net the way natural images of the class do. So the
objective has two parts, the logit and how closely the activations follow their mean over natural images, under the same
penalty and transforms as feature visualisation. Without a reference the second part is left out and no data is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.canvas import Canvas, FourierCanvas
from course_utils.loop import optimize
from course_utils.models.classifier import Classifier
from course_utils.objectives import ActivationMatch, Diversity, Equidistant, Logit, Objective, Term
from course_utils.priors import Prior
from course_utils.stats import spearman
from course_utils.transforms import Transform, merged, standard
from course_utils.utils import progress_bar
from course_utils.validation import check_settings
from course_utils.vision.feature_visualization import STANDARD_PRIORS, Film, OnStep, given_or, images_at_once
from course_utils.vision.layer_table import stages
from course_utils.vision.reference import ClassMeans, NaturalImages, activations_of, class_means

MATCH = 20.0  # logits that a perfect correlation is worth; chosen on `pocket-robust` with other scenes than are shown
STARTS = ("noise", "equidistant")
TOWARD_EVEN = 60  # steps to an image that every class finds equally likely


@torch.inference_mode(False)
def generate_prototypes(
    classifier: Classifier,
    classes: str | int | Sequence[str | int] | None = None,
    *,
    reference: Any = None,
    copies: int = 1,
    layers: Sequence[str] | None = None,
    match: float = MATCH,
    diversity: float = 0.0,
    start: str = "noise",
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
    over layers) − penalty, after random transforms. With `reference=None` there is no second term, and no data.

    Args:
        classifier: used in eval mode and left as found.
        classes: names or indices; all classes if None.
        reference: natural images: `Scenes`, (images, labels), images (their class by the model), `ClassMeans`, or
            `NaturalImages`. At least five of each class.
        copies: images of each class, from noise of their own.
        layers: where activations are matched; the last layer at each size of map if None.
        match: logits that a perfect match is worth, at least 0.
        diversity: weight of a term that drives the copies of a class apart, at least 0.
        start: `"noise"`, or `"equidistant"`: from an image that every class finds about equally likely.
        priors, transforms, steps, learning_rate, seed, frames, batch_size, on_step, progress: as `visualize`.

    Returns:
        The best images of a clean evaluation. After Ctrl-C the best so far.

    Raises:
        ValueError: an unknown class or layer (offers close names), too few reference images of a class, settings out of
            range.
        FloatingPointError: a score or gradient that is not finite (says at which step).

    Source: Tagade & Rumbelow 2023, in its style: that paper's loss is the logit and a penalty on high frequencies, and
    the similarity is how prototypes are judged. The match as a term of the objective is the course notes' (and ours in
    its form); robust nets' class images Santurkar et al. 2019.
    """
    counts = {"steps": steps, "copies": copies} | ({} if batch_size is None else {"batch_size": batch_size})
    check_settings(**counts)
    _check(match, diversity, start)
    names = _names(classifier, classes)
    means = _means(classifier, reference, layers, names, progress)
    moves = merged(given_or(transforms, standard(classifier.size), "transforms"))
    penalties = given_or(priors, STANDARD_PRIORS, "priors")
    most = max(1, (batch_size or images_at_once(classifier)) // copies)
    chunks = [names[i : i + most] for i in range(0, len(names), most)]
    apart = None
    if diversity and copies > 1:
        at = means.layers if means else stages(classifier)
        apart = diversity * Diversity(at[len(at) // 2], group=copies)
    film, cut = Film(frames, steps), False
    parts: list[tuple[Tensor, list[str]]] = []
    settings: dict[str, Any] = {
        "priors": penalties,
        "transforms": moves,
        "optimizer": partial(torch.optim.Adam, lr=learning_rate, fused=True),
    }
    for number, some in enumerate(progress_bar(chunks, "prototypes", progress=progress if len(chunks) > 1 else False)):
        each = [name for name in some for _ in range(copies)]
        first = number * most * copies
        indices = range(first, first + len(each))
        settings |= {"seed": seed, "indices": indices, "progress": False if len(chunks) > 1 else progress}
        try:
            canvas = _canvas(classifier, indices, seed)
            if start == "equidistant":
                optimize(classifier, canvas, Equidistant(), steps=TOWARD_EVEN, **settings)
            aim = _objective(each, means, match, apart)
            part = optimize(classifier, canvas, aim, steps=steps, on_step=film.and_(on_step), **settings)
        except KeyboardInterrupt:  # before this chunk had anything to show
            if not parts:
                raise
            cut = True
            break
        parts.append((part.x.cpu(), each))
        film.finish(part.x)
        if cut := part.interrupted:
            break
    images = torch.cat([x for x, _ in parts])
    return _result(classifier, images, [n for _, each in parts for n in each], means, film, cut)


def _objective(each: list[str], means: ClassMeans | None, match: float, apart: Term | None) -> Objective:
    aim: Any = Logit(each)
    if means is not None and match:
        aim = aim + match * ActivationMatch(means.of(each))
    return aim if apart is None else aim + apart


def _result(classifier: Classifier, images: Tensor, classes: list[str], means, film: Film, cut: bool) -> Prototypes:
    said = classifier.predict(images)
    rows = torch.arange(len(images)), classifier.targets(classes, len(images)).cpu()
    close = None
    if means is not None:
        activations = activations_of(classifier, images, means.layers)
        close = torch.stack([spearman(activations[n], wanted) for n, wanted in means.of(classes).items()], dim=1)
    shown, before = film.frames(len(images))
    return Prototypes(
        images=images,
        classes=classes,
        probability=said.probabilities[rows],
        logit=said.logits[rows],
        spearman=close,
        layers=[] if means is None else means.layers,
        name=classifier.name,
        frames=shown,
        frame_steps=before,
        interrupted=cut,
    )


def _canvas(classifier: Classifier, indices: Sequence[int], seed: int) -> Canvas:
    options: dict = {} if classifier.colours is None else {"colours": classifier.colours}
    made = FourierCanvas(
        len(indices), classifier.size, channels=classifier.channels, seed=seed, indices=indices, **options
    )
    return made.to(classifier.device, classifier.dtype)


def _names(classifier: Classifier, classes: str | int | Sequence[str | int] | None) -> list[str]:
    if classes is None:
        return list(classifier.classes)
    asked = [classes] if isinstance(classes, str | int) else list(classes)
    if not asked:
        raise ValueError("classes=[] given; name at least one, or leave it out to get all.")
    return [classifier.classes[classifier.index(each)] for each in asked]


def _means(
    classifier: Classifier, reference: Any, layers: Sequence[str] | None, names: list[str], progress: bool | None
) -> ClassMeans | None:
    if reference is None:
        return None
    means = reference.means if isinstance(reference, NaturalImages) else reference
    if not isinstance(means, ClassMeans):
        means = class_means(classifier, reference, layers or stages(classifier), progress=progress)
    means.of(names)  # says which class has too few, before any work
    return means


def _check(match: float, diversity: float, start: str) -> None:
    for what, weight in (("match", match), ("diversity", diversity)):
        if not 0 <= weight < float("inf"):
            raise ValueError(f"{what}={weight} given, expected at least 0.")
    if start not in STARTS:
        raise ValueError(f"start={start!r} given, expected 'noise' or 'equidistant'.")


@dataclass(frozen=True, eq=False, repr=False)
class Prototypes:
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

    def plot(self, *, columns: int | None = None) -> Any:
        """A contact sheet, each image under its class and the probability that the classifier gives to it."""
        from course_utils.figures.images import percent, show_images  # here, because it imports matplotlib

        titles = [f"{n}\n{percent(p)}" for n, p in zip(self.classes, self.probability.tolist(), strict=True)]
        named = ", ".join(dict.fromkeys(self.classes))
        return show_images(self.images, titles, columns=columns, alt=f"What {named} look like to {self.name}.")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        count = len(dict.fromkeys(self.classes))
        low, median = self.probability.min().item(), self.probability.median().item()
        close = "" if self.spearman is None else f", mean rank correlation {self.spearman.mean():.2f}"
        cut = "; interrupted" if self.interrupted else ""
        return (
            f"{len(self)} prototype{'s' * (len(self) != 1)} of {count} class{'es' * (count != 1)} of {self.name}: "
            f"probability {median:.1%} in the middle, {low:.1%} at least{close}{cut}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"
