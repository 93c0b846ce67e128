"""Measures of images: their energy by frequency, and what random transforms leave of an activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_utils.canvas import filling
from course_utils.canvas.given import Fill
from course_utils.canvas.image import wave_counts, wave_frequencies
from course_utils.models.classifier import Classifier
from course_utils.objectives import Target
from course_utils.transforms import Transform, jitter, merged, rotate, scale
from course_utils.utils import progress_bar, sample_generators
from course_utils.validation import check_settings, widened
from course_utils.vision.attributions import Maps
from course_utils.vision.feature_visualization import ObjectiveBatch, ObjectiveLike, measure
from course_utils.world import PaintedWorld

HALF_NYQUIST = 0.25  # cycles a pixel: waves of less than four pixels


def radial_spectrum(
    images: Float[Tensor, "batch channels height width"], bands: int = 16
) -> tuple[Float[Tensor, "bands"], Float[Tensor, "batch bands"]]:
    """The radial spectrum of images: the mean energy of a wave, band by band, which falls with frequency.

    Returns:
        The middles of the bands, in cycles a pixel up to 0.5, and each image's energies, measured as in
        `high_frequency_share` and divided by their sum over all waves.

    Raises:
        ValueError: more bands than images of this size fill.
    """
    energy, frequencies, counted = _energy(images)
    edges = torch.linspace(0, 0.5, bands + 1).unfold(0, 2, 1)
    inside = [(low < frequencies) & (frequencies <= high) for low, high in edges]
    if not all(band.any() for band in inside):
        raise ValueError(f"images of {images.shape[2]}x{images.shape[3]} pixels do not fill {bands} bands.")
    means = torch.stack([energy[:, band].sum(1) / counted[band].sum() for band in inside], 1)
    total = energy.flatten(1).sum(1, keepdim=True)
    return edges.mean(1), means / total.clamp_min(torch.finfo(total.dtype).tiny)


def high_frequency_share(
    images: Float[Tensor, "batch channels height width"], above: float = HALF_NYQUIST
) -> Float[Tensor, "batch"]:
    """The share of each image's energy in waves finer than `above`, in [0, 1]; 0 for an even image.

    The mean is removed first, and the image fades out toward its border (Hann window): the Fourier transform sees
    opposite borders side by side, and the jump between them would count as fine detail.

    Args:
        images: (batch, channels, height, width), in any unit.
        above: frequency in cycles a pixel, 0 … 0.5 · √2.

    Raises:
        TypeError: not floating-point numbers.
        ValueError: another shape, no images, NaN or infinity.
    """
    energy, frequencies, _ = _energy(images)
    total = energy.sum((1, 2))
    fine = (energy * (frequencies > above)).sum((1, 2))
    return fine / total.clamp_min(torch.finfo(total.dtype).tiny)


def _energy(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Energy of each wave (batch, height, half width), their frequencies, and how many waves each stands for."""
    if not images.is_floating_point():
        raise TypeError(f"images are {images.dtype}, expected floating-point numbers: images.float() / 255.")
    if images.ndim != 4 or not images.numel() or not images.isfinite().all():
        shape = tuple(images.shape)
        raise ValueError(f"images of shape {shape} given, expected (batch, channels, height, width), all finite.")
    images = widened(images)
    height, width = images.shape[2:]
    window = torch.hann_window(height, periodic=False)[:, None] * torch.hann_window(width, periodic=False)[None]
    window = window.to(images)
    mean = (images * window).sum((2, 3), keepdim=True) / window.sum()
    energy = torch.fft.rfft2((images - mean) * window).abs().square().sum(1)
    counts = wave_counts((height, width)).to(energy)  # rfft2 leaves out the mirror images of most columns
    return energy * counts, wave_frequencies((height, width)).to(energy), counts


def stronger_transforms(size: Sequence[int]) -> list[Transform]:
    """Other ranges than those of `transforms.standard`: half as much again."""
    return merged([jitter(max(1, 3 * min(size) // 32)), rotate(15), scale(0.85, 1.15)])


held_out = stronger_transforms  # the first edition's name


def activation_under(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    objective: ObjectiveLike | Sequence[ObjectiveLike],
    transforms: Sequence[Transform] | None = None,
    *,
    draws: int = 16,
    seed: int = 1_000,
) -> Float[Tensor, "batch"]:
    """The activation of images after random transforms, as a mean over draws.

    Divided by that of the untouched images (`visualize(…).activation`) it is the share that is kept.

    Args:
        images: in [0, 1].
        objective: one for all images, or one for each.
        transforms: applied one after the other; None is `stronger_transforms`, stronger ones than `visualize` uses.
        draws: how often, at least 1.
        seed: of the draws.

    Raises:
        ValueError: draws below 1, another number of objectives than of images; and as `visualize`.
    """
    check_settings(draws=draws)
    if isinstance(objective, list | tuple) and len(objective) != len(images):
        raise ValueError(f"{len(objective)} objectives for {len(images)} images: one for all, or one for each.")
    batch_objective = ObjectiveBatch(objective, copies=1).of(range(len(images)))
    moves = stronger_transforms(classifier.size) if transforms is None else merged(transforms)
    generators = sample_generators(seed, range(len(images)), "held-out transforms")
    total = torch.zeros(len(images), device=classifier.device)
    for _ in range(draws):
        moved = images
        for transform in moves:
            moved = transform(moved, generators)
        total += measure(classifier, batch_objective, moved)
    return total / draws


HALF = 0.5  # of a pixel: a mask's pixel belongs to the part when at least half of it shows the part


def pointing_game(maps: Maps, truth: Maps) -> Float[Tensor, "batch"]:
    """Whether the map is largest inside the part; where several pixels tie for the maximum, the share inside.

    Args:
        maps: larger where the image matters more, of any scale.
        truth: masks of the part in [0, 1].

    Raises:
        ValueError: maps and masks of different shapes, NaN, or a part that covers no pixel.

    Source: Zhang et al. 2018 (excitation backpropagation), without their tolerance of 15 pixels.
    """
    inside = _checked(maps, truth)
    top = maps == maps.amax((1, 2), keepdim=True)
    return (top & inside).sum((1, 2)) / top.sum((1, 2))


def relevance_mass(maps: Maps, truth: Maps) -> Float[Tensor, "batch"]:
    """The share of the map's positive sum that lies inside the part; 0 for a map without any.

    A pixel that shows the part by half counts by half.

    Args, Raises: as `pointing_game`.

    Source: Arras, Osman & Samek 2022 (CLEVR-XAI, relevance mass accuracy).
    """
    _checked(maps, truth)
    positive = maps.clamp_min(0)
    total = positive.sum((1, 2))
    return (positive * truth.to(maps.device)).sum((1, 2)) / total.where(total > 0, 1)


def intersection_over_union(maps: Maps, truth: Maps, threshold: float = 0.5) -> Float[Tensor, "batch"]:
    """Shared pixels over all pixels, of the part and of where the map is above `threshold` times its maximum.

    Fix the threshold beforehand, on other images: chosen on the same ones, it flatters.

    Args:
        maps, truth: as `pointing_game`.
        threshold: as a share of each map's maximum, at least 0 and below 1.

    Raises:
        ValueError: as `pointing_game`, or a threshold outside [0, 1).
    """
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold={threshold} given, expected a share of the maximum of at least 0 and below 1.")
    inside = _checked(maps, truth)
    above = maps > threshold * maps.amax((1, 2), keepdim=True).clamp_min(0)
    return (above & inside).sum((1, 2)) / (above | inside).sum((1, 2))


def _checked(maps: Tensor, truth: Tensor) -> Bool[Tensor, "batch height width"]:
    """Which pixels belong to the part."""
    if maps.shape != truth.shape:
        raise ValueError(f"maps of {tuple(maps.shape)} and masks of {tuple(truth.shape)} given, expected the same.")
    if maps.isnan().any():
        raise ValueError("the maps hold NaN (not a number): there is nothing to score.")
    inside = truth.to(maps.device) >= HALF
    if (empty := ~inside.any(2).any(1)).any():
        raise ValueError(f"the part covers no pixel of image {int(empty.nonzero()[0])}: leave such images out.")
    return inside


@torch.no_grad()
def deletion_and_insertion(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    maps: Maps,
    target: Target,
    *,
    fill: Fill = "blur",
    points: int = 17,
    batch_size: int | None = None,
) -> tuple[Float[Tensor, "batch"], Float[Tensor, "batch"]]:
    """Areas under the curves of a class's probability while pixels are hidden, and while they are uncovered.

    The most important pixels go first: good maps have little area under deletion and much under insertion. Pixels that
    tie, as in a mask, go in an order drawn once.

    Args:
        maps: larger where the image matters more, of any scale.
        target: class name or index, one for all or one an image.
        fill: what stands in place of a hidden pixel, as `course_utils.canvas.filling` takes it.
        points: on each curve, from no pixel to all, at least 2.
        batch_size: as `Classifier.predict`.

    Raises:
        ValueError: maps of another shape than the images, fewer than two points, and as `Classifier.predict`.

    Source: Petsiuk, Das & Saenko 2018 (RISE), who delete to grey and insert into a blurred image.
    """
    if maps.shape != (len(images), *images.shape[2:]) or points < 2:
        raise ValueError(
            f"maps of shape {tuple(maps.shape)}, points={points} given, expected one map for each image, "
            f"{(len(images), *images.shape[2:])}, and at least 2 points."
        )
    images, background = images.to(classifier.device), filling(images, fill).to(classifier.device)
    classes, flat = classifier.targets(target, len(images)).cpu()[:, None], maps.flatten(1).to(classifier.device)
    shuffled = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(0)).to(flat.device)
    order = shuffled[flat[:, shuffled].sort(dim=1, descending=True, stable=True).indices]
    ranks = (order.argsort(1) / order.shape[1]).reshape(len(images), 1, *images.shape[2:])
    curves: tuple[list[Tensor], list[Tensor]] = [], []
    for share in torch.linspace(0, 1, points).tolist():
        for curve, hidden in zip(curves, (ranks < share, ranks >= share), strict=True):
            said = classifier.predict(torch.where(hidden, background, images), batch_size=batch_size)
            curve.append(said.probabilities.gather(1, classes).squeeze(1))
    deletion, insertion = (torch.trapezoid(torch.stack(curve, 1), dx=1 / (points - 1)) for curve in curves)
    return deletion, insertion


# What a scene shows, what the classifier says because of a part, and the part, which is also the factor to take off.
KINDS = (
    ("pancakes", "pancakes", "berries"),
    ("waffle", "pancakes", "berries"),
    ("sailboat", "sailboat", "tag"),
    ("pirate_ship", "sailboat", "tag"),
)
VISIBLE = 8.0  # pixels of the part that must be seen, at least


@dataclass(frozen=True, eq=False, repr=False)
class KnownCauses:
    """Scenes whose answer is caused by a known part; one row a scene.

    Attributes:
        images: in [0, 1].
        truth: masks of the part in [0, 1].
        targets: what the classifier says, by name.
        versus: what it says when the part is taken off, by name.
        shown: the class that the scene shows, by name.
        parts: "berries" or "tag".
    """

    images: Float[Tensor, "batch 3 height width"]
    truth: Float[Tensor, "batch height width"]
    targets: list[str]
    versus: list[str]
    shown: list[str]
    parts: list[str]

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.parts.count(part)} by {part}" for part in dict.fromkeys(self.parts))
        return f"KnownCauses({len(self)} scenes whose answer is caused {counts})"


def known_causes(classifier: Classifier, each: int, *, seed: int = 0, progress: bool | None = None) -> KnownCauses:
    """Scenes of every kind in `KINDS`, `each` of them, whose answer falls when the part is taken off.

    Args:
        classifier: one of the painted world's classes.
        each: scenes of a kind, at least 1.
        seed: of the scenes.

    Raises:
        ValueError: `each` below 1, classes that the classifier does not know, or too few scenes whose answer hangs on
            the part (says how many).
    """
    check_settings(each=each)
    kinds = enumerate(progress_bar(KINDS, "taking parts off", progress=progress))
    found = [_of_kind(classifier, each, 1000 * seed + number, *kind) for number, kind in kinds]
    images, truth, versus = (torch.cat(column) for column in zip(*found, strict=True))
    shown, targets, parts = (list(names) for names in zip(*(kind for kind in KINDS for _ in range(each)), strict=True))
    against = [classifier.classes[index] for index in versus.tolist()]
    return KnownCauses(images, truth, targets=targets, versus=against, shown=shown, parts=parts)


def _of_kind(
    classifier: Classifier, each: int, seed: int, shown: str, target: str, part: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Images, masks of the part, and what the classifier says when it is taken off."""
    world, wanted = PaintedWorld(), classifier.index(target)
    scenes = world.counterfactual(world.sample(2 * each + 20, seed=seed, classes=shown), **{part: True})
    without = world.counterfactual(scenes, **{part: False})
    says, says_without = (classifier.predict(some.images).logits.argmax(1) for some in (scenes, without))
    caused = (says == wanted) & (says_without != wanted) & (scenes.mask(part).sum((1, 2)) >= VISIBLE)
    rows = caused.nonzero().flatten()[:each]
    if len(rows) < each:
        raise ValueError(
            f"only {len(rows)} of {len(scenes)} {shown} scenes are called {target} because of their {part}, "
            f"{each} are needed: {classifier.name} does not use it; ask for fewer scenes, or of another classifier."
        )
    return scenes.images[rows], scenes.mask(part)[rows], says_without[rows]
