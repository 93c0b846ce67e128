"""What a unit looks for in natural images: those that excite it most, and one image with more of it.

A feature visualisation starts from noise, and shows what a unit would like best. Its two neighbours start from images
that are at hand. `top_images` ranks them by how strongly they excite the unit. `accentuate` changes one of them until
the unit answers more, and keeps it near what it was: the change shows *what* the unit would see more of, and *where*.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from course_utils.activations import Outputs, record
from course_utils.canvas import FourierCanvas
from course_utils.figures.images import show_images
from course_utils.figures.style import PALETTE, Drawn
from course_utils.images import load_images
from course_utils.loop import optimize
from course_utils.models.classifier import LARGE, Classifier
from course_utils.objectives import Channel, Objective, channels_first
from course_utils.transforms import Transform
from course_utils.utils import image_count, run_chunks
from course_utils.validation import check_settings, evaluating
from course_utils.vision import feature_visualization
from course_utils.vision.attacks import show_perturbation
from course_utils.vision.feature_visualization import MOST_AT_ONCE, ObjectiveBatch, ObjectiveLike, measure
from course_utils.vision.layer_table import chosen_layers, outputs_of

NEAR = 20.0  # chosen by eye on two photographs and classes of ImageNet
EDGE = 1 / 512  # of [0, 1]: the log-odds of black and white are infinite


@torch.inference_mode(False)
def accentuate(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    objective: ObjectiveLike | Sequence[ObjectiveLike],
    *,
    near: float = NEAR,
    layer: str | None = None,
    transforms: Sequence[Transform] | str = "standard",
    steps: int = 60,
    learning_rate: float = 0.03,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Accentuation:
    """Natural images changed so that a unit answers more, and so that they stay near what they were.

    The images are written in waves, as those of `visualize` are. The score is objective, after random transforms, less
    `near` · distance, before them. The distance is that of a layer's activations from the original's, squared, as a
    share of the original's own square.

    Args:
        classifier: used in eval mode and left as found.
        images: in [0, 1]: photographs, scenes.
        objective: `"layer3:12"` (a channel), `"logits:volcano"` (a class) or an objective, for all images; or a list
            of them, one for each.
        near: what a distance of one costs, in units of the objective, at least 0: tens for logits of ImageNet's
            networks, a few for those of small ones, about its usual activation for a channel.
        layer: where distance is measured; by default the one in the middle of `stages`.
        transforms, steps, learning_rate, seed, batch_size, progress: as `visualize`; random crops and mirroring are
            the standard transforms of images from 128 pixels.

    Returns:
        The best images of a clean evaluation. After Ctrl-C those of the images that were reached.

    Raises:
        ValueError: images that the classifier refuses, an unknown layer, class or channel, a number of objectives that
            does not go with the images, settings out of range.
        TypeError: something that is no objective.
        RuntimeError, FloatingPointError: no usable gradient (see `course_utils.loop.optimize`).

    Warns:
        UserWarning: `near` keeps every image as it was.

    Source: Hamblin et al. 2024. There the magnitudes of an image's waves are held and only phases change, and a ratio
    of gradients sets the weight of the penalty; here both change, and `near` is in units that can be read.
    """
    check_settings(steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    if not 0 <= near < float("inf"):
        raise ValueError(f"near={near} given, expected at least 0.")
    ready = classifier.check_images(images).detach().to(classifier.device, classifier.image_dtype).clamp(EDGE, 1 - EDGE)
    given: Any = objective
    wanted = ObjectiveBatch(given if isinstance(given, list | tuple) else [given], 1, images=len(ready))
    wanted.check(classifier)
    found = chosen_layers(classifier, None if layer is None else [layer], batch_size=batch_size)
    at = found[len(found) // 2]
    see = record(classifier, [at])
    kind = "natural" if min(classifier.size) >= LARGE else "fourier"
    settings = feature_visualization.image_settings(classifier, kind, (), transforms, learning_rate, steps, seed)

    def work(rows: list[int], progress: bool | None) -> SimpleNamespace:
        aim, originals = wanted.of(rows), ready[rows]
        canvas: Any = feature_visualization.new_canvas(classifier, "fourier", rows, seed)
        with torch.no_grad(), evaluating(classifier):
            canvas.spectrum.copy_(waves_of(originals, canvas))
            natural = see(originals)[at].flatten(1)

        def distance(x: Tensor) -> Float[Tensor, "batch"]:
            moved = (see(x)[at].flatten(1) - natural).square().sum(1)
            return moved / natural.square().sum(1).clamp_min(1e-12)

        run = settings | {"priors": [lambda x: near * distance(x)], "indices": rows, "progress": progress}
        result = optimize(classifier, canvas, aim, **run)
        with torch.no_grad(), evaluating(classifier):
            figures = measure(classifier, aim, originals), measure(classifier, aim, result.x), distance(result.x)
        return SimpleNamespace(rows=(result.x, originals, *figures), interrupted=result.interrupted)

    size = int(batch_size or classifier.default_batch_size(len(ready), most=MOST_AT_ONCE))
    parts, interrupted = run_chunks(work, wanted.chunks(size, together=False), "accentuating", progress=progress)
    if max(part.rows[-1].max() for part in parts) < 1e-6:
        warnings.warn(
            f"near={near} costs more than {wanted.names[0]} gains: no image changed; take less.", stacklevel=2
        )
    rows: Any = (torch.cat(each).cpu() for each in zip(*(part.rows for part in parts), strict=True))
    after, originals, before, activation, distance = rows
    names = wanted.names[: len(after)]
    return Accentuation(after, originals, before, activation, distance, names, at, interrupted)


def waves_of(images: Float[Tensor, "batch channels height width"], canvas: FourierCanvas) -> Float[Tensor, "batch ..."]:
    """The numbers with which a canvas renders these images: its way from numbers to pixels, backwards."""
    mixed = torch.linalg.pinv(canvas.colours) @ images.logit().flatten(2)
    return torch.view_as_real(torch.fft.rfft2(mixed.reshape(images.shape), norm="ortho")) / canvas.amplitudes


@dataclass(frozen=True, eq=False, repr=False)
class Accentuation(Drawn):
    """Images with more of what a unit looks for; one row an image.

    Attributes:
        images: in [0, 1].
        originals: what they were made from.
        before, activation: of each image's objective, for the original and for the image, without transforms.
        distance: of the layer's activations from the original's, squared, over the original's own square.
        objectives: what each image has more of, in words.
        layer: where distance is measured.
        interrupted: whether Ctrl-C or the notebook's stop button cut it short; images not reached are left out.
    """

    images: Float[Tensor, "batch channels height width"]
    originals: Float[Tensor, "batch channels height width"]
    before: Float[Tensor, "batch"]
    activation: Float[Tensor, "batch"]
    distance: Float[Tensor, "batch"]
    objectives: list[str]
    layer: str
    interrupted: bool

    def plot(self) -> Any:
        """The first four images before and after, and between them the change, magnified around mid-grey."""
        captions = [
            [f"{name}: {value:.3g}" for name, value in zip(self.objectives, values.tolist(), strict=True)]
            for values in (self.before, self.activation)
        ]
        large = (self.images - self.originals)[:4].abs().flatten().quantile(0.99).item()  # but for single pixels
        factor = max(1, round(0.5 / max(large, 0.01)))
        return show_perturbation(self.originals, self.images, magnify=factor, captions=(captions[0], captions[1]))

    def __repr__(self) -> str:
        images, cut = image_count(len(self.images)), "; interrupted" * self.interrupted
        before, after, distance = (each.median() for each in (self.before, self.activation, self.distance))
        return f"Accentuation of {images}: median activation {before:.3g} → {after:.3g}, distance {distance:.2f}{cut}"


def top_images(
    classifier: Classifier,
    images: Float[Tensor, "n channels height width"] | str | Path | Sequence[str | Path],
    unit: ObjectiveLike,
    *,
    k: int = 9,
    crops: int = 1,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> TopImages:
    """The natural images that excite a unit most, strongest first.

    Args:
        classifier: used in eval mode and left as found.
        images: in [0, 1]; or a folder, an image file, or a list of such.
        unit: `"layer3:12"` (a channel), `"logits:volcano"` (a class) or an objective, such as a `Neuron`.
        k: images that are returned, at most.
        crops: parts along each side that an image is cut into, overlapping by half; 1 takes it as it is.
        batch_size: images that go through the classifier at once; if None as many as fit into memory.
        progress: True shows a bar, False none, None one for work of over a second.

    Returns:
        The strongest; after Ctrl-C of those that were reached.

    Raises:
        ValueError: images that the classifier refuses or that cannot be read, an unknown layer, class or channel, `k`
            or `crops` below 1.
        TypeError: something that is no objective.
    """
    check_settings(k=k, crops=crops, batch_size=batch_size)
    asked = ObjectiveBatch([unit], 1)
    asked.check(classifier)
    aim, (down, across) = asked.objectives[0], classifier.size
    larger = classifier.at_size(((crops + 1) * down // 2, (crops + 1) * across // 2))
    if isinstance(images, Tensor):
        whole = F.interpolate(classifier.check_images(images), larger.size, mode="bicubic").clamp(0, 1)
    else:
        whole = load_images(larger, *([images] if isinstance(images, str | Path) else images))
    cut = whole.unfold(2, down, max(1, down // 2)).unfold(3, across, max(1, across // 2))
    parts = cut.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    size = int(batch_size or classifier.default_batch_size(len(parts), most=MOST_AT_ONCE, backward=False))

    def look(rows: Tensor, progress: bool | None) -> tuple[Tensor, Tensor]:
        outputs = outputs_of(classifier, parts[rows], aim.layers, batch_size=size)
        return aim(outputs).cpu(), _places(aim, outputs).cpu()

    found, _ = run_chunks(look, torch.arange(len(parts)).split(size), "looking at images", progress=progress)
    score, places = (torch.cat(each) for each in zip(*found, strict=True))
    activation, best = score.topk(min(k, len(score)))
    of_image = best // (len(parts) // len(whole))
    return TopImages(parts[best].cpu(), activation, of_image, places[best], asked.names[0], len(score))


def _places(aim: Objective, outputs: Outputs) -> Float[Tensor, "batch 2"]:
    """Where a channel answers most, (down, across) as shares of height and width; NaN for what has no places."""
    maps = channels_first(outputs[aim.layers[0]])[:, aim.channel] if type(aim) is Channel else outputs.logits
    if maps.ndim != 3:
        return torch.full((outputs.batch, 2), torch.nan)
    at, (rows, columns) = maps.flatten(1).argmax(1), maps.shape[1:]
    return torch.stack([(at // columns + 0.5) / rows, (at % columns + 0.5) / columns], 1)


@dataclass(frozen=True, eq=False, repr=False)
class TopImages(Drawn):
    """The images that excite a unit most, strongest first.

    Attributes:
        images: in [0, 1]; parts where images were cut.
        activation: the unit's, of each.
        rows: which of the given images each is, or is part of.
        places: where a channel answers most, (down, across) as shares of height and width; NaN for other units.
        unit: in words.
        of: among how many images or parts.
    """

    images: Float[Tensor, "k channels height width"]
    activation: Float[Tensor, "k"]
    rows: Int[Tensor, "k"]
    places: Float[Tensor, "k 2"]
    unit: str
    of: int

    def plot(self, *, columns: int | None = None) -> Any:
        """A contact sheet, each image under the activation, with a ring where a channel answers most."""
        titles = [f"{value:.3g}" for value in self.activation.tolist()]
        sheet = show_images(self.images, titles, columns=columns, alt=f"The images that excite {self.unit} most.")
        height, width = self.images.shape[2:]
        for axes, (down, across) in zip(sheet.figure.axes, self.places.tolist(), strict=True):
            axes.plot(across * width, down * height, "o", ms=18, mfc="none", mec=PALETTE[5], mew=3)
        return sheet

    def __repr__(self) -> str:
        low, high = self.activation[-1].item(), self.activation[0].item()
        return f"TopImages: {len(self.images)} of {self.of} for {self.unit}, activation {low:.3g} to {high:.3g}"
