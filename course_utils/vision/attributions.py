"""Attribution methods of the literature: how much each pixel counts for a class, by gradients or by covering.

The methods are captum's; what is added is one way to ask (a class, or a class rather than another), one sign and one
smoothing for all, and maps that compare with an isolation's masks (`course_utils.vision.measures`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.activations import record
from course_utils.canvas import filling
from course_utils.models.classifier import Classifier
from course_utils.objectives import Target
from course_utils.transforms import gaussian_blur
from course_utils.utils import progress_bar
from course_utils.validation import as_found, check_flow, check_settings, unknown, widened
from course_utils.vision.layer_table import computing_layers, layers
from course_utils.vision.saliency import Attribution, ResolvedTargets, resolve_targets

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
    module = dict(classifier.module.named_modules(remove_duplicate=False))[
        _spatial_layer(classifier, layer, batch_size)
    ]

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
    """What is explained: the target's logit, or its difference to another class's, for some rows of a asked.

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
        score = _pick(logits, self.target.repeat(times))
        if images.requires_grad:
            check_flow(score)
        return score if self.versus is None else score - _pick(logits, self.versus.repeat(times))


def _attribution(
    name: str,
    asked: ResolvedTargets,
    explain: Callable[[ExplainedLogit, Tensor], Tensor],
    sign: str,
    smoothing: float,
    batch_size: int | None,
    progress: bool | None,
) -> Attribution:
    """The attribution, chunk by chunk, with the sign and the smoothing asked for."""
    if sign not in SIGNS:
        raise ValueError(unknown("sign", sign, SIGNS))
    most = max(asked.classifier.size)
    if not 0 <= smoothing <= most:
        raise ValueError(f"smoothing={smoothing} given, expected a standard deviation of 0 to {most} pixels.")
    found = []
    with as_found(asked.classifier), torch.inference_mode(False), torch.enable_grad():
        size = int(batch_size or asked.classifier.default_batch_size(len(asked.images), most=MOST_AT_ONCE))
        chunks = torch.arange(len(asked.images)).split(size)
        for rows in progress_bar(chunks, name, progress=progress):
            found.append(explain(ExplainedLogit(asked, rows), asked.images[rows].clone()).detach())
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


def _pick(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None]).squeeze(1)


def _spatial_layer(classifier: Classifier, layer: str | None, batch_size: int | None) -> str:
    """The layer asked for, or the last one that gives maps larger than one pixel, if there is such a layer."""
    shapes = {each.name: each.shape for each in layers(classifier, batch_size=batch_size)}
    with_maps = [name for name, shape in shapes.items() if len(shape) == 3 and max(shape[1:]) > 1]
    if layer is None:
        computing = {each.name for each in computing_layers(classifier, batch_size=batch_size)}
        with_maps = [name for name in with_maps if name in computing]
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
