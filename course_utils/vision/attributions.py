"""Attribution methods of the literature, and what every saliency map shares: targets, the result, and its figure.

A map says how much each pixel counts for a class: by gradients, or by covering. The methods are captum's; what is added
is one way to ask (a class, or a class rather than another), one sign and one smoothing for all, and maps that compare
with an isolation's masks (`course_utils.vision.measures`), which share the result and the figure that stand here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.canvas import filling
from course_utils.figures.images import as_images, cell_width, draw_image, percent
from course_utils.figures.style import DescribedFigure, Drawn, new_figure, styled
from course_utils.models.classifier import Classifier, Prediction
from course_utils.objectives import Target, pick
from course_utils.transforms import gaussian_blur
from course_utils.utils import image_count, progress_bar
from course_utils.validation import as_found, check_flow, check_known, check_settings, widened
from course_utils.vision.layer_table import spatial_layer

SIGNS = ("absolute", "positive")
MOST_AT_ONCE = 64  # images in a batch on a processor, where more are no faster
Maps = Float[Tensor, "batch height width"]


def gradients(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    target: Target | None = None,
    *,
    versus: Target | None = None,
    sign: str = "absolute",
    smoothing: float = 0.0,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Attribution:
    """The plain gradient: how fast the class's logit changes with each pixel.

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

    def explain(score: ExplainedLogit, images: Tensor) -> Tensor:
        method = Saliency(score)
        method.gradient_func = _gradient
        return method.attribute(images.requires_grad_(), abs=False).sum(1)

    asked = resolve_targets(classifier, images, target, versus, batch_size)
    return _attribution("gradients", asked, explain, sign, smoothing, batch_size, progress)


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
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Attribution:
    """Gradients along the line from a baseline to the image, times their difference: they sum to the logit gained.

    Args:
        baseline: as the `fill` of `isolate_features`.
        steps: points on the line, at least 1.
        seed: of the baseline "noise".
        others: as `gradients`.

    Raises:
        TypeError, ValueError: as `gradients`.

    Source: Sundararajan, Taly & Yan 2017; captum's `IntegratedGradients`.
    """
    from captum.attr import IntegratedGradients

    check_settings(steps=steps)
    asked = resolve_targets(classifier, images, target, versus, batch_size)
    start = filling(asked.images, baseline, seed=seed)

    def explain(score: ExplainedLogit, images: Tensor) -> Tensor:
        method = IntegratedGradients(score)
        method.gradient_func = _gradient
        found = method.attribute(images, baselines=start[score.rows], n_steps=steps, internal_batch_size=rows)
        return found.sum(1)

    rows = int(batch_size or classifier.default_batch_size(len(images) * steps, most=MOST_AT_ONCE))
    at_once = max(1, rows // steps)  # images, each with all its points on the line, if there is room for one
    return _attribution("Integrated Gradients", asked, explain, sign, smoothing, at_once, progress)


def grad_cam(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    target: Target | None = None,
    *,
    versus: Target | None = None,
    layer: str | None = None,
    smoothing: float = 0.0,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Attribution:
    """Grad-CAM: a layer's channels, each weighted by its mean gradient, added up, cut off at 0 and stretched.

    Args:
        layer: dotted name; if None the last one that gives a map, (channels, height, width).
        others: as `gradients`.

    Raises:
        TypeError, ValueError: as `gradients`; an unknown layer, one without maps, or a model that has none.

    Source: Selvaraju et al. 2017; captum's `LayerGradCam`.
    """
    from captum.attr import LayerGradCam

    asked = resolve_targets(classifier, images, target, versus, batch_size)
    name = spatial_layer(classifier, layer, batch_size=batch_size)
    module = dict(classifier.module.named_modules(remove_duplicate=False))[name]

    def explain(score: ExplainedLogit, images: Tensor) -> Tensor:
        coarse = widened(LayerGradCam(score, module).attribute(images.requires_grad_(), relu_attributions=True))
        return F.interpolate(coarse, size=images.shape[2:], mode="bilinear", align_corners=False).squeeze(1)

    return _attribution("Grad-CAM", asked, explain, "positive", smoothing, batch_size, progress)


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
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Attribution:
    """The fall of the class's logit when a square is covered, averaged over all squares that cover a pixel.

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

    asked = resolve_targets(classifier, images, target, versus, batch_size)
    side = min(classifier.size)
    window = max(1, side // 8) if window is None else window
    stride = max(1, window // 2) if stride is None else stride
    if not 1 <= stride <= window <= side:
        raise ValueError(f"window={window}, stride={stride} given, expected 1 ≤ stride ≤ window ≤ {side} pixels.")
    cover = filling(asked.images, baseline, seed=seed)

    def explain(score: ExplainedLogit, images: Tensor) -> Tensor:
        shape, strides = (classifier.channels, window, window), (classifier.channels, stride, stride)
        with torch.no_grad():
            found = Occlusion(score).attribute(images, shape, strides=strides, baselines=cover[score.rows])
        return found.mean(1)

    return _attribution("occlusion", asked, explain, sign, smoothing, batch_size, progress)


class ExplainedLogit(nn.Module):
    """What is explained: the target's logit, or its difference to another class's, for some of the rows asked about.

    captum repeats images (the points on a way, one after another over all images), and the classes repeat with
    them.
    """

    def __init__(self, asked: ResolvedTargets, rows: Tensor) -> None:
        super().__init__()
        self.classifier, self.rows = asked.classifier, rows
        self.target = asked.target[rows]
        self.versus = None if asked.versus is None else asked.versus[rows]

    def forward(self, images: Tensor) -> Float[Tensor, "batch"]:
        logits = widened(self.classifier(images))
        times = len(images) // len(self.rows)
        score = pick(logits, self.target.repeat(times))
        if images.requires_grad:
            check_flow(score)
        return score if self.versus is None else score - pick(logits, self.versus.repeat(times))


def _attribution(
    name: str, asked: ResolvedTargets, explain: Callable[[ExplainedLogit, Tensor], Tensor], sign: str,
    smoothing: float, batch_size: int | None, progress: bool | None,
) -> Attribution:  # fmt: skip
    """The attribution, chunk by chunk, with the sign and the smoothing asked for."""
    check_known("sign", sign, SIGNS)
    most = max(asked.classifier.size)
    if not 0 <= smoothing <= most:
        raise ValueError(f"smoothing={smoothing} given, expected a standard deviation of 0 to {most} pixels.")
    with as_found(asked.classifier), torch.inference_mode(False), torch.enable_grad():
        size = int(batch_size or asked.classifier.default_batch_size(len(asked.images), most=MOST_AT_ONCE))
        chunks = progress_bar(torch.arange(len(asked.images)).split(size), name, progress=progress)
        found = [explain(ExplainedLogit(asked, rows), asked.images[rows].clone()).detach() for rows in chunks]
    signed = torch.cat(found)
    maps = signed.abs() if sign == "absolute" else signed.clamp_min(0)
    return Attribution(maps=smoothed(maps, smoothing), method=name, **asked.described())


def _gradient(forward_fn: ExplainedLogit, inputs: tuple[Tensor], *_: object, **__: object) -> tuple[Tensor | None]:
    """The score's gradient, as captum wants it; its own way is refused by nets that recompute (checkpointing)."""
    forward_fn(inputs[0]).sum().backward()
    return (inputs[0].grad,)


def smoothed(maps: Maps, sigma: float) -> Maps:
    """Maps after a Gaussian blur of that standard deviation in pixels."""
    return gaussian_blur(maps[:, None], sigma, reach=3).squeeze(1)


# ------------------------------------------------------------------ what every map shares

MOST = 4  # images in one figure: more rows than a screen holds help nobody
LARGEST = 1.6  # inches: a small image drawn larger than this shows its pixels and nothing more
FADED = 0.25  # how much of an image is left, on white, where a map is 0: enough to see where one is
ROOMY = 1.2  # inches of a column in which a heading of two words stands in one line
LETTERING = 11.0  # points of a heading for each inch of its column: what ten letters in a line have room for
FAINT = 1e-6  # a map whose largest value is below shows nothing


@dataclass(frozen=True, eq=False, repr=False)
class Attribution(Drawn):
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

    def _subject(self) -> str:
        """The classes in question, in words."""
        named = [sorted(set(names)) for names in (self.targets, self.versus) if names is not None]
        return " and not ".join(names[0] if len(names) == 1 else f"{len(names)} classes" for names in named)

    def _disagreement(self) -> str:
        other = int((~self.agrees).sum())
        return f"; the classifier says something else of {other}" if other else ""


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
    check_settings(most=most)
    for each in others:
        if each.images.shape != result.images.shape or not bool((each.images.cpu() == result.images.cpu()).all()):
            raise ValueError(f"{each.name} is about other images than {result.name}: give results of the same ones.")
    if truth is not None and truth.shape != result.maps.shape:
        raise ValueError(f"truth of shape {tuple(truth.shape)} given, expected {tuple(result.maps.shape)}.")
    images = as_images(result.images)[:most]
    columns = [("image", images), *((each.name, faded(images, each.maps)) for each in results)]
    if truth is not None:
        columns.append(("known cause", faded(images, truth)))
    if result.probabilities:
        columns.insert(2, ("the rest", faded(images, 1 - result.maps)))
    cell = cell_width(images, len(columns), LARGEST)
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
    return images * shown + (1 - shown)


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
