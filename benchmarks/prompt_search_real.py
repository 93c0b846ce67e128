"""Prompt searches at equal passes on three language models: python benchmarks/bench.py --only prompt_search_real

Three tokens, whole words only, and as many passes of single prompts as `PASSES` for each way, forward and backward
together; once for each target, on the largest model with all ways for the first only. Probabilities are those after the
tokens, computed by the course. nanogcg knows no list of candidates; its own check for characters outside ASCII is
replaced by ours, so that all search among the same tokens. The settings of our search were chosen for " girl" on
smollm2-135m and for eight other words on books-lm: " girl" is no test of them.
"""

from __future__ import annotations

import logging
import math
import warnings
from argparse import Namespace
from collections.abc import Callable
from functools import partial

import torch
from measure import Row, run, side_by_side

from course_utils import load_language_model
from course_utils.language import coordinate_search, fluent_prompts, optimize_prompts, random_search
from course_utils.language.prompt_results import PromptResults
from course_utils.language.search import TopPrompts, random_prompts
from course_utils.language.targets import Scorer, as_target
from course_utils.language.vocabulary import allowed_tokens
from course_utils.models.language_model import LanguageModel

PASSES = {"pocket-lm": 3_200, "books-lm": 3_200, "smollm2-135m": 1_000}  # the last takes 20 ms each
MODELS, TARGETS, LENGTH, SEED = tuple(PASSES), ("girl", "science", "art", "boy"), 3, 0
EXCLUDE = ("target", "stem", "special", "non-words", "offensive")
HALF = 0.5  # probability over which a prompt is counted


def compare(given: Namespace) -> list[Row]:
    warnings.simplefilter("ignore")
    rows = []
    for part in given.parts or PARTS[: 1 if given.quick else None]:
        model, _, target = part.partition(" ")
        lm, passes = load_language_model(model), 200 if given.quick else PASSES[model]
        few = model == MODELS[-1] and target != TARGETS[0]
        ways = {name: partial(way, lm, passes) for name, way in WAYS.items() if name in CORE or not few}
        rows += side_by_side(
            f"{model}, three tokens for {target}", ways, rounds=[f" {target}"], quality=judged, warm_up=False
        )
    return rows


def judged(found: list[PromptResults]) -> dict[str, float | str]:
    """Probability of the target after the best prompt, how many prompts are over a half, and how fluent the best is."""
    (only,) = found
    best = only.best(1)
    return {
        "best probability": best.probability.item(),
        f"different prompts over {HALF}": int((only.best(10_000).probability > HALF).sum()),
        "surprise of the best": best.surprise.item(),
        "best prompt": best.text[0].replace("|", "\\|"),
        "passes": only.passes,
    }


def swaps(lm: LanguageModel, passes: int, target: str, *, restarts: int = 1) -> PromptResults:
    """Coordinate search; a sixth of the passes goes to random starts."""
    starts = max(1, passes // 6 // restarts)
    steps = max(1, (passes // restarts - starts) // (64 + 2))
    return coordinate_search(
        lm, target, length=LENGTH, restarts=restarts, starts=starts, steps=steps, exclude=EXCLUDE, seed=SEED,
        progress=False,
    )  # fmt: skip


def by_gradient(lm: LanguageModel, passes: int, target: str, **options: object) -> PromptResults:
    """By gradient in embedding space: 16 restarts, snapped every other step, a pass for every gradient and snap."""
    steps = max(1, passes // 40)  # two passes a gradient, and half a pass for the snaps
    return optimize_prompts(
        lm, target, length=LENGTH, restarts=16, steps=steps, exclude=EXCLUDE, seed=SEED, progress=False, **options
    )


def fluent(lm: LanguageModel, passes: int, target: str) -> PromptResults:
    """The front as prompts."""
    steps = max(1, (passes - 32) // (8 * 16 + 16))
    found = fluent_prompts(lm, target, length=LENGTH, steps=steps, exclude=EXCLUDE, seed=SEED, progress=False)
    return _results(lm, found.token_ids, target, found.forward_passes, found.backward_passes)


def one_token(lm: LanguageModel, passes: int, target: str) -> PromptResults:
    """The most probable after one word, of as many words as there are passes."""
    words = allowed_tokens(lm, EXCLUDE, target=target).nonzero()
    words = words[torch.randperm(len(words), generator=torch.Generator().manual_seed(SEED))[:passes]]
    return _best_of(lm, words, target)


def luck(lm: LanguageModel, passes: int, target: str) -> PromptResults:
    return random_search(lm, target, length=LENGTH, passes=passes, top=100, exclude=EXCLUDE, seed=SEED, progress=False)


def by_nanogcg(lm: LanguageModel, passes: int, target: str, *, width: int) -> PromptResults:
    """The best prompt of every step, from words drawn at random, with nanogcg's defaults but for the width."""
    import nanogcg
    from nanogcg import gcg

    logging.disable(logging.WARNING)  # nanogcg warns of processors and of models without a chat template
    gcg.tqdm = lambda steps, **_: steps
    barred = (~allowed_tokens(lm, EXCLUDE, target=target)).nonzero().squeeze(1)
    gcg.get_nonascii_toks = lambda tokenizer, device: barred
    lm.tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"  # none, as ours
    steps = math.ceil(passes / (width + 2))
    (start,) = random_prompts(lm, target, 1, length=LENGTH, exclude=EXCLUDE, seed=SEED)
    config = nanogcg.GCGConfig(
        num_steps=steps, search_width=width, topk=256, optim_str_init=lm.decode(start), seed=SEED, batch_size=64,
        use_prefix_cache=False, verbosity="ERROR",
    )  # fmt: skip
    kept = {*nanogcg.run(lm.model, lm.tokenizer, "{optim_str}", target, config).strings}
    token_ids = torch.stack([ids for ids in map(lm.encode, sorted(kept)) if len(ids) == LENGTH])
    return _results(lm, token_ids, target, steps * (width + 1), steps)


def _best_of(lm: LanguageModel, prompts: torch.Tensor, target: str) -> PromptResults:
    wanted = as_target(lm, target)
    scorer, best = Scorer(lm, wanted), TopPrompts(100, prompts.shape[1], lm.device)
    best.update(prompts, scorer(prompts))
    return best.results(lm, wanted, scorer.passes, False)


def _results(lm: LanguageModel, ids: torch.Tensor, target: str, forward: int, backward: int) -> PromptResults:
    wanted = as_target(lm, target)
    counts = {"forward_passes": forward, "backward_passes": backward, "interrupted": False}
    return PromptResults.of_tokens(lm, ids, Scorer(lm, wanted)(ids), wanted, **counts)


WAYS: dict[str, Callable[[LanguageModel, int, str], PromptResults]] = {
    "ours": swaps,
    "nanogcg, width 64": partial(by_nanogcg, width=64),
    "random search": luck,
    "nanogcg, width 512": partial(by_nanogcg, width=512),
    "fluent search": fluent,
    "ours, four restarts": partial(swaps, restarts=4),
    "one token": one_token,
    "gradient, no pull": partial(by_gradient, distance_weight=0.0),
    "gradient, growing pull": by_gradient,
    "gradient, projected (PEZ)": partial(by_gradient, projected=True, metric="cosine", learning_rate=0.3),
}
CORE = ("ours", "nanogcg, width 64", "random search")
PARTS = [f"{model} {target}" for model in MODELS for target in TARGETS]


if __name__ == "__main__":
    run(compare, time="time a target", packages=("nanogcg", "transformers"))
