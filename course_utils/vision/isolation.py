"""Feature isolation: the smallest part of an image on which a classifier's answer hangs.

A mask over the image is learned by the loop of attacks and feature visualisation. In the game of *deletion* it
covers as little as possible such that without what it covers the answer falls; in that of *preservation* as little as
possible such that what it covers is enough for the answer. What stands in place of the hidden part is a choice
(`fill`), and no choice is neutral: compare several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from course_utils.activations import Outputs
from course_utils.canvas import MaskCanvas, filling
from course_utils.loop import optimize
from course_utils.models.classifier import LARGE, Classifier
from course_utils.objectives import Objective, Target, pick
from course_utils.priors import mask_area, total_variation
from course_utils.transforms import Noise, jitter
from course_utils.utils import image_count, run_chunks
from course_utils.validation import check_settings, unknown
from course_utils.vision.attributions import MOST_AT_ONCE, Attribution, resolve_targets

GAMES = ("deletion", "preservation")


class Settings(NamedTuple):
    """What goes with images of a size.

    Attributes:
        game: where the classifier says the target.
        fill: what stands in place of the hidden part.
        area_weight: what covering all of the image costs, in nats of the answer's log-probability.
        cell: pixels along a side of a cell of the mask's grid.
    """

    game: str
    fill: str
    area_weight: float
    cell: int


# Chosen on 24 scenes each for `pocket` and `pocket-robust` that benchmarks/isolation.py does not measure.
SMALL = Settings("deletion", "blur", 25.0, 2)
# Chosen on other photographs than those of the chapters, for `efficientnet-lite0`. A photograph shows its class in many
# places, so deletion hides all of it or, pixel by pixel, finds specks that trick the net; blurred, it still shows it.
PHOTOGRAPHS = Settings("preservation", "mean", 5.0, 32)
STEPS = 100
VARIATION = 5.0
LEARNING_RATE = 0.5  # in units of the mask's logits
JITTER = 1 / 16  # of the image's shorter side: a mask must not depend on single pixels
NOISE = 0.05  # standard deviation of the noise in which the mask must do its work
MOST_CELLS = 32  # of the mask's grid along a side


@torch.inference_mode(False)
def isolate_features(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    target: Target | None = None,
    *,
    versus: Target | None = None,
    game: str | None = None,
    fill: str | Tensor | None = None,
    steps: int = STEPS,
    area_weight: float | None = None,
    variation_weight: float = VARIATION,
    learning_rate: float = LEARNING_RATE,
    cells: int | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    on_step: Callable[[int, Tensor, Outputs, Tensor], object] | None = None,
    progress: bool | None = None,
) -> Isolation:
    """Masks of least area over what makes a classifier say a class, or say it rather than another.

    Args:
        classifier: used in eval mode and left as found.
        images: in [0, 1]: photographs, prototypes, any images.
        target: class name or index, one for all or one an image; if None what the classifier says of each, right or
            wrong (`.answers`).
        versus: a second class, likewise: then the mask covers what speaks for the target and not for this one.
        game: "deletion", "preservation", or None: of images below 128 pixels deletion where the classifier says the
            target, and preservation elsewhere, since an answer that is not given cannot fall; of larger ones, which
            are taken for photographs, preservation.
        fill: what stands where something is hidden, as `course_utils.canvas.filling` takes it: "blur", "mean", "noise"
            or images; if None "blur", and "mean" from 128 pixels.
        steps: of Adam, at least 1.
        area_weight: what a mask over the whole image costs, against the log-probability of the answer's staying or
            falling; smaller masks for larger numbers; if None 25, and 5 from 128 pixels. Where much of a small image
            shows the class, as in a prototype, 25 may cost more than the answer is worth, and `.removed` stays high:
            take about 8.
        variation_weight: the same for the mask's total variation; smoother masks for larger numbers.
        learning_rate: of Adam, in units of the mask's logits.
        cells: of the mask's grid along each side; if None one for every two pixels, at most 32, and from 128 pixels
            one for every 32. Finer masks of photographs break up into specks: artefacts that trick the net.
        seed: of jitter and noise, and of the filling "noise"; image i does not depend on what stands beside it.
        batch_size: images that go through the classifier at once; if None as many as have their activations in
            memory, on a processor at most 64.
        on_step: called in each batch as `course_utils.loop.optimize` does.
        progress: True shows a bar, False none, None one for work of over a second.

    Returns:
        Masks, and the probabilities of the targets with and without what they cover. After Ctrl-C those of the
        images that were reached.

    Raises:
        ValueError: an unknown class, game or filling, a class held against itself, images that the classifier
            refuses, settings out of range.
        TypeError: a model that is not a `Classifier`.
        RuntimeError, FloatingPointError: no usable gradient (see `course_utils.loop.optimize`).

    Source: Fong & Vedaldi 2017, Dabkowski & Gal 2017. Theirs lowers or raises the class's score itself; ours levels off
    once the answer has clearly fallen (or stays), so that area decides what more is covered (`Answer`).
    """
    check_settings(steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    asked = resolve_targets(classifier, images, target, versus, batch_size)
    if game is not None and game not in GAMES:
        raise ValueError(unknown("game", game, GAMES))
    side = min(classifier.size)
    usual = PHOTOGRAPHS if side >= LARGE else SMALL
    follows = usual.game == "deletion" and game is None
    said = asked.prediction.logits.argmax(1) == asked.target.cpu()
    deletes = said.tolist() if follows else [(game or usual.game) == "deletion"] * len(images)
    background = filling(asked.images, usual.fill if fill is None else fill, seed=seed)
    weight = usual.area_weight if area_weight is None else area_weight
    grid = max(1, min(MOST_CELLS, side // usual.cell)) if cells is None else cells

    def learn(rows: Tensor, progress: bool | None) -> SimpleNamespace:
        falls, against = [deletes[row] for row in rows], None if asked.versus is None else asked.versus[rows]
        canvas = MaskCanvas(asked.images[rows], background[rows], cells=grid, removed=falls)
        result = optimize(
            classifier,
            canvas,
            Answer(asked.target[rows], against, falls=falls),
            priors=[weight * mask_area, variation_weight * total_variation],
            transforms=[jitter(max(1, round(JITTER * side))), Noise(NOISE)],
            steps=steps,
            optimizer=partial(torch.optim.Adam, lr=learning_rate, fused=True),
            seed=seed,
            indices=rows.tolist(),
            on_step=on_step,
            progress=progress,
        )
        return SimpleNamespace(masks=canvas.variable().detach(), interrupted=result.interrupted)

    at_once = int(batch_size or classifier.default_batch_size(len(images), most=MOST_AT_ONCE))
    chunks = torch.arange(len(images)).split(at_once)
    parts, interrupted = run_chunks(learn, chunks, "isolating", progress=progress)
    masks = torch.cat([part.masks for part in parts])
    done = slice(len(masks))  # after an interrupt not all
    images, background = asked.images[done], background[done]
    kept, removed = (torch.lerp(background, images, shown) for shown in (masks, 1 - masks))

    def probability(images: Tensor) -> Float[Tensor, "batch"]:
        """The target's, on the CPU."""
        said = classifier.predict(images, batch_size=batch_size).probabilities
        return said.gather(1, asked.target[done].cpu()[:, None]).squeeze(1)

    return Isolation(
        maps=masks.squeeze(1),
        method="isolated part",
        games=[GAMES[0] if each else GAMES[1] for each in deletes[done]],
        before=probability(images),
        kept=probability(kept),
        removed=probability(removed),
        filled=probability(background),
        area=masks.flatten(1).mean(1),
        interrupted=interrupted,
        **asked.described(done),
    )


@dataclass(frozen=True, eq=False, repr=False)
class Isolation(Attribution):
    """Masks over the parts of images on which an answer hangs; one row an image.

    Attributes:
        masks: in [0, 1], 1 where the image matters; also `maps`, as attributions call theirs.
        images, targets, versus, answers: as `Attribution`.
        games: "deletion" (without what the mask covers, the answer falls) or "preservation" (what it covers is enough).
        before: the target's probability in [0, 1], for the image as it is.
        kept: that of what the mask covers, the rest filled.
        removed: that of the rest, what the mask covers filled.
        filled: that of the filling alone. Where it is high, no deletion can make the answer fall: take another filling.
        area: the mask's mean, the share of the image that it covers.
        interrupted: whether Ctrl-C or the notebook's stop button cut it short; images not reached are left out.
    """

    games: list[str]
    before: Float[Tensor, "batch"]
    kept: Float[Tensor, "batch"]
    removed: Float[Tensor, "batch"]
    filled: Float[Tensor, "batch"]
    area: Float[Tensor, "batch"]
    interrupted: bool

    @property
    def masks(self) -> Float[Tensor, "batch height width"]:
        """The maps: those of an isolation are masks."""
        return self.maps

    @property
    def probabilities(self) -> tuple[Float[Tensor, "batch"], ...]:
        """The target's, for the image, what the mask covers, and the rest."""
        return self.before, self.kept, self.removed

    def __repr__(self) -> str:
        alone = int((self.filled > 0.5).sum())
        vain = f"; the filling alone is called the class in {image_count(alone)}: take another fill" if alone else ""
        area, before, kept, removed = (f"{100 * each.median():.1f} %" for each in (self.area, *self.probabilities))
        return (
            f"Isolation of {self._subject()} in {image_count(len(self))}: median area {area}, median probability "
            f"{before}, with the mask's part alone {kept}, without it {removed}{self._disagreement()}{vain}"
            f"{'; interrupted' * self.interrupted}"
        )


CLEARLY = 2.0  # log-odds, about 7 to 1: at even odds the least noise would turn the answer round again


class LogOdds(Objective):
    """Log-odds of a class against all others together, or against the one in `versus`.

    Args:
        target: one class for all samples, or one for each, by name or index.
        versus: the class that it is held against, likewise; all others if None.
    """

    def __init__(self, target: Target, versus: Target | None = None) -> None:
        self.target, self.versus = target, versus

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        target = outputs.targets(self.target)
        if self.versus is None:
            return log_odds(outputs.logits, target)
        return pick(outputs.logits, target) - pick(outputs.logits, outputs.targets(self.versus))

    def __repr__(self) -> str:
        against = "" if self.versus is None else ", versus=…"
        return f"{type(self).__name__}({self.target if isinstance(self.target, str | int) else '…'!r}{against})"


def log_odds(logits: Float[Tensor, "n classes"], target: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    """Log-odds of a class against all others together, row by row."""
    target = target.to(logits.device)[:, None]
    return (logits.gather(1, target) - logits.scatter(1, target, -torch.inf).logsumexp(1, keepdim=True)).squeeze(1)


class Answer(LogOdds):
    """The log-probability that the answer clearly stays, or clearly falls; with `versus`, between the two alone.

    It levels off once the aim is reached, where a logit would go on paying for a larger and larger mask: what is left
    to gain is area.

    Args:
        target, versus: as `LogOdds`.
        falls: whether the answer shall fall instead of stay; one for all, or one for each sample.
    """

    def __init__(self, target: Target, versus: Target | None = None, *, falls: bool | Sequence[bool] = False) -> None:
        super().__init__(target, versus)
        self.signs = (1 - 2 * int(falls)) if isinstance(falls, bool) else [1 - 2 * int(each) for each in falls]

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        return F.logsigmoid(outputs.each(self.signs) * super().__call__(outputs) - CLEARLY)
