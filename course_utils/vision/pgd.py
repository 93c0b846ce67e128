"""Projected gradient ascent on pictures: runs and batches of `optimize`, and the best of each picture."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from course_utils.activations import Outputs, record
from course_utils.canvas import EpsilonBall, checked_radius, random_start
from course_utils.guards import ZeroGradientError, as_found, check_settings
from course_utils.loop import Result, optimize
from course_utils.models.classifier import Classifier, Prediction
from course_utils.objectives import LogProb, Target
from course_utils.randomness import sample_generators
from course_utils.steps import NormalizedStep, SignStep
from course_utils.vision.attack_result import AttackResult

OnStep = Callable[[int, Tensor, Outputs, Tensor], object]
REACH = 2.5  # radii of the ball that all steps span together: across and back again (Madry et al. 2018)


@dataclass(frozen=True)
class ProjectedAscent:
    """An attack's settings, checked; see `course_utils.vision.attacks.targeted_attack` for their meaning."""

    eps: float
    norm: str
    steps: int
    step_size: float | None
    random_start: bool
    restarts: int
    stop_at: float | None
    seed: int
    batch_size: int
    on_step: OnStep | None
    progress: bool | None

    def __post_init__(self) -> None:
        checked_radius(self.eps, self.norm)
        check_settings(stop_at=self.stop_at, steps=self.steps, restarts=self.restarts, batch_size=self.batch_size)
        if self.step_size is not None and not (math.isfinite(self.step_size) and self.step_size > 0):
            raise ValueError(f"step_size={self.step_size} given, expected a length above 0, such as 2/255, or None.")

    def __call__(self, classifier: Classifier, images: Tensor, wanted: Target, *, targeted: bool) -> AttackResult:
        if not isinstance(classifier, Classifier):
            given = type(classifier).__name__
            raise TypeError(f"classifier is {given}, expected a Classifier: Classifier(module, classes=…, size=…).")
        classifier.check_images(images)
        with torch.inference_mode(False):
            originals = images.detach().to(classifier.device, classifier.dtype).clamp(0, 1)
            classes = classifier.targets(wanted, len(originals))
            kept = _Kept(classifier, originals, classes, targeted, self.batch_size)
            if targeted and bool(kept.already.all()):
                names = ", ".join(sorted({classifier.classes[i] for i in classes.tolist()}))
                raise ValueError(f"all {len(originals)} pictures are called {names} already: choose another target.")
            try:
                interrupted = self._run(classifier, kept)
            except KeyboardInterrupt:  # before the batch at hand had anything to give
                interrupted = True
        return kept.result(self, interrupted)

    @property
    def _length(self) -> float:
        """Of a step; 0, which is no attack at all, for a ball without extent."""
        if self.eps == 0 or self.step_size is None:
            return REACH * self.eps / self.steps
        return self.step_size

    def _run(self, classifier: Classifier, kept: _Kept) -> bool:
        """All runs and batches; whether they were interrupted."""
        for restart in range(self.restarts if self._length > 0 else 0):
            stuck = None
            withstood = torch.ones_like(kept.success) if restart == 0 else ~kept.success
            todo = withstood.cpu().nonzero().flatten()
            for rows in todo.split(self.batch_size) if len(todo) else ():
                try:
                    result = self._batch(classifier, kept, rows, restart)
                except ZeroGradientError as error:
                    stuck = error
                    continue
                kept.take(rows, result)
                if result.interrupted:
                    return True
            if stuck and not kept.iterations.any():
                raise stuck  # no picture of any batch has a gradient
            if stuck:
                warnings.warn(str(stuck), RuntimeWarning, stacklevel=4)
        return False

    def _batch(self, classifier: Classifier, kept: _Kept, rows: Tensor, restart: int) -> Result:
        images, start = kept.originals[rows], None
        if self.random_start or restart:
            generators = sample_generators(self.seed, rows.tolist(), f"start of run {restart}")
            start = random_start(images, self.eps, self.norm, generators)
        rule = SignStep if self.norm == "linf" else NormalizedStep
        objective, confidence = _aim(kept.classes[rows], kept.targeted)
        return optimize(
            classifier,
            EpsilonBall(images, self.eps, self.norm, start=start),
            objective,
            steps=self.steps,
            optimizer=partial(rule, lr=self._length),
            on_step=self.on_step,
            stop_at=self.stop_at,
            confidence=confidence,
            indices=rows.tolist(),
            progress=self.progress,
        )


class _Kept:
    """The best of each picture so far, beginning with the picture itself."""

    def __init__(
        self, classifier: Classifier, originals: Tensor, classes: Tensor, targeted: bool, batch_size: int
    ) -> None:
        self.classifier, self.classes, self.targeted = classifier, classes, targeted
        self.originals, self.images = originals, originals.clone()
        self.iterations = torch.zeros(len(originals), dtype=torch.long)
        with torch.no_grad(), as_found(classifier):
            looks = [record(classifier)(part) for part in originals.split(batch_size)]
        self.logits_before = self.logits = torch.cat([look.logits for look in looks])
        objective, confidence = _aim(classes, targeted)
        every = Outputs(self.logits, {}, classifier, None, len(originals))
        self.score, self.success = objective(every), confidence(every) > 0
        self.already = self.success

    def take(self, rows: Tensor, result: Result) -> None:
        """Replace the pictures of `rows` by those of a run that are better."""
        assert result.confidence is not None
        success = result.confidence > 0
        equal = success == self.success[rows]
        better = torch.where(equal, result.score > self.score[rows], success)
        here = rows[better.cpu()]
        self.images = self.images.index_put((here,), result.x[better])
        self.logits = self.logits.index_put((here,), result.logits[better])
        self.score = self.score.index_put((here,), result.score[better])
        self.success = self.success.index_put((here,), success[better])
        self.iterations[rows] += result.steps

    def result(self, settings: ProjectedAscent, interrupted: bool) -> AttackResult:
        change = (self.images - self.originals).flatten(1)
        return AttackResult(
            images=self.images,
            success=self.success,
            linf=change.abs().amax(dim=1),
            l2=change.norm(dim=1),
            iterations=self.iterations,
            interrupted=interrupted,
            originals=self.originals,
            before=self._prediction(self.logits_before),
            after=self._prediction(self.logits),
            already=self.already,
            wanted=[self.classifier.classes[i] for i in self.classes.tolist()],
            targeted=self.targeted,
            eps=settings.eps,
            norm=settings.norm,
        )

    def _prediction(self, logits: Tensor) -> Prediction:
        return Prediction(logits, logits.float().softmax(dim=1), self.classifier.classes)


def _aim(classes: Tensor, targeted: bool) -> tuple[Callable[[Outputs], Tensor], Callable[[Outputs], Tensor]]:
    """The score to climb, and how sure the classifier is of what the attack wants (0 where it is missed)."""
    of_class = LogProb(classes)
    if targeted:
        return of_class, of_class.confidence
    return -of_class, of_class.confidence_elsewhere
