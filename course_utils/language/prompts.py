"""Prompts by gradient: an optimisation in embedding space, projected to tokens.

Tokens are discrete, so that no gradient leads from one prompt to the next. Their embeddings can be optimised: many
prompts start at once, the log-probability of the target is maximised through the frozen model, and a penalty pulls
every vector toward the nearest token. Every few steps each prompt is *snapped*, that is projected to the tokens nearest
to its vectors, and these tokens are evaluated. Each restart keeps the best tokens that it has met.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.activations import Outputs
from course_utils.canvas import PromptCanvas
from course_utils.language.prompt_results import PromptResults, as_probability
from course_utils.language.targets import POSITIONS, FromEmbeddings, Scorer, along, as_target, objective_for
from course_utils.language.vocabulary import Exclude, TokenTable, allowed_tokens
from course_utils.loop import Best, OnStep, optimize
from course_utils.models.language_model import LanguageModel
from course_utils.objectives import Objective
from course_utils.validation import check_settings

FAILED, LARGE = 0.01, 5000  # the best tokens' probability below which a run failed; tokens of a large vocabulary


@torch.inference_mode(False)
def optimize_prompts(
    lm: LanguageModel,
    target: str | int | Sequence[int],
    *,
    length: int = 3,
    restarts: int = 128,
    steps: int = 150,
    distance_weight: float | tuple[float, float] = (0.0, 3.0),
    metric: str = "euclidean",
    start: str | Int[Tensor, "restarts length"] = "random",
    objective: str = "logprob",
    learning_rate: float = 0.6,
    projected: bool = False,
    exclude: Exclude = ("target", "special"),
    stop_at: float | None = None,
    snap_every: int = 2,
    seed: int = 0,
    on_step: OnStep | None = None,
    progress: bool | None = None,
) -> OptimizedPrompts:
    """Prompts of a few tokens after which the model says `target`, by gradient in embedding space.

    Quick, and good on small models. With vocabularies of real size the vectors leave all words behind, and
    `coordinate_search` finds better prompts.

    Args:
        lm: the language model; its weights do not change.
        target: text of one or several tokens, mostly with a leading space (`" girl"`), or token ids.
        length: tokens of a prompt.
        restarts: number of prompts that are optimised together. Restart i does not depend on their number.
        steps: gradient steps.
        distance_weight: how strongly vectors are pulled toward tokens: what the mean distance to the nearest token
            costs, in units of the objective; or a pair, from the first number of which it grows to the second.
        metric: of that distance: `"cosine"`, or `"euclidean"`, in units of the mean embedding norm.
        start: `"random"` tokens, `"centroids"` of clusters of the embeddings, `"noise"`, or token ids.
        objective: `"logprob"`, or `"logit"`.
        learning_rate: how far Adam's first step moves each vector, in units of the mean embedding norm.
        projected: whether the model reads the tokens nearest to the vectors in their place, and the gradient there
            moves the vectors (PEZ, Wen et al. 2023). There is no pull then.
        exclude: tokens that prompts may not be made of: rules out of `"target"`, `"stem"`, `"special"`, `"non-words"`,
            `"unprintable"`, `"offensive"` (`course_utils.language.vocabulary`), and token ids; `()` allows all.
        stop_at: probability of the target, in (0, 1], at which a restart's tokens are good enough, and it stops.
        snap_every: steps between two projections to the nearest tokens.
        seed: of the starts.
        on_step: called as on_step(step, embeddings, outputs, score) before each step.
        progress: True shows a bar, False none, None one for work of over a second.

    Returns:
        One prompt a restart: the best tokens seen on its way. After Ctrl-C the best so far.

    Raises:
        ValueError: an empty target, one that the tokenizer cannot spell, a length that does not fit into the context,
            settings out of range, an unknown metric, start or rule.

    Warns:
        UserWarning: vectors succeed, and no tokens do.

    Source: the idea (optimise embeddings, pull them toward tokens, read the nearest) is that of Rumbelow & Watkins's
    code `backwards` (2023). Different here: soft and discrete prompts are on the same scale, the probability that
    counts is the one after the tokens, and every restart keeps its best.
    """
    wanted = as_target(lm, target, length)
    counts = {"restarts": restarts, "steps": steps, "snap_every": snap_every}
    check_settings(stop_at=stop_at, learning_rate=learning_rate, **counts)
    aim = objective_for(wanted, objective)
    table = lm.embeddings
    allowed = allowed_tokens(lm, exclude, target=wanted.text)
    words = TokenTable(table, metric, allowed)
    nearest = (lambda vectors: table[words.nearest(vectors)[..., 0]]) if projected else None
    canvas = PromptCanvas(restarts, length, table, start=start, allowed=allowed, seed=seed, projection=nearest)
    pull = PullToTokens(words, 0.0 if projected else distance_weight, steps)
    scorer = Scorer(lm, wanted)
    snapper = Snapper(words=words, scorer=scorer, aim=aim, pull=pull, steps=steps, every=snap_every, also=on_step)
    result = optimize(
        FromEmbeddings(lm, wanted), canvas, aim, priors=[pull] if pull.final else (), steps=steps, seed=seed,
        optimizer=partial(torch.optim.Adam, lr=canvas.learning_rate(learning_rate)), on_step=snapper,
        stop_at=stop_at, confidence=snapper.reached if stop_at else None, progress=progress,
    )  # fmt: skip
    tokens, vectors = snapper.tokens.rows, snapper.vectors.rows
    if not vectors:  # interrupted before the first projection
        raise KeyboardInterrupt
    soft, discrete = vectors["soft"].median().exp().item(), tokens["score"].max().exp().item()
    if discrete < FAILED and soft > 10 * discrete and len(words.tokens) > LARGE:
        warnings.warn(
            f"the vectors give the target a probability of {as_probability(soft)} (median), the best tokens "
            f"{as_probability(discrete)}, and {100 * snapper.changed.float().mean():.0f} % of the tokens ever changed: "
            "on a vocabulary of this size coordinate_search finds better prompts.",
            UserWarning,
            stacklevel=3,
        )
    return OptimizedPrompts.of_tokens(
        lm, tokens["ids"], tokens["score"], wanted,
        soft_probability=vectors["soft"].exp(), snapped_probability=vectors["snapped"].exp(),
        distance=vectors["distance"], embeddings=vectors["embeddings"], history=snapper.history(),
        forward_passes=scorer.passes + snapper.soft_passes, backward_passes=int(result.steps.sum()),
        interrupted=result.interrupted,
    )  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class OptimizedPrompts(PromptResults):
    """Prompts found by gradient; one row a restart.

    Attributes:
        soft_probability: of the target after the vectors, where their score is best.
        snapped_probability: of the target after the tokens nearest to these vectors; `probability` is that of the
            best tokens on the whole way, and is never lower.
        distance: of these vectors from their nearest tokens, as a mean; in units of the mean embedding norm for
            `metric="euclidean"`.
        embeddings: the vectors.
        history: the course of the run.
    """

    soft_probability: Float[Tensor, "prompts"]
    snapped_probability: Float[Tensor, "prompts"]
    distance: Float[Tensor, "prompts"]
    embeddings: Float[Tensor, "prompts length width"]
    history: History

    def _more(self) -> str:
        soft, discrete = (as_probability(each.median().item()) for each in (self.soft_probability, self.probability))
        return f" (medians: soft {soft}, discrete {discrete})"

    def _columns(self) -> dict[str, list[str]]:
        return {
            **super()._columns(),
            "soft": [as_probability(each) for each in self.soft_probability.tolist()],
            "distance": [f"{each:.2f}" for each in self.distance.tolist()],
        }


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
        """The weight at the step that the run is at."""
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


@dataclass(frozen=True, eq=False)
class History:
    """The course of a run, at each projection; one column a restart, which keeps its last value once it has stopped.

    Attributes:
        steps: before which the prompts were projected to tokens.
        soft_probability: of the target after the vectors.
        probability: of the target after the tokens nearest to them.
        distance: mean distance from the vectors to these tokens.
    """

    steps: Int[Tensor, "snaps"]
    soft_probability: Float[Tensor, "snaps restarts"]
    probability: Float[Tensor, "snaps restarts"]
    distance: Float[Tensor, "snaps restarts"]


@dataclass(eq=False, kw_only=True)
class Snapper:
    """Projection to the nearest tokens every few steps of a run; the tokens are evaluated, and the best are kept.

    Vectors are ranked by their score under the *final* weight of the pull, so that a weight that grows does not let
    the beginning win.

    Attributes:
        words: the tokens.
        scorer: evaluates prompts of tokens, and counts them.
        aim: the run's objective.
        pull: the run's prior; its step is set here.
        steps: of the run.
        every: steps between two projections; the last state is always projected.
        also: another function to call at every step.
        tokens: the best tokens of each restart so far, with the target's log-probability after them as the score.
        vectors: its best vectors, with the log-probability after them, after the nearest tokens, and their distance.
        last: the last projection of each restart.
        first: the tokens of the first.
        soft_passes: prompts of vectors that went through the model.
        changed: which tokens were ever another than at the first projection.
        seen: step, soft and discrete log-probability, and distance at each projection.
    """

    words: TokenTable
    scorer: Scorer
    aim: Objective
    pull: PullToTokens
    steps: int
    every: int
    also: OnStep | None = None
    tokens: Best = field(default_factory=Best)
    vectors: Best = field(default_factory=Best)
    last: Best = field(default_factory=Best)
    first: Tensor | None = None
    changed: Tensor = field(default_factory=lambda: torch.tensor(False))
    soft_passes: int = 0
    seen: list[tuple[int, Tensor, Tensor, Tensor]] = field(default_factory=list)

    @torch.no_grad()
    def __call__(self, step: int, embeddings: Tensor, outputs: Outputs, score: Tensor) -> None:
        if self.also:
            self.also(step, embeddings, outputs, score)
        self.soft_passes += len(embeddings)
        self.pull.step = step + 1
        if step % self.every == 0 or step == self.steps:
            self._project(step, embeddings, outputs)

    def reached(self, outputs: Outputs) -> Float[Tensor, "left"]:
        """The probability that each restart's best tokens give the target: what the run may stop at."""
        if not self.tokens.rows:
            return torch.zeros(len(outputs.logits), device=outputs.logits.device)
        best = self.tokens.rows["score"].exp()
        return best if outputs.samples is None else best[outputs.samples]

    def history(self) -> History:
        """The values at each projection."""
        steps, soft, hard, distance = zip(*self.seen, strict=True)
        return History(torch.tensor(steps), torch.stack(soft).exp(), torch.stack(hard).exp(), torch.stack(distance))

    def _project(self, step: int, embeddings: Tensor, outputs: Outputs) -> None:
        rows = torch.arange(len(embeddings), device=embeddings.device) if outputs.samples is None else outputs.samples
        ids = self.words.nearest(embeddings)[..., 0]
        distance, reached = self.pull.distance(embeddings, ids), self._evaluated(ids, rows)
        soft = along(outputs.layers.get(POSITIONS, outputs.logits[:, None]), self.scorer.target.ids)
        now = {"soft": soft, "snapped": reached, "distance": distance}
        nothing, all_of_them = torch.zeros_like(reached), torch.ones_like(reached, dtype=torch.bool)
        self.last.update(rows, reached, nothing, all_of_them, ids=ids, **now)
        last = self.last.rows
        self.first = ids if self.first is None else self.first
        self.changed = self.changed | (last["ids"] != self.first)
        self.seen.append((step, last["soft"], last["snapped"], last["distance"]))
        self.tokens.update(rows, reached, nothing, ids=ids)
        score = self.aim(outputs) - self.pull.final * distance
        self.vectors.update(rows, score, nothing, embeddings=embeddings.clone(), **now)

    def _evaluated(self, ids: Int[Tensor, "left length"], rows: Int[Tensor, "left"]) -> Float[Tensor, "left"]:
        """The target's log-probability after tokens; those of the last projection are not evaluated again."""
        if not self.last.rows:
            return self.scorer(ids)
        moved = (ids != self.last.rows["ids"][rows]).any(1).nonzero().squeeze(1)
        return self.last.rows["snapped"][rows].index_put((moved,), self.scorer(ids[moved]))
