"""Prompt search on pocket-lm beside nanogcg and the original settings: python benchmarks/bench.py --only prompt_peers

Three tokens out of the words of the written world, and about 20,000 forward passes of one prompt for each way (random
search has as many as ours has forward and backward together), once for each of four targets. nanogcg knows no list of
candidates; its own check for characters outside ASCII is replaced by ours, so that all search among the same tokens.
"""

from __future__ import annotations

import logging
import math
from argparse import Namespace
from collections.abc import Callable
from functools import partial

import torch
from measure import Row, run, side_by_side
from original_prompts import as_published, original_settings
from prompts import GOOD, outside

from course_utils import load_language_model
from course_utils.language import coordinate_search, optimize_prompts, random_search
from course_utils.language.prompt_results import PromptResults
from course_utils.language.search import random_prompts
from course_utils.language.targets import as_target
from course_utils.language.vocabulary import allowed_tokens
from course_utils.models.language_model import LanguageModel

TARGETS, SEED, PASSES = ("girl", "boy", "science", "art"), 0, 19_500


def compare(given: Namespace) -> list[Row]:
    lm = load_language_model("pocket-lm")
    exclude, share = ["target", *outside(lm)], 0.05 if given.quick else 1.0
    ways = {name: partial(way, lm, exclude, share) for name, way in WAYS.items()}
    rows = []
    for name in given.parts or TARGETS[: 1 if given.quick else None]:
        case = f"pocket-lm, three tokens for {name}"
        rows += side_by_side(case, ways, rounds=[f" {name}"], quality=judged, warm_up=False)
    return rows


def judged(found: list[PromptResults]) -> dict[str, float]:
    """Log-probability of the target after the best prompt; how many different prompts are good; passes used."""
    (only,) = found
    return {
        "best log-probability": only.probability.max().log().item(),
        f"prompts of probability ≥ {GOOD}": int((only.best(10_000).probability >= GOOD).sum()),
        "forward passes": only.forward_passes,
        "backward passes": only.backward_passes,
    }


def ours(lm: LanguageModel, exclude: list, share: float, target: str) -> PromptResults:
    return optimize_prompts(lm, target, exclude=exclude, steps=round(150 * share), seed=SEED, progress=False)


def no_pull(lm: LanguageModel, exclude: list, share: float, target: str) -> PromptResults:
    steps = round(150 * share)
    return optimize_prompts(lm, target, exclude=exclude, steps=steps, distance_weight=0.0, seed=SEED, progress=False)


def coordinates(lm: LanguageModel, exclude: list, share: float, target: str) -> PromptResults:
    return coordinate_search(
        lm, target, exclude=exclude, restarts=8, steps=round(38 * share), candidates=64, seed=SEED, progress=False
    )


def luck(lm: LanguageModel, exclude: list, share: float, target: str) -> PromptResults:
    passes = round(2 * PASSES * share)
    return random_search(lm, target, passes=passes, top=10_000, exclude=exclude, seed=SEED, progress=False)


def scale_repaired(lm: LanguageModel, exclude: list, share: float, target: str) -> PromptResults:
    """Rumbelow and Watkins's settings, with vectors on the scale of words."""
    settings = original_settings(lm) | {"steps": round(100 * share), "restarts": 192}
    return optimize_prompts(lm, target, exclude=exclude, seed=SEED, progress=False, **settings)


def published(lm: LanguageModel, exclude: list, share: float, target: str) -> PromptResults:
    return as_published(lm, target, exclude, SEED, steps=round(100 * share))


def by_nanogcg(lm: LanguageModel, exclude: list, share: float, target: str, *, width: int = 512) -> PromptResults:
    """The best prompt of every step, from words drawn at random, with nanogcg's defaults."""
    import nanogcg
    from nanogcg import gcg

    logging.disable(logging.WARNING)  # nanogcg warns of processors and of models without a chat template
    gcg.tqdm = lambda steps, **_: steps
    barred = (~allowed_tokens(lm, exclude, target=target)).nonzero().squeeze(1)
    gcg.get_nonascii_toks = lambda tokenizer, device: barred
    steps = math.ceil(PASSES * share / width)
    (start,) = random_prompts(lm, target, 1, length=3, exclude=exclude, seed=SEED)
    config = nanogcg.GCGConfig(
        num_steps=steps, search_width=width, topk=256, optim_str_init=lm.decode(start), seed=SEED,
        use_prefix_cache=False, verbosity="ERROR",
    )  # fmt: skip
    kept = {*nanogcg.run(lm.model, lm.tokenizer, "{optim_str}", target, config).strings}
    token_ids = torch.stack([ids for ids in map(lm.encode, sorted(kept)) if len(ids) == 3])
    wanted = as_target(lm, target)
    scores = lm.logits(token_ids).log_softmax(1)[:, wanted.ids[0]].detach()
    return PromptResults.of_tokens(
        lm, token_ids, scores, wanted,
        forward_passes=steps * width, backward_passes=steps, interrupted=False,
    )  # fmt: skip


WAYS: dict[str, Callable[[LanguageModel, list, float, str], PromptResults]] = {
    "ours": ours,
    "ours, without a pull": no_pull,
    "coordinate search (ours)": coordinates,
    "random search (ours)": luck,
    "original settings, scale repaired": scale_repaired,
    "original settings as published": published,
    "nanogcg": by_nanogcg,
}


if __name__ == "__main__":
    run(compare, time="time a target", packages=("nanogcg", "transformers"))
