"""Natural statistics: how strongly the channels of a network answer to natural images, and how much that varies.

An image that excites a class and nothing else is rarely one that the network could have met. What it meets is written
down in the network itself: a batch norm keeps the mean and the variance of every channel over its training data.
An objective that asks each image to keep to them needs no image at all (Yin et al. 2020). Networks without batch norm
get the same figures from any natural images, labelled or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.activations import Outputs, hooked, record
from course_utils.models.classifier import Classifier
from course_utils.objectives import Objective, channels_first
from course_utils.utils import progress_bar, read_saved, write_saved
from course_utils.validation import as_found, check_settings
from course_utils.vision.layer_table import chosen_layers, outputs_of

FLOOR = 1e-3  # a channel's variance counts as at least this share of its layer's mean variance
FARTHEST = 50.0  # squared deviation of a mean at which a channel counts no more: one dead channel is not everything
CHUNK = 64  # images in a forward pass


def natural_statistics(
    classifier: Classifier,
    images: Float[Tensor, "n channels height width"] | None = None,
    *,
    layers: Sequence[str] | None = None,
    batch_size: int = CHUNK,
    progress: bool | None = None,
) -> LayerStatistics:
    """Means and variances of a network's channels for natural images: its own memory of them, or measured.

    Args:
        classifier: used in eval mode and left as found.
        images: any natural images in [0, 1], some hundreds, without labels. None: what the network's batch norms have
            stored of its training data.
        layers: where images are measured; the last layer at each size of map if None. Not with stored statistics,
            which are about what goes into each batch norm.
        batch_size: images in a forward pass.
        progress: True shows a bar, False none, None one for work of over a second.

    Raises:
        ValueError: no images for a network without batch norm, layers beside stored statistics, an unknown layer, or
            fewer than two images.

    Source: stored statistics as in Yin et al. 2020 (DeepInversion).
    """
    check_settings(batch_size=batch_size)
    if images is None:
        if layers is not None:
            raise ValueError("layers= goes with images; stored statistics are about what goes into each batch norm.")
        norms = batch_norms(classifier)
        if not norms:
            raise ValueError(
                f"{classifier.name} has no batch norm that stores statistics: give some hundred natural images, "
                "natural_statistics(classifier, images)."
            )
        return LayerStatistics(
            {f"{name}.input": norm.running_mean.detach().float().cpu() for name, norm in norms.items()},
            {f"{name}.input": norm.running_var.detach().float().cpu() for name, norm in norms.items()},
            classifier.name,
        )
    images = classifier.check_images(images)
    if len(images) < 2:
        raise ValueError(f"{len(images)} image given, expected some hundreds: one image's statistics are its own.")
    names = chosen_layers(classifier, layers, batch_size=batch_size)
    sums, squares, counts = dict[str, Tensor](), dict[str, Tensor](), dict[str, int]()
    for some in progress_bar(images.split(int(batch_size)), "natural statistics", progress=progress):
        for name, maps in outputs_of(classifier, some, names).layers.items():
            values = channels_first(maps).double().flatten(2) if maps.ndim > 2 else maps.double()[..., None]
            sums[name] = sums.get(name, 0) + values.sum((0, 2)).cpu()
            squares[name] = squares.get(name, 0) + values.square().sum((0, 2)).cpu()
            counts[name] = counts.get(name, 0) + len(values) * values.shape[2]
    means = {name: total / counts[name] for name, total in sums.items()}
    variances = {name: (squares[name] / counts[name] - means[name].square()).clamp_min(0).float() for name in names}
    return LayerStatistics({name: mean.float() for name, mean in means.items()}, variances, classifier.name)


@torch.no_grad()
def batch_norms(classifier: Classifier) -> dict[str, Any]:
    """The batch norms that store statistics and that an image passes, by their dotted names."""
    norms: Any = {n: m for n, m in classifier.module.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)}
    passed: set[nn.Module] = set()
    with hooked(norms.values(), lambda module, *_: passed.add(module)), as_found(classifier):
        classifier(classifier.grey_image)
    return {name: norm for name, norm in norms.items() if norm in passed and norm.running_mean is not None}


@dataclass(frozen=True, eq=False, repr=False)
class LayerStatistics:
    """Means and variances of channels over natural images and all places, by layer.

    Attributes:
        means: layer -> (channels,); a name that ends in `.input` is about what goes into that layer.
        variances: likewise, at least 0.
        name: of the classifier.
    """

    means: dict[str, Float[Tensor, "channels"]]
    variances: dict[str, Float[Tensor, "channels"]]
    name: str

    @property
    def layers(self) -> list[str]:
        return list(self.means)

    def save(self, path: str | Path) -> None:
        """Writes everything into one safetensors file, a few kilobytes a layer."""
        tensors = {f"mean.{layer}": each.contiguous() for layer, each in self.means.items()}
        tensors |= {f"variance.{layer}": each.contiguous() for layer, each in self.variances.items()}
        write_saved(path, "statistics", {"layers": self.layers, "name": self.name}, tensors)

    @classmethod
    def load(cls, path: str | Path) -> LayerStatistics:
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: another file, or a damaged one.
        """
        about, kept = read_saved(path, "statistics", "LayerStatistics.save")
        layers = about["layers"]
        means, variances = ({each: kept[f"{kind}.{each}"] for each in layers} for kind in ("mean", "variance"))
        return cls(means, variances, about["name"])

    def __repr__(self) -> str:
        channels = sum(len(mean) for mean in self.means.values())
        return f"LayerStatistics of {self.name}: {channels} channels of {len(self.means)} layers"


class StatisticsMatch(Objective):
    """Minus the distance of each image's own statistics from natural ones, a mean over channels, then over layers.

    Of a channel: the squared deviation of its mean over the image, in natural standard deviations (at most 50), plus
    the squared deviation of its standard deviation, as a ratio, from 1. 0 is the natural average itself; photographs
    lie around -0.3 for an ImageNet network, since each of them is an image of something.

    Args:
        statistics: of the same network, from `natural_statistics`.

    Raises:
        ValueError: no layers; when it is evaluated, a layer with another number of channels.

    Source: Yin et al. 2020, who compare a whole batch; here each image is compared by itself, so that it does not
    depend on what stands beside it.
    """

    def __init__(self, statistics: LayerStatistics) -> None:
        if not statistics.means:
            raise ValueError("the statistics have no layers, expected at least one.")
        self.layers = tuple(statistics.layers)
        self.channels = [len(mean) for mean in statistics.means.values()]
        given = list(statistics.variances.values())
        floors = [(FLOOR * each.mean()).clamp_min(torch.finfo(each.dtype).tiny) for each in given]
        variances = [each.maximum(floor) for each, floor in zip(given, floors, strict=True)]
        shares = [torch.full((channels,), 1 / channels / len(self.layers)) for channels in self.channels]
        self.targets = torch.stack([torch.cat(each) for each in ([*statistics.means.values()], variances, shares)])

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        self.targets = self.targets.to(outputs.logits.device)  # once, not at each step
        mean, natural, share = self.targets
        found = []
        for layer, expected in zip(self.layers, natural.split(self.channels), strict=True):
            maps = channels_first(outputs[layer])
            if maps.shape[1] != len(expected):
                raise ValueError(f"{layer!r} has {maps.shape[1]} channels, the statistics {len(expected)}.")
            # Mean and variance of each channel over all places; of a single place the mean alone counts.
            found.append((maps, expected.expand_as(maps)) if maps.ndim == 2 else _Moments.apply(maps.flatten(2)))
        average, variance = (torch.cat(each, 1).float() for each in zip(*found, strict=True))
        shift = ((average - mean).square() / natural).clamp_max(FARTHEST)
        ratio = (variance / natural + 1e-4).sqrt()  # a root of 0 has no gradient
        return -(share * (shift + (ratio - 1).square())).sum(1)

    def __repr__(self) -> str:
        return f"StatisticsMatch({len(self.layers)} layers)"


class _Moments(torch.autograd.Function):
    """Mean and variance over the last axis; the gradient takes one pass over the maps, not several."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor) -> tuple[Tensor, Tensor]:
        variance, average = torch.var_mean(maps, dim=2, correction=0)
        ctx.save_for_backward(maps, average)
        return average, variance

    @staticmethod
    def backward(ctx: Any, to_average: Tensor, to_variance: Tensor) -> Tensor:
        maps, average = ctx.saved_tensors
        slope = to_variance * (2 / maps.shape[2])
        return torch.addcmul((to_average / maps.shape[2] - slope * average)[..., None], slope[..., None], maps)


@torch.no_grad()
def statistics_distance(
    classifier: Classifier,
    images: Float[Tensor, "n channels height width"],
    statistics: LayerStatistics | None = None,
    *,
    batch_size: int = CHUNK,
) -> Float[Tensor, "n"]:
    """The distance of each image's statistics from natural ones, at least 0, as `StatisticsMatch` measures it.

    Args:
        statistics: the network's stored ones if None.

    Raises:
        ValueError: as `natural_statistics`.
    """
    check_settings(batch_size=batch_size)
    match = StatisticsMatch(natural_statistics(classifier) if statistics is None else statistics)
    forward = record(classifier, match.layers)
    with as_found(classifier):
        chunks = classifier.check_images(images).split(int(batch_size))
        return torch.cat([-match(forward(some.to(classifier.device))).cpu() for some in chunks])
