"""On the way of a climb: what pulls vectors toward tokens, and what is left of them when they are snapped to tokens."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.activations import Outputs
from course_utils.language.targets import POSITIONS, Scorer, along
from course_utils.language.token_table import TokenTable
from course_utils.objectives import Objective

OnStep = Callable[[int, Tensor, Outputs, Tensor], object]


class PullToTokens:
    """A prior: weight · mean distance of a prompt's vectors to their nearest tokens.

    Args:
        words: the tokens.
        weight: at least 0; or the weights at the first and at the last step, between which it grows evenly.
        steps: of the run.

    Attributes:
        step: the step that the run is at, set by whoever counts.

    Raises:
        ValueError: a weight below 0 or not finite.
    """

    def __init__(self, words: TokenTable, weight: float | tuple[float, float], steps: int = 1) -> None:
        self.words, self.step, self.steps = words, 0, steps
        self.first, self.final = weight if isinstance(weight, tuple) else (weight, weight)
        if not all(math.isfinite(each) and each >= 0 for each in (self.first, self.final)):
            raise ValueError(f"distance_weight={weight!r} given, expected at least 0, or two such numbers.")

    @property
    def weight(self) -> float:
        """At the step that the run is at."""
        return self.first + (self.final - self.first) * min(1.0, self.step / max(1, self.steps - 1))

    def __call__(self, embeddings: Float[Tensor, "batch length width"]) -> Float[Tensor, "batch"]:
        return self.weight * self.distance(embeddings, self.words.nearest(embeddings)[..., 0])

    def distance(
        self, embeddings: Float[Tensor, "batch length width"], ids: Int[Tensor, "batch length"]
    ) -> Float[Tensor, "batch"]:
        """Mean distance of each prompt's vectors to tokens, in the table's unit."""
        return self.words.distance(embeddings, ids).mean(1) / self.words.unit

    def __repr__(self) -> str:
        return f"{self.final:g} · distance to the nearest token ({self.words.metric})"


@dataclass(frozen=True)
class Kept:
    """The best of each restart; log-probabilities of the target."""

    ids: Int[Tensor, "restarts length"]  # the best tokens so far
    log_probability: Float[Tensor, "restarts"]  # after them
    soft: Float[Tensor, "restarts"]  # after the vectors with the best score
    snapped: Float[Tensor, "restarts"]  # after the tokens nearest to these
    score: Float[Tensor, "restarts"]
    distance: Float[Tensor, "restarts"]
    embeddings: Float[Tensor, "restarts length width"]


@dataclass(frozen=True, eq=False)
class History:
    """What was seen at each snap; one column a restart, which keeps its last value once it has stopped.

    Attributes:
        steps: before which the prompts were snapped.
        soft_probability: of the target after the vectors.
        probability: of the target after the tokens nearest to them.
        distance: mean distance from the vectors to these tokens.
    """

    steps: Int[Tensor, "snaps"]
    soft_probability: Float[Tensor, "snaps restarts"]
    probability: Float[Tensor, "snaps restarts"]
    distance: Float[Tensor, "snaps restarts"]


class Snapper:
    """Watches a run: every few steps it replaces vectors by their nearest tokens, tries these, and keeps the best.

    It ranks vectors by their score under the *final* weight of the pull, so that a weight that grows does not let the
    beginning win.

    Args:
        words: the tokens.
        scorer: tries prompts of tokens, and counts.
        aim: the run's objective.
        pull: the run's prior; its step is set here.
        restarts: number of prompts.
        steps: of the run.
        every: steps between two snaps; the last state is always looked at.
        also: another function to call at every step.
    """

    def __init__(
        self,
        words: TokenTable,
        scorer: Scorer,
        aim: Objective,
        pull: PullToTokens,
        restarts: int,
        *,
        steps: int,
        every: int,
        also: OnStep | None = None,
    ) -> None:
        self.words, self.scorer, self.aim, self.pull = words, scorer, aim, pull
        self.target = scorer.target
        self.restarts, self.steps, self.every, self.also = restarts, steps, every, also
        self.soft_passes = 0
        self._kept: Kept | None = None
        self._last: Kept | None = None  # at the last snap, better or not
        self._seen: list[tuple[int, Tensor, Tensor, Tensor]] = []

    @torch.no_grad()
    def __call__(self, step: int, embeddings: Tensor, outputs: Outputs, score: Tensor) -> None:
        if self.also:
            self.also(step, embeddings, outputs, score)
        self.soft_passes += len(embeddings)
        self.pull.step = step + 1
        if step % self.every == 0 or step == self.steps:
            self._snap(step, embeddings, outputs)

    def reached(self, outputs: Outputs) -> Float[Tensor, "left"]:
        """The probability that each restart's best tokens give the target: what the run may stop at."""
        if self._kept is None:
            return torch.zeros(len(outputs.logits), device=outputs.logits.device)
        best = self._kept.log_probability.exp()
        return best if outputs.samples is None else best[outputs.samples]

    def kept(self) -> Kept:
        """The best so far.

        Raises:
            KeyboardInterrupt: there is none, because the run was interrupted before the first snap.
        """
        if self._kept is None:
            raise KeyboardInterrupt
        return self._kept

    def history(self) -> History:
        """What was seen at each snap."""
        steps, soft, hard, far = zip(*self._seen, strict=True)
        return History(torch.tensor(steps), torch.stack(soft).exp(), torch.stack(hard).exp(), torch.stack(far))

    def _snap(self, step: int, embeddings: Tensor, outputs: Outputs) -> None:
        where = torch.arange(len(embeddings), device=embeddings.device) if outputs.samples is None else outputs.samples
        ids = self.words.nearest(embeddings)[..., 0]
        far = self.pull.distance(embeddings, ids)
        now = Kept(
            ids=ids,
            log_probability=(hard := self._tried(ids, where)),
            soft=along(outputs.layers.get(POSITIONS, outputs.logits[:, None]), self.target.ids),
            snapped=hard,
            score=self.aim(outputs) - self.pull.final * far,
            distance=far,
            embeddings=embeddings.clone(),
        )
        self._kept, self._last = _better(self._kept, now, where), _placed(self._last, now, where)
        self._seen.append((step, self._last.soft, self._last.snapped, self._last.distance))

    def _tried(self, ids: Int[Tensor, "left length"], where: Int[Tensor, "left"]) -> Float[Tensor, "left"]:
        """The target's log-probability after tokens; those of the last snap need not be tried again."""
        if self._last is None:
            return self.scorer(ids)
        found = self._last.snapped[where]
        moved = (ids != self._last.ids[where]).any(1).nonzero().squeeze(1)
        return found.index_put((moved,), self.scorer(ids[moved]))


TOKENS = ("ids", "log_probability")  # what is kept of the best tokens; the rest is kept of the best vectors


def _placed(old: Kept | None, new: Kept, where: Int[Tensor, "left"]) -> Kept:
    """The new rows in their places among all."""
    if old is None:
        return new
    return Kept(**{name: kept.index_put((where,), getattr(new, name)) for name, kept in vars(old).items()})


def _better(old: Kept | None, new: Kept, where: Int[Tensor, "left"]) -> Kept:
    """The better of old and new: tokens by their own log-probability, vectors by their score."""
    if old is None:
        return new
    tokens = new.log_probability > old.log_probability[where]
    vectors = new.score > old.score[where]

    def merged(name: str, kept: Tensor) -> Tensor:
        rows = tokens if name in TOKENS else vectors
        return kept.index_put((where[rows],), getattr(new, name)[rows])

    return Kept(**{name: merged(name, kept) for name, kept in vars(old).items()})
