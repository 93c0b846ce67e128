"""Prompts by gradient: climb in embedding space, and read the way in tokens.

Prompts cannot be climbed, since tokens are discrete. Their embeddings can: start many prompts at once, climb the
log-probability of the target through the frozen model, and let a penalty pull every vector toward the nearest token.
Every few steps each prompt is *snapped*: replaced by the tokens nearest to its vectors, and tried for real. Each
restart keeps the best tokens that it has met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.activations import Outputs
from course_utils.canvas import PromptCanvas
from course_utils.guards import check_settings
from course_utils.language.excluded import Exclude, allowed_tokens
from course_utils.language.found import FoundPrompts, described_prompts
from course_utils.language.snapping import History, PullToTokens, Snapper
from course_utils.language.targets import FromEmbeddings, Scorer, as_target, check_length, objective_for
from course_utils.language.token_table import TokenTable
from course_utils.loop import optimize
from course_utils.models.language_model import LanguageModel


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
    exclude: Exclude = ("target", "special"),
    stop_at: float | None = None,
    snap_every: int = 2,
    seed: int = 0,
    on_step: Callable[[int, Tensor, Outputs, Tensor], object] | None = None,
    progress: bool | None = None,
) -> OptimizedPrompts:
    """Prompts of a few tokens after which the model says `target`.

    Args:
        lm: the language model; its weights do not change.
        target: text of one or several tokens, mostly with a leading space (`" girl"`), or token ids.
        length: tokens of a prompt.
        restarts: how many prompts are climbed side by side. Restart i does not depend on their number.
        steps: gradient steps.
        distance_weight: how strongly vectors are pulled toward tokens: what the mean distance to the nearest token
            costs, in units of the objective; or a pair, from the first number of which it grows to the second.
        metric: of that distance: `"cosine"`, or `"euclidean"`, in units of the mean embedding norm.
        start: `"random"` tokens, `"centroids"` of clusters of the embeddings, `"noise"`, or token ids.
        objective: `"logprob"`, or `"logit"`.
        learning_rate: how far Adam's first step moves each vector, in units of the mean embedding norm.
        exclude: tokens that prompts may not be made of: rules out of `"target"`, `"stem"`, `"special"`,
            `"unprintable"`, `"offensive"` (`course_utils.language.excluded`), and token ids; `()` allows all.
        stop_at: probability of the target, in (0, 1], at which a restart's tokens are good enough, and it stops.
        snap_every: steps between two looks at the nearest tokens.
        seed: of the starts.
        on_step: called as on_step(step, embeddings, outputs, score) before each step.
        progress: True shows a bar, False none, None one for work of over a second.

    Returns:
        One prompt a restart: the best tokens seen on its way. After Ctrl-C the best so far.

    Raises:
        ValueError: an empty target, one that the tokenizer cannot spell, a length that does not fit into the context,
            settings out of range, an unknown metric, start or rule.

    Source: the idea (climb embeddings, pull them toward tokens, read the nearest) is that of Rumbelow & Watkins's
    code `backwards` (2023). Different here: soft and discrete prompts are on the same scale, the probability that
    counts is the one after the tokens, and every restart keeps its best.
    """
    wanted = as_target(lm, target)
    check_length(lm, length, wanted)
    check_settings(stop_at=stop_at, restarts=restarts, steps=steps, snap_every=snap_every)
    aim = objective_for(wanted, objective)
    table = lm.embeddings
    allowed = allowed_tokens(lm, exclude, target=wanted.text)
    words = TokenTable(table, metric, allowed)
    canvas = PromptCanvas(restarts, length, table, start=start, allowed=allowed, seed=seed)
    pull = PullToTokens(words, distance_weight, steps)
    snapper = Snapper(words, Scorer(lm, wanted), aim, pull, restarts, steps=steps, every=snap_every, also=on_step)
    result = optimize(
        FromEmbeddings(lm, wanted), canvas, aim, priors=[pull] if pull.final else (), steps=steps, seed=seed,
        optimizer=partial(torch.optim.Adam, lr=canvas.learning_rate(rate_checked(learning_rate))), on_step=snapper,
        stop_at=stop_at, confidence=snapper.reached if stop_at else None, progress=progress,
    )  # fmt: skip
    kept = snapper.kept()
    return OptimizedPrompts(
        **described_prompts(lm, kept.ids, kept.log_probability, wanted),
        soft_probability=kept.soft.exp(),
        snapped_probability=kept.snapped.exp(),
        distance=kept.distance,
        embeddings=kept.embeddings,
        history=snapper.history(),
        forward_passes=snapper.scorer.passes + snapper.soft_passes,
        backward_passes=int(result.steps.sum()),
        interrupted=result.interrupted,
    )


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class OptimizedPrompts(FoundPrompts):
    """Prompts found by gradient; one row a restart.

    Attributes:
        soft_probability: of the target after the vectors, where their score is best.
        snapped_probability: of the target after the tokens nearest to these vectors; `probability` is that of the
            best tokens on the whole way, and is never lower.
        distance: of these vectors from their nearest tokens, as a mean; in units of the mean embedding norm for
            `metric="euclidean"`.
        embeddings: the vectors.
        history: what was seen on the way.
    """

    soft_probability: Float[Tensor, "prompts"]
    snapped_probability: Float[Tensor, "prompts"]
    distance: Float[Tensor, "prompts"]
    embeddings: Float[Tensor, "prompts length width"]
    history: History

    def _more(self) -> str:
        return f" (medians: soft {self.soft_probability.median():.2f}, discrete {self.probability.median():.2f})"

    def _columns(self) -> dict[str, list[str]]:
        return {
            **super()._columns(),
            "soft": [f"{each:.3f}" for each in self.soft_probability.tolist()],
            "distance": [f"{each:.2f}" for each in self.distance.tolist()],
        }


def rate_checked(learning_rate: Any) -> float:
    """A step size above 0; ValueError for anything else."""
    if not 0 < learning_rate < float("inf"):
        raise ValueError(f"learning_rate={learning_rate!r} given, expected a number above 0, such as 0.6.")
    return float(learning_rate)
