"""Saliency maps: one map an image, larger where the image matters more for a class.

Isolation and the attribution methods of the literature share what stands here: the classes that are asked about, what
a result holds, and the figure that draws maps side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_utils.figures.images import as_images, draw_image, percent
from course_utils.figures.style import WIDTH, DescribedFigure, new_figure, styled
from course_utils.models.classifier import Classifier, Prediction
from course_utils.objectives import Target
from course_utils.validation import check_settings

MOST = 4  # images in one figure: more rows than a screen holds help nobody
LARGEST = 1.6  # inches: a small image drawn larger than this shows its pixels and nothing more
FADED = 0.25  # how much of an image is left where a map is 0: enough to see where one is
PAPER = 1.0  # what it fades to
ROOMY = 1.2  # inches of a column in which a heading of two words stands in one line
LETTERING = 11.0  # points of a heading for each inch of its column: what ten letters in a line have room for
FAINT = 1e-6  # a map whose largest value is below shows nothing


@dataclass(frozen=True, eq=False, repr=False)
class Attribution:
    """How much each pixel counts for a class; one map an image.

    Attributes:
        maps: at least 0, larger where the image matters more; only comparisons within an image mean something.
        images: the images.
        targets: names of the classes that were asked about.
        versus: names of the classes that they were held against; None for all others together.
        answers: what the classifier says of the images. Where that is not the target, the map shows what speaks for
            the target all the same.
        method: its name.
    """

    maps: Float[Tensor, "batch height width"]
    images: Float[Tensor, "batch channels height width"]
    targets: list[str]
    versus: list[str] | None
    answers: list[str]
    method: str

    @property
    def name(self) -> str:
        """How a figure that shows several methods calls this one."""
        return self.method

    @property
    def agrees(self) -> Bool[Tensor, "batch"]:
        """Whether the target is what the classifier says of the image."""
        return self.maps.new_tensor([a == b for a, b in zip(self.targets, self.answers, strict=True)]).bool()

    @property
    def probabilities(self) -> tuple[Float[Tensor, "batch"], ...]:
        """The target's, for the image, what a mask covers, and the rest; none where a map is no mask."""
        return ()

    def plot(self, most: int = MOST, *others: Attribution) -> Any:
        """The first `most` images beside their maps, and other methods' maps; a mask's parts with probabilities."""
        return show_isolation(self, *others, most=most)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"Attribution of {self._subject()} by {self.method}, {image_count(len(self))}{self._disagreement()}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"

    def _subject(self) -> str:
        """The classes in question, in words."""
        named = [sorted(set(names)) for names in (self.targets, self.versus) if names is not None]
        return " and not ".join(names[0] if len(names) == 1 else f"{len(names)} classes" for names in named)

    def _disagreement(self) -> str:
        other = int((~self.agrees).sum())
        return f"; the classifier says something else of {other}" if other else ""


def image_count(number: int) -> str:
    """A number of images, in words."""
    return f"{number} image{'s' * (number != 1)}"


@styled
def show_isolation(
    result: Attribution,
    *others: Attribution,
    truth: Float[Tensor, "batch height width"] | None = None,
    most: int = MOST,
    alt: str | None = None,
) -> DescribedFigure:
    """Images beside what each method says matters in them: the less a pixel counts, the more it fades.

    Maps are drawn as shares of their largest value. Where the first result is an `Isolation`, the
    target's probability stands under the image, under the part that the mask covers (the rest filled), and under what
    is left without it.

    Args:
        result, others: of `isolate_features` and of attributions, for the same images.
        truth: masks of the part that is known to be the cause, drawn in the last column.
        most: images to draw at most.
        alt: what the figure shows; by default the methods and the probabilities.

    Raises:
        ValueError: results for different images, masks of another shape, `most` below 1.
    """
    results = [result, *others]
    _check(results, truth, most)
    images = as_images(result.images)[:most]
    columns = [("image", images), *((each.name, faded(images, each.maps)) for each in results)]
    if truth is not None:
        columns.append(("known cause", faded(images, truth)))
    if result.probabilities:
        columns.insert(2, ("the rest", faded(images, 1 - result.maps)))
    cell = min(WIDTH / len(columns), LARGEST)
    rows, below = len(images), 0.24 if result.probabilities else 0.0
    height = rows * (cell * images.shape[1] / images.shape[2] + below) + 0.5
    figure = new_figure(height, width=len(columns) * cell)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for place, (name, column) in enumerate(columns):
        for row, image in enumerate(column):
            draw_image(grid[row, place], image)
        heading = name if cell > ROOMY else name.replace(" ", "\n", 1)
        grid[0, place].set_title(heading, fontsize=min(12.5, LETTERING * cell))
    for place, numbers in enumerate(result.probabilities):
        for row in range(rows):
            axes, text = grid[row, place], percent(float(numbers[row]))
            axes.text(0.5, -0.03, text, transform=axes.transAxes, ha="center", va="top", fontsize=11.5)
    return DescribedFigure(figure, alt=alt or in_words(results, rows, truth is not None))


def faded(images: np.ndarray, maps: Tensor) -> np.ndarray:
    """Images that fade to paper where a map, as a share of its largest value, is small."""
    maps = maps[: len(images)].detach().cpu().float()
    largest = maps.amax((1, 2), keepdim=True).clamp_min(FAINT)
    shown = FADED + (1 - FADED) * (maps / largest)[..., None].clamp(0, 1).numpy()
    return images * shown + PAPER * (1 - shown)


def in_words(results: Sequence[Attribution], rows: int, known: bool) -> str:
    """Alt text of the figure, for readers who cannot see it."""
    names = ", ".join(each.name for each in results) + (" and the known cause" if known else "")
    words = f"{image_count(rows)} with what matters for {', '.join(results[0].targets[:rows])} by {names}"
    if results[0].probabilities:
        changes = (
            f"{percent(float(b))} as it is, {percent(float(k))} with the mask's part alone, {percent(float(r))} without"
            for b, k, r in zip(*(each[:rows] for each in results[0].probabilities), strict=True)
        )
        words += f"; the class's probability: {'; '.join(changes)}"
    return words + "."


def _check(results: Sequence[Attribution], truth: Tensor | None, most: int) -> None:
    check_settings(most=most)
    first = results[0]
    for each in results[1:]:
        if each.images.shape != first.images.shape or not bool((each.images.cpu() == first.images.cpu()).all()):
            raise ValueError(f"{each.name} is about other images than {first.name}: give results of the same ones.")
    if truth is not None and truth.shape != first.maps.shape:
        raise ValueError(f"truth of shape {tuple(truth.shape)} given, expected {tuple(first.maps.shape)}.")


@dataclass(frozen=True, eq=False)
class ResolvedTargets:
    """Images ready for a classifier, and the classes that are asked about, one row an image.

    Attributes:
        images: in [0, 1], on the classifier's device.
        target: index of the class in question.
        versus: index of the class that it is held against; None for all others together.
        prediction: what the classifier says of the images.
    """

    classifier: Classifier
    images: Float[Tensor, "batch channels height width"]
    target: Int[Tensor, "batch"]
    versus: Int[Tensor, "batch"] | None
    prediction: Prediction

    @property
    def agrees(self) -> Bool[Tensor, "batch"]:
        """Whether the class in question is what the classifier says."""
        return self.prediction.logits.argmax(1) == self.target.cpu()

    def described(self, rows: slice = slice(None)) -> dict[str, Any]:
        """The images, the classes by name, and what the classifier says: what an `Attribution` holds of them."""
        classes = self.classifier.classes
        return {
            "images": self.images[rows],
            "targets": [classes[index] for index in self.target[rows].tolist()],
            "versus": None if self.versus is None else [classes[index] for index in self.versus[rows].tolist()],
            "answers": self.prediction.classes[rows],
        }


def resolve_targets(
    classifier: Classifier,
    images: Tensor,
    target: Target | None,
    versus: Target | None,
    batch_size: int | None = None,
) -> ResolvedTargets:
    """The classes in question by index, one an image; without a target what the classifier says, right or wrong.

    Raises:
        TypeError: a model that is no `Classifier`.
        ValueError: images that it refuses, an unknown class, another number of classes than of images, or a class
            held against itself.
    """
    if not isinstance(classifier, Classifier):
        given = type(classifier).__name__
        raise TypeError(f"classifier is {given}, expected a Classifier: Classifier(module, classes=…, size=…).")
    prediction = classifier.predict(images, batch_size=batch_size)
    ready = images.detach().to(classifier.device, classifier.image_dtype).clamp(0, 1)
    if target is None:
        wanted = prediction.logits.argmax(1).to(classifier.device)
    else:
        wanted = classifier.targets(target, len(ready))
    other = None if versus is None else classifier.targets(versus, len(ready))
    if other is not None and (same := (wanted == other)).any():
        name = classifier.classes[int(wanted[same][0])]
        said = ", which is what the classifier says of it," if target is None else ""
        raise ValueError(
            f"versus is {name!r}, and so is the target{said} for image {int(same.nonzero()[0])}: "
            "name two different classes."
        )
    return ResolvedTargets(classifier, ready, wanted, other, prediction)
