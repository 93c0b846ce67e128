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

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from course_utils.activations import Outputs
from course_utils.canvas import MaskCanvas, filling
from course_utils.loop import optimize
from course_utils.models.classifier import Classifier
from course_utils.objectives import Objective, Target
from course_utils.priors import mask_area, total_variation
from course_utils.transforms import jitter
from course_utils.utils import progress_bar
from course_utils.validation import check_settings, unknown
from course_utils.vision.attributions import Isolation, Question, ask, probability
from course_utils.vision.feature_visualization import images_at_once

GAMES = ("deletion", "preservation")
# Chosen on 24 scenes each for `pocket` and `pocket-robust` that benchmarks/isolation.py does not measure.
STEPS = 100
AREA = 25.0  # what covering all of the image costs, in nats of the answer's log-probability
VARIATION = 5.0
LEARNING_RATE = 0.5  # in units of the mask's logits
JITTER = 1 / 16  # of the image's shorter side: a mask must not depend on single pixels
GRAIN = 0.05  # standard deviation of the noise in which the mask must do its work
CELL = 2  # pixels; the mask's own grid is as much coarser than the image, and at most
MOST_CELLS = 32  # along a side


@torch.inference_mode(False)
def isolate_features(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    target: Target | None = None,
    *,
    versus: Target | None = None,
    game: str | None = None,
    fill: str | Tensor = "blur",
    steps: int = STEPS,
    area_weight: float = AREA,
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
        game: "deletion", "preservation", or None: deletion where the classifier says the target, and preservation
            elsewhere, since an answer that is not given cannot fall.
        fill: what stands where something is hidden, as `course_utils.canvas.filling` takes it: "blur", "mean", "noise"
            or images.
        steps: of Adam, at least 1.
        area_weight: what a mask over the whole image costs, against the log-probability of the answer's staying or
            falling; smaller masks for larger numbers. Where much of an image shows the class, as in a prototype, the
            usual weight may cost more than the answer is worth, and `.removed` stays high: take about 8.
        variation_weight: the same for the mask's total variation; smoother masks for larger numbers.
        learning_rate: of Adam, in units of the mask's logits.
        cells: of the mask's grid along each side; if None one for every two pixels, at most 32.
        seed: of jitter and noise, and of the filling "noise"; image i does not depend on what stands beside it.
        batch_size: images that go through the classifier at once; if None as many as have their activations in half
            a gibibyte, at most 64.
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
    once the answer has clearly fallen (or stays), so that area decides what more is covered (`isolation_aims.Answer`).
    """
    check_settings(steps=steps, **({} if batch_size is None else {"batch_size": batch_size}))
    question = ask(classifier, images, target, versus)
    deletes = _deletes(game, question)
    background = filling(question.images, fill, seed=seed)
    side = min(classifier.size)
    grid = max(1, min(MOST_CELLS, side // CELL)) if cells is None else cells
    learn = partial(
        optimize,
        classifier,
        priors=[area_weight * mask_area, variation_weight * total_variation],
        transforms=[jitter(max(1, round(JITTER * side))), Grain(GRAIN)],
        steps=steps,
        optimizer=partial(torch.optim.Adam, lr=learning_rate, fused=True),
        seed=seed,
        on_step=on_step,
    )
    chunks = torch.arange(len(images)).split(batch_size or images_at_once(classifier))
    several = len(chunks) > 1
    masks: list[Tensor] = []
    interrupted = False
    for rows in progress_bar(chunks, "isolating", progress=progress if several else False):
        falls, against = [deletes[row] for row in rows], None if question.versus is None else question.versus[rows]
        canvas = MaskCanvas(question.images[rows], background[rows], cells=grid, removed=falls)
        aim = Answer(question.target[rows], against, falls=falls)
        try:
            result = learn(canvas, aim, indices=rows.tolist(), progress=False if several else progress)
        except KeyboardInterrupt:
            if not masks:
                raise
            interrupted = True
            break
        masks.append(canvas.variable().detach())
        if interrupted := result.interrupted:
            break
    return _result(question, torch.cat(masks), background, deletes, interrupted)


def _deletes(game: str | None, question: Question) -> list[bool]:
    """For each image whether the game is deletion."""
    if game is not None and game not in GAMES:
        raise ValueError(unknown("game", game, GAMES))
    return question.agrees.tolist() if game is None else [game == "deletion"] * len(question.images)


@torch.no_grad()
def _result(question: Question, masks: Tensor, background: Tensor, deletes: list[bool], interrupted: bool) -> Isolation:
    """What was found, and what the classifier says of each image's two parts."""
    done = len(masks)
    images, target = question.images[:done], question.target[:done]
    kept, removed = (torch.lerp(background[:done], images, shown) for shown in (masks, 1 - masks))
    return Isolation(
        masks=masks.squeeze(1),
        images=images,
        targets=question.targets[:done],
        versus=None if question.against is None else question.against[:done],
        answers=question.prediction.classes[:done],
        games=[GAMES[0] if each else GAMES[1] for each in deletes[:done]],
        before=probability(question.classifier, images, target),
        kept=probability(question.classifier, kept, target),
        removed=probability(question.classifier, removed, target),
        filled=probability(question.classifier, background[:done], target),
        area=masks.flatten(1).mean(1),
        interrupted=interrupted,
    )


CLEARLY = 2.0  # log-odds, about 7 to 1: at even odds the least noise would turn the answer round again


class LogOdds(Objective):
    """How many times as probable a class is as all others together, or as the one in `versus`, as a logarithm.

    Args:
        target: one class for all samples, or one for each, by name or index.
        versus: the class that it is held against, likewise; all others if None.
    """

    def __init__(self, target: Target, versus: Target | None = None) -> None:
        self.target, self.versus = target, versus

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        target = outputs.targets(self.target)[:, None]
        logits = outputs.logits.to(torch.promote_types(outputs.logits.dtype, torch.float32))
        if self.versus is None:
            others = logits.scatter(1, target, -torch.inf).logsumexp(1)
        else:
            others = logits.gather(1, outputs.targets(self.versus)[:, None]).squeeze(1)
        return logits.gather(1, target).squeeze(1) - others

    def __repr__(self) -> str:
        against = "" if self.versus is None else ", versus=…"
        return f"{type(self).__name__}({self.target if isinstance(self.target, str | int) else '…'!r}{against})"


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


@dataclass(frozen=True)
class Grain:
    """A transform that adds normal noise of a standard deviation and cuts off at [0, 1].

    Where a net can be tricked by changes too faint to see, a mask could trick it too; what noise drowns does not count.
    """

    deviation: float

    def __call__(
        self, images: Float[Tensor, "batch c h w"], generators: list[torch.Generator]
    ) -> Float[Tensor, "batch c h w"]:
        shape = images.shape[1:]
        noise = torch.stack([torch.randn(shape, generator=each) for each in generators]).to(images)
        return (images + self.deviation * noise).clamp(0, 1)
