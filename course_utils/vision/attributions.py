"""What the literature knows: gradients, Integrated Gradients, Grad-CAM and occlusion, computed by captum.

All take what `isolate_features` takes and give an `Attribution`. They explain the class's logit, or with `versus` its
difference to the other class's. `sign=` and `smoothing=` are choices that decide much, so they stand in the call.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.activations import record
from course_utils.canvas import filling
from course_utils.guards import check_settings
from course_utils.models.classifier import Classifier
from course_utils.objectives import Target
from course_utils.vision.isolation_result import Attribution
from course_utils.vision.layer_table import layers
from course_utils.vision.map_by_map import Score, attribution
from course_utils.vision.questions import ask


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
    """Gradients along the straight way from a baseline to the picture, times that way: they sum to the logit gained.

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

    check_settings(stop_at=None, steps=steps)
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
    """A layer's channels, each weighted by its mean gradient, added up, cut off at 0 and stretched over the picture.

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
        TypeError, ValueError: as `gradients`; a window that the picture does not hold, or a stride above it.

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
        raise ValueError(f"layer {layer!r} gives shape {shape} for a picture, expected maps (channels, height, width).")
    return layer


def _module(classifier: Classifier, layer: str) -> nn.Module:
    return dict(classifier.module.named_modules(remove_duplicate=False))[layer]
