"""Image classifiers behind one interface: images in [0, 1] go in, logits come out, normalisation happens inside."""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from numbers import Integral, Number
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.activations import OUTPUTS, as_logits, default_batch_size, picked
from course_utils.figures.images import as_images, percent, show_probabilities
from course_utils.figures.style import DescribedFigure
from course_utils.validation import check_known, check_settings, check_unit_interval, evaluating, unknown, widened

MOST = 256  # images that are asked about together on a processor
LARGE = 128  # pixels: images of at least this side are taken for photographs; their networks have a mean and std
Statistic = float | np.floating | Sequence[float] | np.ndarray | Tensor


@dataclass(frozen=True)
class Prediction:
    """Logits and probabilities that a classifier gives to each image of a batch."""

    logits: Float[Tensor, "batch classes"]
    probabilities: Float[Tensor, "batch classes"]
    known_classes: tuple[str, ...]

    @property
    def classes(self) -> list[str]:
        """The most probable class of each image, by name."""
        return [self.known_classes[index] for index in self.logits.argmax(1).tolist()]

    @property
    def confidence(self) -> Float[Tensor, "batch"]:
        """The probability of the most probable class."""
        return self.probabilities.amax(1)

    def top(self, k: int = 3) -> list[list[tuple[str, float]]]:
        """For each image its k most probable classes with their probabilities, best first."""
        values, indices = self.probabilities.topk(min(k, len(self.known_classes)), dim=1)
        rows = zip(indices.tolist(), values.tolist(), strict=True)
        return [[(self.known_classes[i], p) for i, p in zip(*row, strict=True)] for row in rows]

    def __repr__(self) -> str:
        named = ", ".join(f"{c} {100 * p:.1f} %" for c, p in zip(self.classes, self.confidence.tolist(), strict=True))
        return f"Prediction({named})"


class Classifier(nn.Module):
    """An image classifier with the names of its classes.

    Args:
        module: maps normalised images (batch, channels, height, width) to logits (batch, classes); it is put into
            evaluation mode. Of several outputs the one named "logits" or "out" counts, or the first. Layers are asked
            for by its dotted module names, as `module.named_modules()` prints them.
        classes: one name for each logit, in order; or by index, as the dictionaries `id2label` and `label2id` of
            transformers' models, whose duplicates get their index (`unique_names`).
        size: height and width of the images it takes, in pixels (one number for a square).
        mean, std: per channel, of images in [0, 1], as a sequence, an array or a tensor; or one number for all
            channels. The module sees (image - mean) / std. Their number is the number of channels, three for two
            single numbers. If None, 0 and 1: images go in as they are.
        outputs: "logits", or "probabilities" for a module that ends in a softmax; their logarithm is then taken.
        name: what figures and messages call it.
        colours: 3x3, how the channels of its images vary together (`course_utils.canvas.image.colour_statistics`);
            None where it is not known.

    Warns:
        UserWarning: neither mean nor std is given for images of 128 pixels and more; the module was being trained.

    Raises:
        TypeError: `module` is no `nn.Module`; mean, std or size are no numbers; classes are no list of names.
        ValueError: fewer than two classes, two of one name, unknown outputs, or mean, std and size that do not fit
            together.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        classes: Sequence[str] | Mapping[int, str] | Mapping[str, int] | Mapping[str, str] | np.ndarray,
        size: Integral | Sequence[int] | Mapping[str, int] | np.ndarray,
        mean: Statistic | None = None,
        std: Statistic | None = None,
        outputs: str = "logits",
        name: str | None = None,
        colours: Sequence[Sequence[float]] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(module, nn.Module):
            raise TypeError(f"Classifier() wraps a torch.nn.Module, not {type(module).__name__}: {module!r}")
        self.module = module
        self.classes = tuple(_listed(classes))
        self.size = _sides(size)
        self.name = type(module).__name__ if name is None else str(name)
        self.colours = colours
        check_known("outputs", outputs, OUTPUTS)
        self.outputs, self._looked = outputs, False
        twice = [name for name, count in Counter(self.classes).items() if count > 1]
        if not self.classes:
            raise ValueError("every class needs a name of its own; got none")
        if len(self.classes) == 1:
            raise ValueError(
                f"{self.classes[0]!r} is the only class, and a softmax over one class is always 1: a head with one "
                "number z for yes or no has two classes, [no, yes]: return torch.cat([torch.zeros_like(z), z], 1)"
            )
        if twice:
            raise ValueError(
                f"every class needs a name of its own; {twice[:5]} stand twice: "
                "classes=course_utils.models.unique_names(names) adds their index"
            )
        if mean is None and std is None and min(self.size) >= LARGE:
            warnings.warn(
                f"mean and std of {self.name} are not given, so images go in as they are, in [0, 1]: give those that "
                "it was trained with, or mean=0, std=1 if that is right.",
                stacklevel=2,
            )
        means, stds = _statistics(0.0 if mean is None else mean, (1.0, 1.0, 1.0) if std is None else std)
        if len(means) != len(stds) or not len(means) or not (stds > 0).all() or min(self.size) < 1:
            raise ValueError(
                f"mean and std need one number for each channel, std above 0, size at least 1 pixel; "
                f"got mean={tuple(means.tolist())}, std={tuple(stds.tolist())}, size={self.size}"
            )
        weight = next(module.parameters(), means)  # a module may be on a GPU already
        self.mean = nn.Buffer(means.float()[:, None, None].to(weight.device), persistent=False)
        self.std = nn.Buffer(stds.float()[:, None, None].to(weight.device), persistent=False)
        if module.training and any(weight.grad is not None for weight in module.parameters()):
            warnings.warn(
                f"{self.name} is being trained, and is put into evaluation mode: module.train() goes on.", stacklevel=2
            )
        self.eval()

    def forward(self, images: Tensor) -> Float[Tensor, "batch classes"]:
        """Logits of images, float (batch, channels, height, width) in [0, 1].

        What is no such batch is refused as `check_images` says, in words rather than by a type check. Images
        that are being optimised (they require a gradient) are not searched for values outside [0, 1]: their canvas
        keeps them there. At the first call what comes out is looked at: probabilities are no logits.

        Raises:
            TypeError, ValueError: as `check_images`; what comes out is no (batch, classes), or not what `outputs` says.
        """
        self._check_form(images)
        if not images.requires_grad:
            check_unit_interval(images, f"images for {self.name}")
        exact = self.image_dtype
        normalised = (images.to(exact) - self.mean.to(exact)) / self.std.to(exact)
        logits = picked(self.module(normalised.to(self.dtype)))
        if not isinstance(logits, Tensor) or logits.shape != (len(images), len(self.classes)):
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ValueError(
                f"{self.name} must return logits of shape (batch, classes) = {(len(images), len(self.classes))}, "
                f"but its module returned {got}; check classes= or wrap the module"
            )
        checked = as_logits(logits, self.outputs, self.name, check=not self._looked)
        self._looked = True
        return checked

    @torch.no_grad()
    def predict(self, images: Tensor, *, batch_size: int | None = None) -> Prediction:
        """Predictions for images, float (batch, channels, height, width) in [0, 1].

        It answers in evaluation mode; every module's mode is left as it was.

        Args:
            batch_size: images that go through the net at once; if None as many as fit into memory
                (`default_batch_size`), on a processor at most 256.

        Raises:
            TypeError, ValueError: as `check_images`; a batch size below 1.
        """
        check_settings(batch_size=batch_size)
        size = int(batch_size or self.default_batch_size(len(self.check_images(images)), most=MOST, backward=False))
        with evaluating(self):
            logits = torch.cat([self(chunk.to(self.device)) for chunk in images.split(size)]).cpu()
        return Prediction(widened(logits), logits.float().softmax(1), self.classes)

    def default_batch_size(self, count: int, *, most: int, backward: bool = True) -> int:
        """The number of images that go through the net together, as `course_utils.activations.default_batch_size`."""
        return default_batch_size(self, self.grey_image, count, most=most, backward=backward)

    def train(self, mode: bool = True) -> Classifier:
        """Switches between training and evaluation; what torch.export made keeps the mode that it was made in."""
        with suppress(NotImplementedError):
            super().train(mode)
        return self

    def at_size(self, size: int | tuple[int, int]) -> Classifier:
        """The same classifier, sharing its weights, for images of another size; its net may refuse them when asked."""
        other = copy.copy(self)
        other.size = _sides(size)
        return other

    @property
    def layers(self) -> list[str]:
        """The dotted names of all modules inside, in the order in which they were made."""
        return [name for name, _ in self.module.named_modules() if name]

    @property
    def channels(self) -> int:
        return len(self.mean)

    @property
    def device(self) -> torch.device:
        return self.mean.device

    @property
    def dtype(self) -> torch.dtype:
        return next((p.dtype for p in self.module.parameters() if p.is_floating_point()), self.mean.dtype)

    @property
    def image_dtype(self) -> torch.dtype:
        """The number format of images that are optimised, and of results: float32 where the model's is half of it."""
        return torch.promote_types(self.dtype, torch.float32)

    @property
    def grey_image(self) -> Float[Tensor, "1 channels height width"]:
        """A mid-grey image of the size and number of channels that the classifier takes, on its device."""
        shape = (1, self.channels, *self.size)
        return torch.full(shape, 0.5, device=self.device, dtype=self.image_dtype)

    def index(self, target: str | int) -> int:
        """The index of a class given by name or index; digits are a name where a class has it, and else an index.

        Raises:
            ValueError: unknown name (with close names), or an index out of range.
            TypeError: neither a text nor a whole number.
        """
        if isinstance(target, str):
            if target in self.classes:
                return self.classes.index(target)
            if not target.isdecimal():
                raise ValueError(unknown(f"class of {self.name}", target, self.classes))
        elif isinstance(target, bool) or not isinstance(target, Integral):
            raise TypeError(f"a class is given by its name or its index, a whole number; got {str(target)[:80]}")
        if not 0 <= int(target) < len(self.classes):
            raise ValueError(f"{self.name} has classes 0 to {len(self.classes) - 1}, there is no class {int(target)}")
        return int(target)

    def targets(self, target: str | int | Sequence | Tensor, batch: int) -> Int[Tensor, "batch"]:
        """Class indices for a batch, from one class for all or one for each, by name or index.

        Raises:
            ValueError: an unknown class, a number of classes other than 1 or `batch`, or rows of numbers.
            TypeError: neither names nor whole numbers.
        """
        if isinstance(target, Tensor | np.ndarray):
            if target.ndim > 1:
                raise ValueError(
                    f"targets of shape {tuple(target.shape)} given, expected one class for each image: of one-hot rows "
                    "write .argmax(1)"
                )
            target = target.tolist()
        if isinstance(target, str | Number) or not isinstance(target, Iterable):
            target = [target] * batch
        given: list[Any] = [each.item() if isinstance(each, Tensor) and each.numel() == 1 else each for each in target]
        indices = [self.index(each) for each in given]
        if len(indices) != batch:
            raise ValueError(f"got {len(indices)} classes for {batch} images; give one for all, or one for each")
        return torch.tensor(indices, device=self.device)

    def check_images(self, images: Tensor) -> Tensor:
        """The images, if they are what the classifier takes.

        Raises:
            TypeError: no tensor, or not of a floating-point type.
            ValueError: empty, of the wrong shape or size, NaN, or outside [0, 1].
        """
        self._check_form(images)
        check_unit_interval(images, f"images for {self.name}")
        return images

    def _check_form(self, images: Tensor) -> None:
        shape = f"(batch, {self.channels}, {self.size[0]}, {self.size[1]})"
        takes = f"{self.name} takes a float tensor of shape {shape} in [0, 1]"
        if not isinstance(images, Tensor):
            raise TypeError(f"{takes}, not {type(images).__name__}; torch.as_tensor may help")
        if images.layout != torch.strided or images.is_meta:
            raise TypeError(f"{takes}, not a tensor that is sparse or has no numbers (meta)")
        if not images.is_floating_point():
            raise TypeError(f"{takes}, not {images.dtype}; for 0 to 255 write images.float() / 255")
        if images.shape == (self.channels, *self.size):
            raise ValueError(f"{takes}; this is a single image, write image[None]")
        if images.ndim != 4 or images.shape[1] != self.channels:
            raise ValueError(f"{takes}, not shape {tuple(images.shape)}")
        if len(images) == 0:
            raise ValueError(f"{takes}; this batch is empty")
        if tuple(images.shape[2:]) != self.size:
            raise ValueError(
                f"{takes}, not {images.shape[2]}x{images.shape[3]} pixels; "
                "torchvision.transforms.v2.functional.resize changes the size"
            )

    def __repr__(self) -> str:
        count = sum(p.numel() for p in self.parameters())
        size = f"{self.size[0]}x{self.size[1]}"
        return f"Classifier({self.name}: {len(self.classes)} classes, {size}, {count:,} parameters)"


def _statistics(mean: Statistic, std: Statistic) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, one number each per channel; three channels where both are a single number."""
    try:
        given = [torch.as_tensor(each, dtype=torch.float64, device="cpu") for each in (mean, std)]
        means, stds = (each.detach().to_dense() for each in given)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"mean and std are one number for all channels or for each; got {mean!r}, {std!r}") from None
    channels = next((each.numel() for each in (means, stds) if each.ndim), 3)
    means, stds = (each.flatten() if each.ndim else each.repeat(channels) for each in (means, stds))
    return means, stds


def unique_names(names: Iterable[str] | Mapping[int, str] | Mapping[str, int] | Mapping[str, str]) -> list[str]:
    """Class names, each different: those that stand twice get their index, as in "crane (134)".

    Args:
        names: in the order of the logits; or by index, as `config.id2label` or `config.label2id` have them.

    Raises:
        ValueError: a dictionary whose indices are not 0, 1, 2, …
    """
    if isinstance(names, Mapping):
        pairs: list[tuple[Any, Any]] = list(names.items())
        if all(isinstance(index, Integral) for _, index in pairs):
            pairs = [(index, name) for name, index in pairs]
        try:
            by_index = {int(index): str(name) for index, name in pairs}
        except ValueError:
            raise ValueError(f"classes by index expected, as in id2label or label2id, got {pairs[:3]} …") from None
        if sorted(by_index) != list(range(len(by_index))):
            raise ValueError(f"class names of indices {sorted(by_index)[:8]} … given, expected 0 to {len(names) - 1}.")
        names = [by_index[index] for index in range(len(by_index))]
    listed = [str(name) for name in names]
    count = Counter(listed)
    return [f"{name} ({index})" if count[name] > 1 else name for index, name in enumerate(listed)]


def _listed(classes: object) -> list[str]:
    """Class names in the order of the logits.

    Raises:
        TypeError: no list of names: a set has no order, and a text is one name.
    """
    if isinstance(classes, Mapping):
        return unique_names(classes)
    if isinstance(classes, str | bytes | Set) or not isinstance(classes, Iterable) or not getattr(classes, "ndim", 1):
        kind = type(classes).__name__
        raise TypeError(f"classes= is a list of names in the order of the logits, not {kind}: {classes!r}")
    return [str(name) for name in classes]


def _sides(size: object) -> tuple[int, int]:
    """Height and width, from one whole number or two of any kind.

    Raises:
        TypeError: anything else.
    """
    given: Any = size
    if isinstance(size, Mapping):  # of an image processor
        given = size.get("shortest_edge") or [size.get("height"), size.get("width")]
    several = list(given) if isinstance(given, Iterable) and getattr(given, "ndim", 1) != 0 else []
    sides = [given] * 2 if isinstance(given, Integral) else several
    if len(sides) != 2 or not all(isinstance(each, Integral) for each in sides):
        raise TypeError(f"size= is height and width in pixels, or one whole number for a square; got {size!r}")
    return int(sides[0]), int(sides[1])


def show_predictions(
    classifier: Classifier,
    images: Tensor,
    labels: Sequence[str] | Tensor | None = None,
    *,
    top: int = 3,
    columns: int | None = None,
    alt: str | None = None,
) -> DescribedFigure:
    """Images with the classifier's most probable classes as bars under each.

    Args:
        classifier: a `Classifier`.
        images: (batch, 3, height, width) in [0, 1].
        labels: the true classes, as names or indices, one for each image; they become the titles, with
            ✓ where the classifier agrees and ✗ where not.
        top: how many classes to draw.
        columns: images in a row; up to four by default.
        alt: what the figure shows; by default a list of the predictions.

    Raises:
        ValueError: images of another shape or range, labels of another number or of an unknown class.
    """
    arrays = as_images(images)
    prediction = classifier.predict(images)
    titles = [""] * len(arrays)
    if labels is not None:
        truth = [classifier.classes[int(label)] for label in classifier.targets(labels, len(arrays))]
        pairs = zip(prediction.classes, truth, strict=True)
        titles = [f"{'✓' if said == true else '✗'} {true}" for said, true in pairs]
    probabilities, words = prediction.probabilities.cpu().numpy(), alt or in_words(prediction, titles)
    return show_probabilities(arrays, classifier.classes, probabilities, titles, top=top, columns=columns, alt=words)


def in_words(prediction: Prediction, titles: Sequence[str] = ()) -> str:
    """A list of predictions as a sentence, for alt texts."""
    pairs = zip(prediction.classes, prediction.confidence.tolist(), strict=True)
    said = [f"{name} {percent(sure)}" for name, sure in pairs]
    if any(titles):
        said = [f"{words} ({title[2:]} is true)" for words, title in zip(said, titles, strict=True)]
    some = f"{', '.join(said[:8])}{' and more' if len(said) > 8 else ''}"
    return f"{len(said)} image{'s' * (len(said) > 1)} with the classifier's answers: {some}."
