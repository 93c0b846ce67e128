"""What isolation and attribution give back: one map an image, and what the classifier says of its parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.activations import record
from course_utils.canvas import filling
from course_utils.figures.images import as_images, draw_image, percent
from course_utils.figures.style import WIDTH, DescribedFigure, new_figure, styled
from course_utils.models.classifier import Classifier, Prediction
from course_utils.objectives import Target
from course_utils.utils import progress_bar
from course_utils.validation import as_found, check_settings, unknown
from course_utils.vision.layer_table import layers


@dataclass(frozen=True, eq=False, repr=False)
class Isolation:
    """Masks over the parts of images on which an answer hangs; one row an image.

    Attributes:
        masks: in [0, 1], 1 where the image matters.
        images: the images.
        targets: names of the classes that were asked about.
        versus: names of the classes that they were held against; None for all others together.
        answers: what the classifier says of the images. Where that is not the target, the mask shows what speaks for
            the target all the same.
        games: "deletion" (without what the mask covers, the answer falls) or "preservation" (what it covers is enough).
        before: the target's probability in [0, 1], for the image as it is.
        kept: that of what the mask covers, the rest filled.
        removed: that of the rest, what the mask covers filled.
        filled: that of the filling alone. Where it is high, no deletion can make the answer fall: take another filling.
        area: the mask's mean, the share of the image that it covers.
        interrupted: whether Ctrl-C or the notebook's stop button cut it short; images not reached are left out.
    """

    masks: Float[Tensor, "batch height width"]
    images: Float[Tensor, "batch channels height width"]
    targets: list[str]
    versus: list[str] | None
    answers: list[str]
    games: list[str]
    before: Float[Tensor, "batch"]
    kept: Float[Tensor, "batch"]
    removed: Float[Tensor, "batch"]
    filled: Float[Tensor, "batch"]
    area: Float[Tensor, "batch"]
    interrupted: bool

    name = "isolated part"  # how a figure that shows several methods calls this one

    @property
    def maps(self) -> Float[Tensor, "batch height width"]:
        """The masks, under the name that attributions have for theirs."""
        return self.masks

    @property
    def agrees(self) -> Bool[Tensor, "batch"]:
        """Whether the target is what the classifier says of the image."""
        return _equal(self.targets, self.answers, self.masks)

    def plot(self, most: int = 4, *others: Attribution) -> Any:
        """The first `most` images: as they are, under the mask, and without it; then other methods' maps."""

        return show_isolation(self, *others, most=most)

    def __len__(self) -> int:
        return len(self.masks)

    def __repr__(self) -> str:
        other = int((~self.agrees).sum())
        unlike = f"; the classifier says something else of {other}" if other else ""
        alone = int((self.filled > 0.5).sum())
        vain = f"; of {alone} the filling alone is called the class: take another fill" if alone else ""
        cut = "; interrupted" if self.interrupted else ""
        return (
            f"Isolation of {_named(self.targets, self.versus)} in {_images(len(self))}: median area "
            f"{self.area.median():.1%}, median probability {self.before.median():.1%}, with the mask's part alone "
            f"{self.kept.median():.1%}, without it {self.removed.median():.1%}{unlike}{vain}{cut}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"


@dataclass(frozen=True, eq=False, repr=False)
class Attribution:
    """How much each pixel counts by a method of the literature; one map an image.

    Attributes:
        maps: at least 0, larger where the image matters more; only comparisons within an image mean something.
        images: the images.
        targets, versus, answers: as `Isolation`.
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
        return _equal(self.targets, self.answers, self.maps)

    def plot(self, most: int = 4, *others: Isolation | Attribution) -> Any:
        """The first `most` images beside their maps, and other methods' maps."""

        return show_isolation(self, *others, most=most)

    def __len__(self) -> int:
        return len(self.maps)

    def __repr__(self) -> str:
        other = int((~self.agrees).sum())
        unlike = f"; the classifier says something else of {other}" if other else ""
        return f"Attribution of {_named(self.targets, self.versus)} by {self.method}, {_images(len(self))}{unlike}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"


def _named(targets: list[str], versus: list[str] | None) -> str:
    against = "" if versus is None else f" and not {_one_or_many(versus)}"
    return _one_or_many(targets) + against


def _one_or_many(names: list[str]) -> str:
    different = sorted(set(names))
    return different[0] if len(different) == 1 else f"{len(different)} classes"


def _images(number: int) -> str:
    return f"{number} image{'s' * (number != 1)}"


def _equal(one: list[str], other: list[str], like: Tensor) -> Tensor:
    return like.new_tensor([a == b for a, b in zip(one, other, strict=True)]).bool()


MOST = 4  # images in one figure: more rows than a screen holds help nobody
LARGEST = 1.6  # inches: a small image drawn larger than this shows its pixels and nothing more
FADED = 0.25  # how much of an image is left where a map is 0: enough to see where one is
PAPER = 1.0  # what it fades to
ROOMY = 1.2  # inches of a column in which a heading of two words stands in one line
LETTERING = 11.0  # points of a heading for each inch of its column: what ten letters in a line have room for
FAINT = 1e-6  # a map whose largest value is below shows nothing

Result = Isolation | Attribution


@styled
def show_isolation(
    result: Result,
    *others: Result,
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
    isolated = result if isinstance(result, Isolation) else None
    if isolated is not None:
        columns.insert(2, ("the rest", faded(images, 1 - isolated.masks)))
    cell = min(WIDTH / len(columns), LARGEST)
    rows, below = len(images), 0.24 if isolated else 0.0
    height = rows * (cell * images.shape[1] / images.shape[2] + below) + 0.5
    figure = new_figure(height, width=len(columns) * cell)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for place, (name, column) in enumerate(columns):
        for row, image in enumerate(column):
            draw_image(grid[row, place], image)
        heading = name if cell > ROOMY else name.replace(" ", "\n", 1)
        grid[0, place].set_title(heading, fontsize=min(12.5, LETTERING * cell))
    if isolated is not None:
        for row in range(rows):
            numbers = (isolated.before[row], isolated.kept[row], isolated.removed[row])
            for axes, number in zip(grid[row], numbers, strict=False):
                _below(axes, percent(float(number)))
    return DescribedFigure(figure, alt=alt or in_words(results, rows, truth is not None))


def faded(images: np.ndarray, maps: Tensor) -> np.ndarray:
    """Images that fade to paper where a map, as a share of its largest value, is small."""
    maps = maps[: len(images)].detach().cpu().float()
    largest = maps.amax((1, 2), keepdim=True).clamp_min(FAINT)
    shown = FADED + (1 - FADED) * (maps / largest)[..., None].clamp(0, 1).numpy()
    return images * shown + PAPER * (1 - shown)


def in_words(results: Sequence[Result], rows: int, known: bool) -> str:
    """What the figure shows, for readers who cannot see it."""
    names = ", ".join(each.name for each in results) + (" and the known cause" if known else "")
    words = f"{rows} image{'s' * (rows != 1)} with what matters for {', '.join(results[0].targets[:rows])} by {names}"
    if isinstance(first := results[0], Isolation):
        changes = (
            f"{percent(float(b))} as it is, {percent(float(k))} with the mask's part alone, {percent(float(r))} without"
            for b, k, r in zip(first.before[:rows], first.kept[:rows], first.removed[:rows], strict=True)
        )
        words += f"; the class's probability: {'; '.join(changes)}"
    return words + "."


def _below(axes: Axes, text: str) -> None:
    axes.text(0.5, -0.03, text, transform=axes.transAxes, ha="center", va="top", fontsize=11.5)


def _check(results: Sequence[Result], truth: Tensor | None, most: int) -> None:
    if most < 1:
        raise ValueError(f"most={most} given, expected at least one image.")
    first = results[0]
    for each in results[1:]:
        if each.images.shape != first.images.shape or not bool((each.images.cpu() == first.images.cpu()).all()):
            raise ValueError(f"{each.name} is about other images than {first.name}: give results of the same ones.")
    if truth is not None and truth.shape != first.maps.shape:
        raise ValueError(f"truth of shape {tuple(truth.shape)} given, expected {tuple(first.maps.shape)}.")


def gradients(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    target: Target | None = None,
    *,
    versus: Target | None = None,
    sign: str = "absolute",
    smoothing: float = 0.0,
    batch_size: int = 64,
    progress: bool | None = None,
) -> Attribution:
    """How fast the class's logit changes with each pixel: the plain gradient.

    Args:
        classifier, images, target, versus, batch_size, progress: as `isolate_features`.
        sign: "absolute" (a change either way counts) or "positive" (only what speaks for the class), of the sum over
            colours.
        smoothing: standard deviation in pixels of a Gaussian blur of the map; 0 is none.

    Raises:
        TypeError, ValueError: as `isolate_features`; an unknown sign, a smoothing below 0.

    Source: Simonyan, Vedaldi & Zisserman 2014; captum's `Saliency`.
    """
    from captum.attr import Saliency

    def explain(score: Score, images: Tensor) -> Tensor:
        return Saliency(score).attribute(images.requires_grad_(), abs=False).sum(1)

    question = ask(classifier, images, target, versus)
    return attribution("gradients", question, explain, sign, smoothing, batch_size, progress)


def integrated_gradients(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    target: Target | None = None,
    *,
    versus: Target | None = None,
    baseline: str | Tensor = "mean",
    steps: int = 32,
    sign: str = "positive",
    smoothing: float = 0.0,
    seed: int = 0,
    batch_size: int = 64,
    progress: bool | None = None,
) -> Attribution:
    """Gradients along the straight way from a baseline to the image, times that way: they sum to the logit gained.

    Args:
        baseline: as the `fill` of `isolate_features`.
        steps: points on the way, at least 1.
        seed: of the baseline "noise".
        others: as `gradients`.

    Raises:
        TypeError, ValueError: as `gradients`.

    Source: Sundararajan, Taly & Yan 2017; captum's `IntegratedGradients`.
    """
    from captum.attr import IntegratedGradients

    check_settings(steps=steps)
    question = ask(classifier, images, target, versus)
    start = filling(question.images, baseline, seed=seed)

    def explain(score: Score, images: Tensor) -> Tensor:
        method = IntegratedGradients(score)
        return method.attribute(images, baselines=start[score.rows], n_steps=steps).sum(1)

    at_once = max(1, batch_size // steps)
    return attribution("Integrated Gradients", question, explain, sign, smoothing, at_once, progress)


def grad_cam(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    target: Target | None = None,
    *,
    versus: Target | None = None,
    layer: str | None = None,
    smoothing: float = 0.0,
    batch_size: int = 64,
    progress: bool | None = None,
) -> Attribution:
    """A layer's channels, each weighted by its mean gradient, added up, cut off at 0 and stretched over the image.

    Args:
        layer: dotted name; if None the last one that gives a map, (channels, height, width).
        others: as `gradients`.

    Raises:
        TypeError, ValueError: as `gradients`; an unknown layer, one without maps, or a model that has none.

    Source: Selvaraju et al. 2017; captum's `LayerGradCam`.
    """
    from captum.attr import LayerGradCam

    question = ask(classifier, images, target, versus)
    module = _module(classifier, _spatial_layer(classifier, layer))

    def explain(score: Score, images: Tensor) -> Tensor:
        coarse = LayerGradCam(score, module).attribute(images, relu_attributions=True)
        return F.interpolate(coarse, size=images.shape[2:], mode="bilinear", align_corners=False).squeeze(1)

    return attribution("Grad-CAM", question, explain, "positive", smoothing, batch_size, progress)


def occlusion(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    target: Target | None = None,
    *,
    versus: Target | None = None,
    baseline: str | Tensor = "mean",
    window: int | None = None,
    stride: int | None = None,
    sign: str = "positive",
    smoothing: float = 0.0,
    seed: int = 0,
    batch_size: int = 64,
    progress: bool | None = None,
) -> Attribution:
    """By how much the class's logit falls when a square is covered, averaged over all squares that cover a pixel.

    Args:
        baseline: what the square is covered with, as the `fill` of `isolate_features`.
        window: the square's side in pixels; an eighth of the shorter side if None.
        stride: pixels from one square to the next; half the window if None.
        seed: of the baseline "noise".
        others: as `gradients`.

    Raises:
        TypeError, ValueError: as `gradients`; a window that the image does not hold, or a stride above it.

    Source: Zeiler & Fergus 2014; captum's `Occlusion`.
    """
    from captum.attr import Occlusion

    question = ask(classifier, images, target, versus)
    side = min(classifier.size)
    window = max(1, side // 8) if window is None else window
    stride = max(1, window // 2) if stride is None else stride
    if not 1 <= stride <= window <= side:
        raise ValueError(f"window={window}, stride={stride} given, expected 1 ≤ stride ≤ window ≤ {side} pixels.")
    cover = filling(question.images, baseline, seed=seed)

    def explain(score: Score, images: Tensor) -> Tensor:
        shape, strides = (classifier.channels, window, window), (classifier.channels, stride, stride)
        with torch.no_grad():
            found = Occlusion(score).attribute(images, shape, strides=strides, baselines=cover[score.rows])
        return found.mean(1)

    return attribution("occlusion", question, explain, sign, smoothing, batch_size, progress)


def _spatial_layer(classifier: Classifier, layer: str | None) -> str:
    """The layer asked for, or the last one that gives maps larger than one pixel, if there is such a layer."""
    shapes = {each.name: each.shape for each in layers(classifier)}
    with_maps = [name for name, shape in shapes.items() if len(shape) == 3 and max(shape[1:]) > 1]
    if layer is None:
        if not with_maps:
            raise ValueError(f"{classifier.name} has no layer that gives maps (channels, height, width): no Grad-CAM.")
        names = list(shapes)
        tokens = [name for name in names[names.index(with_maps[-1]) :] if len(shapes[name]) == 2]
        if tokens:  # what follows looks at all places at once; the patches before it are no features yet
            raise ValueError(
                f"{classifier.name} has no feature maps behind {with_maps[-1]!r}, where it goes on in tokens "
                f"({tokens[-1]!r} gives {shapes[tokens[-1]]}): no Grad-CAM; gradients, occlusion and isolate_features "
                f"work, and layer={with_maps[-1]!r} asks for it all the same."
            )
        return with_maps[-1]
    if layer not in shapes:
        record(classifier, [layer])  # says so, with close names
    if layer not in with_maps:
        shape = shapes.get(layer)
        raise ValueError(f"layer {layer!r} gives shape {shape} for an image, expected maps (channels, height, width).")
    return layer


def _module(classifier: Classifier, layer: str) -> nn.Module:
    return dict(classifier.module.named_modules(remove_duplicate=False))[layer]


SIGNS = ("absolute", "positive")
Maps = Float[Tensor, "batch height width"]


class Score(nn.Module):
    """What is explained: the target's logit, or its difference to another class's, for some rows of a question.

    captum repeats images (the points on a way, one after another over all images), and the classes repeat with
    them.
    """

    def __init__(self, question: Question, rows: Tensor) -> None:
        super().__init__()
        self.classifier, self.rows = question.classifier, rows
        self.target = question.target[rows]
        self.versus = None if question.versus is None else question.versus[rows]

    def forward(self, images: Tensor) -> Float[Tensor, "batch"]:
        logits = self.classifier(images)
        times = len(images) // len(self.rows)
        score = _pick(logits, self.target.repeat(times))
        return score if self.versus is None else score - _pick(logits, self.versus.repeat(times))


def attribution(
    name: str,
    question: Question,
    explain: Callable[[Score, Tensor], Tensor],
    sign: str,
    smoothing: float,
    batch_size: int,
    progress: bool | None,
) -> Attribution:
    """Chunk by chunk, with the sign and the smoothing asked for."""
    check_settings(batch_size=batch_size)
    if sign not in SIGNS:
        raise ValueError(unknown("sign", sign, SIGNS))
    if not smoothing >= 0:
        raise ValueError(f"smoothing={smoothing} given, expected a standard deviation of at least 0 pixels.")
    found = []
    with as_found(question.classifier), torch.inference_mode(False), torch.enable_grad():
        chunks = torch.arange(len(question.images)).split(batch_size)
        for rows in progress_bar(chunks, name, progress=progress):
            found.append(explain(Score(question, rows), question.images[rows].clone()).detach())
    signed = torch.cat(found)
    maps = signed.abs() if sign == "absolute" else signed.clamp_min(0)
    return Attribution(
        maps=smoothed(maps, smoothing),
        images=question.images,
        targets=question.targets,
        versus=question.against,
        answers=question.prediction.classes,
        method=name,
    )


def smoothed(maps: Maps, sigma: float) -> Maps:
    """Maps after a Gaussian blur of that standard deviation in pixels; at the border they are mirrored in."""
    if not sigma:
        return maps
    from torchvision.transforms.v2.functional import gaussian_blur

    height, width = maps.shape[1:]
    sides = [min(2 * round(3 * sigma) + 1, 2 * side - 1) for side in (width, height)]
    return gaussian_blur(maps[:, None], sides, [sigma, sigma]).squeeze(1)


def _pick(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None]).squeeze(1)


@dataclass(frozen=True, eq=False)
class Question:
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
    def targets(self) -> list[str]:
        """The classes in question by name."""
        return self._names(self.target)

    @property
    def against(self) -> list[str] | None:
        """The classes that they are held against by name, if there are any."""
        return None if self.versus is None else self._names(self.versus)

    @property
    def agrees(self) -> Bool[Tensor, "batch"]:
        """Whether the class in question is what the classifier says."""
        return self.prediction.logits.argmax(1) == self.target.cpu()

    def _names(self, indices: Tensor) -> list[str]:
        return [self.classifier.classes[index] for index in indices.tolist()]


def ask(classifier: Classifier, images: Tensor, target: Target | None, versus: Target | None) -> Question:
    """The question, checked; without a target it is about what the classifier says, right or wrong.

    Raises:
        TypeError: a model that is no `Classifier`.
        ValueError: images that it refuses, an unknown class, another number of classes than of images, or a class
            that is to be held against itself.
    """
    if not isinstance(classifier, Classifier):
        given = type(classifier).__name__
        raise TypeError(f"classifier is {given}, expected a Classifier: Classifier(module, classes=…, size=…).")
    prediction = classifier.predict(images)
    ready = images.detach().to(classifier.device, classifier.dtype).clamp(0, 1)
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
    return Question(classifier, ready, wanted, other, prediction)


@torch.no_grad()
def probability(classifier: Classifier, images: Tensor, classes: Int[Tensor, "batch"]) -> Float[Tensor, "batch"]:
    """The probability of each image's class, on the CPU."""
    return classifier.predict(images).probabilities.gather(1, classes.cpu()[:, None]).squeeze(1)
