"""Hypotheses about shortcuts: parts of a class's images, and changes of whole images, that could turn others into it.

A part is learned: the smallest piece of an image of one class, the carrier, that makes the classifier see the carrier
in an image of another class onto which it is pasted, while a second network, if there is one, goes on seeing what is
there. Parts that the network's own layers see alike are one hypothesis. What fills the whole image cannot be cut out;
there the matched statistic is carried over instead: colours, sharpness, grain, a pattern at fixed places.

Every hypothesis has a control of its own size: the same area filled from elsewhere in the carrier's image, or the
opposite change. Nothing here decides; `course_utils.vision.shortcuts` tests hypotheses on images held out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.activations import Outputs
from course_utils.canvas import MaskCanvas
from course_utils.loop import optimize
from course_utils.models.classifier import Classifier
from course_utils.objectives import Objective
from course_utils.priors import mask_area, total_variation
from course_utils.transforms import Noise, gaussian_blur, jitter
from course_utils.vision.isolation import CLEARLY, JITTER, LEARNING_RATE, MOST_CELLS, NOISE, VARIATION, log_odds
from course_utils.vision.isolation import SMALL as SCENES
from course_utils.vision.layer_table import outputs_of, stages

Images = Float[Tensor, "n channels height width"]

STEPS = 40
HOLD = 2.0  # of the second network's log-odds: what being moved by one nat costs
AREA = 40.0  # what a mask over all of the image costs, in nats
SMALL = 0.15  # of the image: a piece that covers more is a region
LARGEST = 0.35  # one that covers still more is the object itself
WAYS = ((1, 1), (1, 0), (0, 1))  # down and across, from where a part's controls are filled
ALIKE = 0.5  # cosine of two parts' activations from which they are one hypothesis
COARSE, FINE = 1 / 8, 1 / 16  # of the shorter side: blurs that leave a layout of colours, and that take a pattern away


class Aligned(nn.Module):
    """A second network, answering with the first one's classes in their order, for images of the first one's size.

    Raises:
        ValueError: it lacks one of the classes.
    """

    def __init__(self, reference: Classifier, classifier: Classifier) -> None:
        super().__init__()
        if lacking := [name for name in classifier.classes if name not in reference.classes]:
            raise ValueError(
                f"the reference {reference.name} does not know the class{'es' * (len(lacking) > 1)} "
                f"{', '.join(map(repr, lacking[:5]))}: give a network of the same classes."
            )
        self.reference = reference
        self.order = [reference.index(name) for name in classifier.classes]

    def forward(self, images: Images) -> Float[Tensor, "n classes"]:
        if images.shape[2:] != torch.Size(self.reference.size):
            images = F.interpolate(images, self.reference.size, mode="bilinear", antialias=True).clamp(0, 1)
        return self.reference(images.to(self.reference.device))[:, self.order].to(images.device)


class _Both(nn.Module):
    """The logits of a network and of the one beside it, in one row."""

    def __init__(self, classifier: nn.Module, reference: nn.Module | None) -> None:
        super().__init__()
        self.networks = nn.ModuleList([classifier] if reference is None else [classifier, reference])

    def forward(self, images: Images) -> Float[Tensor, "n logits"]:
        return torch.cat([network(images) for network in self.networks], 1)


class _Turned(Objective):
    """The log-probability that the first network clearly says the class, less what the one beside it is moved to it."""

    def __init__(self, target: Int[Tensor, "batch"], before: Float[Tensor, "batch"] | None, classes: int) -> None:
        self.target, self.before, self.classes = target, before, classes

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        here, *beside = outputs.logits.float().split(self.classes, 1)
        target = outputs.targets(self.target)
        score = F.logsigmoid(log_odds(here, target) - CLEARLY)
        if self.before is None:
            return score
        return score - HOLD * F.relu(log_odds(beside[0], target) - self.before)


@torch.inference_mode(False)
def learn_parts(
    classifier: Classifier, reference: nn.Module | None, sources: Images, backgrounds: Images,
    carriers: Int[Tensor, "n"],
    *, seed: int = 0, indices: Sequence[int] | None = None, progress: bool | None = None,
) -> Float[Tensor, "n height width"]:  # fmt: skip
    """Masks of the least area of each source that turns the background it is pasted onto into the carrier.

    Args:
        classifier, reference: the network that shall turn, and the one that shall not; None for the first alone.
        sources, backgrounds: an image of the carrier and an image of another class, row by row.
        carriers: the classes' indices.
        seed, indices: of jitter and noise, as `optimize` has them.

    Source: Goyal et al. 2019 exchange cells of two feature maps; ours exchanges pixels under a learned mask, as Fong &
    Vedaldi 2017 learn one, and holds a second network still.
    """
    side = min(classifier.size)
    before = None
    if reference is not None:
        with torch.no_grad():
            before = log_odds(reference(backgrounds), carriers)
    canvas = MaskCanvas(sources, backgrounds, cells=max(1, min(MOST_CELLS // 2, side // SCENES.cell)))
    optimize(
        _Both(classifier, reference), canvas, _Turned(carriers, before, len(classifier.classes)),
        priors=[AREA * mask_area, VARIATION * total_variation],
        transforms=[jitter(max(1, round(JITTER * side))), Noise(NOISE)],
        steps=STEPS, optimizer=partial(torch.optim.Adam, lr=LEARNING_RATE, fused=True),
        seed=seed, indices=indices, progress=progress,
    )  # fmt: skip
    return canvas.variable().detach().squeeze(1)


@dataclass(frozen=True, eq=False)
class Parts:
    """Pieces of images of one class, pasted at their own places.

    Attributes:
        carrier: index of the class.
        sources: the images that they come from.
        masks: in [0, 1].
    """

    carrier: int
    sources: Images
    masks: Float[Tensor, "parts height width"]

    def on(self, images: Images) -> Float[Tensor, "parts n channels height width"]:
        """Each part pasted onto each image."""
        return self._pasted(images, self.sources, self.masks)

    def control(self, images: Images, number: int = 0) -> Float[Tensor, "parts n channels height width"]:
        """The same areas, filled from elsewhere in the same images: half the image further, both ways or one way."""
        by = [side // 2 * way for side, way in zip(images.shape[2:], WAYS[number], strict=True)]
        return self._pasted(images, self.sources.roll(by, (2, 3)), self.masks)

    def moved(self, images: Images, seed: int = 0) -> Float[Tensor, "parts n channels height width"]:
        """The same parts at a random place each."""
        generator = torch.Generator().manual_seed(seed)
        by = [[int(torch.randint(side, (), generator=generator)) for side in images.shape[2:]] for _ in self.sources]
        sources = torch.stack([image.roll(each, (1, 2)) for image, each in zip(self.sources, by, strict=True)])
        masks = torch.stack([mask.roll(each, (0, 1)) for mask, each in zip(self.masks, by, strict=True)])
        return self._pasted(images, sources, masks)

    def _pasted(self, images: Tensor, sources: Tensor, masks: Tensor) -> Tensor:
        return torch.lerp(images[None], sources[:, None], masks[:, None, None])

    def without(self, fill: Callable[[Images], Images]) -> Images:
        """The sources with something else where the parts are."""
        return torch.lerp(self.sources, fill(self.sources), self.masks[:, None])

    def some(self, rows: Sequence[int] | Tensor) -> Parts:
        """Some of the parts."""
        return Parts(self.carrier, self.sources[rows], self.masks[rows])

    @property
    def area(self) -> float:
        """The share of the image that they cover on average."""
        return self.masks.mean().item()

    @property
    def kind(self) -> str:
        """A "part", or a "region" where it covers much of the image."""
        return "part" if self.area < SMALL else "region"

    @property
    def words(self) -> str:
        return f"a {self.kind} of {100 * self.area:.1f} % of the image"


@dataclass(frozen=True, eq=False)
class Change:
    """A change of whole images by which they come to look like the carrier's in one respect.

    Attributes:
        carrier: index of the class that images may turn into.
        kind: "colour", "brightness", "sharpness", "grain", "layout" or "pattern".
        words: what is done.
        change: images -> images of the same shape.
        opposite: a change as large that should not do the same.
    """

    carrier: int
    kind: str
    words: str
    change: Callable[[Images], Images]
    opposite: Callable[[Images], Images]

    def on(self, images: Images) -> Float[Tensor, "1 n channels height width"]:
        """Each image changed."""
        return self.change(images).clamp(0, 1)[None]

    def control(self, images: Images) -> Float[Tensor, "1 n channels height width"]:
        """Each image changed the other way."""
        return self.opposite(images).clamp(0, 1)[None]


@dataclass(frozen=True, eq=False)
class Changes:
    """Several changes with one carrier, tried together."""

    carrier: int
    changes: tuple[Change, ...]

    def on(self, images: Images) -> Float[Tensor, "changes n channels height width"]:
        return torch.cat([each.on(images) for each in self.changes])

    def control(self, images: Images) -> Float[Tensor, "changes n channels height width"]:
        return torch.cat([each.control(images) for each in self.changes])


Hypothesis = Parts | Change


def grouped(classifier: Classifier, parts: Parts, *, batch_size: int) -> tuple[list[list[int]], bool]:
    """Parts that the classifier's last stage sees alike, as lists of rows, the largest first; and whether it has maps.

    What a part adds is the difference between the activations of its image and of the image without it; parts whose
    differences point the same way (cosine of at least `ALIKE` on average) are one group.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    count = len(parts.sources)
    try:
        names = stages(classifier, batch_size=batch_size)
    except ValueError:  # no maps
        return [[row] for row in range(count)], False
    if count < 2:
        return [[0]], True
    grey = parts.sources.mean((2, 3), keepdim=True).expand_as(parts.sources)
    shown = torch.lerp(grey, parts.sources, parts.masks[:, None])

    def seen(images: Images) -> Tensor:
        chunks = (outputs_of(classifier, chunk, names[-1:])[names[-1]] for chunk in images.split(batch_size))
        return torch.cat([chunk.flatten(2) for chunk in chunks])

    whole, none = seen(shown), seen(grey)
    added = F.normalize((whole - none).amax(2) + (whole - none).mean(2), dim=1).double().cpu()
    distances = (1 - added @ added.T).clamp(0, 2)
    rows, columns = torch.triu_indices(count, count, 1)
    labels = fcluster(linkage(distances[rows, columns].numpy(), "average"), 1 - ALIKE, "distance").tolist()
    groups = [[row for row, label in enumerate(labels) if label == each] for each in dict.fromkeys(labels)]
    return sorted(groups, key=len, reverse=True), True


def whole_image_changes(carrier: int) -> list[Change]:
    """Changes that need no knowledge of the carrier: light, colours, sharpness and grain, each way."""
    found = []
    for kind, words, function, amounts in SIMPLE:
        for amount in amounts:
            for sign in (1, -1):
                text = f"{words} {'+' if sign > 0 else '−'}{amount:g}"
                there, back = (partial(function, each * amount) for each in (sign, -sign))
                found.append(Change(carrier, kind, text, there, back))
    return found


def _towards(direction: tuple[float, float, float], amount: float, images: Images) -> Images:
    return images + amount * torch.tensor(direction).to(images)[:, None, None]


def _from_mean(axes: int | tuple[int, ...], amount: float, images: Images) -> Images:
    return torch.lerp(images.mean(axes, keepdim=True).expand_as(images), images, 1 + amount)


def _softer(amount: float, images: Images) -> Images:
    return torch.lerp(images, gaussian_blur(images, 1.0), amount)


def _grain(amount: float, images: Images) -> Images:
    if amount < 0:
        return _softer(0.5, images)
    return images + amount * torch.randn(images.shape, generator=torch.Generator().manual_seed(0)).to(images)


SIMPLE: tuple[tuple[str, str, Callable[[float, Images], Images], tuple[float, ...]], ...] = (
    ("colour", "warmth", partial(_towards, (1.0, 0.0, -1.0)), (0.04, 0.08)),
    ("colour", "green", partial(_towards, (-0.5, 1.0, -0.5)), (0.08,)),
    ("colour", "saturation", partial(_from_mean, 1), (0.3,)),
    ("brightness", "light", lambda amount, images: images * (1 + amount), (0.12, 0.25)),
    ("brightness", "contrast", partial(_from_mean, (1, 2, 3)), (0.2,)),
    ("sharpness", "blur", _softer, (0.3, 0.6)),
    ("grain", "noise", _grain, (0.01, 0.03)),
)  # such as photographs of one thing differ by


def matched_changes(
    carrier: int, own: Images, others: Float[Tensor, "others channels height width"], *, half: bool = False
) -> list[Change]:
    """Changes that give images of one class what is, on average, another one's: its colours, their layout, a pattern.

    Args:
        carrier: index of the class that the images may turn into.
        own, others: images of that class, and of those that are changed.
        half: whether to go by that half of `own` which differs most: a cue need not be on all of them.
    """

    def most_different(view: Callable[[Images], Tensor]) -> Images:
        seen, middle = view(own), view(others).mean(0)
        along = ((seen - middle) * (seen.mean(0) - middle)).flatten(1).sum(1)
        return own[along.topk(len(own) // 2 or 1).indices]

    typical = most_different if half else lambda view: own
    side = min(own.shape[2:])
    (mean, std), (mean_of, std_of) = (_spread(images).mean(0)[..., None, None] for images in (typical(_spread), others))
    gain = std / std_of.clamp_min(1e-6)
    there, back = partial(_affine, mean_of, gain, mean), partial(_affine, mean, 1 / gain, mean_of)
    found = [Change(carrier, "colour", "its mean colours and contrasts", there, back)]
    blurred, fine = partial(gaussian_blur, sigma=COARSE * side), partial(_finer, FINE * side)
    layout, pattern = (view((typical(view).mean(0) - others.mean(0))[None]) for view in (blurred, fine))
    across = F.interpolate(pattern.mT, pattern.shape[2:])  # a row further, many a pattern would be the same
    for kind, added, other in (("layout", layout, -layout), ("pattern", pattern, across)):
        found.append(Change(carrier, kind, f"its mean {kind}", partial(torch.add, added), partial(torch.add, other)))
    return found


def _spread(images: Images) -> Float[Tensor, "n 2 channels"]:
    """Mean and standard deviation of each channel of each image."""
    return torch.stack([images.mean((2, 3)), images.std((2, 3))], 1)


def _finer(sigma: float, images: Images) -> Images:
    return images - gaussian_blur(images, sigma)


def _affine(middle: Tensor, gain: Tensor, moved: Tensor, images: Images) -> Images:
    return (images - middle) * gain + moved
