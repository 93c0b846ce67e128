"""Prompt search on pocket-lm beside nanogcg: python benchmarks/prompts_nanogcg.py, in an environment of its own.

The same targets, candidates and length as in prompts.py, and about as many forward passes. nanogcg knows no list of
candidates; its own check for characters outside ASCII is replaced by ours, so that both search among the same tokens.
Its defaults (search width 512, top 256) fill the passes in one long run; with a narrower search there are restarts.
"""

from __future__ import annotations

import argparse
import logging
from functools import partial

import nanogcg
import torch
import transformers
from nanogcg import gcg
from prompts import beside, outside, ways
from tqdm import tqdm

from course_utils import load_language_model
from course_utils.language.excluded import allowed_tokens
from course_utils.language.found import FoundPrompts, described_prompts
from course_utils.language.search import random_prompts
from course_utils.language.targets import as_target
from course_utils.models.language_model import LanguageModel

PASSES = 19_500
OURS = ("ours", "coordinate search")


def by_nanogcg(
    lm: LanguageModel, exclude: list, target: str, seed: int, *, width: int = 512, top: int = 256, restarts: int = 1
) -> FoundPrompts:
    """The best prompt of every step of every restart, each from words drawn at random."""
    barred = (~allowed_tokens(lm, exclude, target=target)).nonzero().squeeze(1)
    gcg.get_nonascii_toks = lambda tokenizer, device: barred
    steps = PASSES // restarts // width
    starts = random_prompts(lm, target, restarts, length=3, exclude=exclude, seed=seed)
    kept = set()
    for restart, ids in enumerate(starts):
        config = nanogcg.GCGConfig(
            num_steps=steps, search_width=width, topk=top, optim_str_init=lm.decode(ids), seed=seed + restart,
            use_prefix_cache=False, verbosity="ERROR",
        )  # fmt: skip
        kept |= {*nanogcg.run(lm.model, lm.tokenizer, "{optim_str}", target, config).strings}
    token_ids = torch.stack([ids for ids in map(lm.encode, sorted(kept)) if len(ids) == 3])
    scores = lm.logits(token_ids).log_softmax(1)[:, as_target(lm, target).ids[0]].detach()
    return FoundPrompts(
        **described_prompts(lm, token_ids, scores, as_target(lm, target)),
        forward_passes=steps * width * restarts, backward_passes=steps * restarts, interrupted=False,
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", nargs="*", default=["girl", "boy", "science", "art"], help="group words")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    logging.disable(logging.WARNING)  # nanogcg warns of processors and of models without a chat template
    gcg.tqdm = partial(tqdm, disable=True)
    pocket = load_language_model("pocket-lm")
    print(f"{pocket}, torch {torch.__version__}, transformers {transformers.__version__}, ", end="")
    print(f"{torch.get_num_threads()} threads")
    left_out = ["target", *outside(pocket)]
    theirs = partial(by_nanogcg, pocket, left_out)
    both = {name: way for name, way in ways(pocket, left_out).items() if name in OURS} | {
        "nanogcg 0.3.0, its defaults": theirs,
        "nanogcg 0.3.0, width 64, 8 restarts": partial(theirs, width=64, top=64, restarts=8),
    }
    beside(both, [f" {name}" for name in given.few], given.seed)
