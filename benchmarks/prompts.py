"""Prompt search on pocket-lm for every group, and beside the true optimum: python benchmarks/prompts.py

Two tables. Candidates are the words of the written world, 976 of them with a leading space, less the target. Settings
were chosen for " farmer" and " winter" with seed 7. Passes count prompts that go through the model, forward, and
backward; random search gets as many forward passes as ours has forward and backward together. Other ways of searching
stand beside ours in prompt_peers.py.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from functools import partial

import torch

from course_utils import load_language_model
from course_utils.corpus import groups, words
from course_utils.language import exhaustive_prompts, optimize_prompts, random_search
from course_utils.language.prompt_results import PromptResults
from course_utils.language.search import random_prompts, target_log_probability
from course_utils.models.language_model import LanguageModel

GOOD = 0.8  # probability that counts as success


def outside(lm: LanguageModel) -> list[int]:
    """The tokens that are no word of the written world: bytes, pieces of words, the end of a text."""
    known = {lm.token(word) for word in words()}
    return [token for token in range(lm.vocabulary) if token not in known]


def three_tokens(lm: LanguageModel, targets: list[str], exclude: list, seed: int) -> None:
    """What a climb from 128 starts finds for each target."""
    print("| target | best | median | restarts ≥ 0.8 | soft, median | snapped, median | distance | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for target in targets:
        found, seconds = timed(partial(optimize_prompts, lm, target, exclude=exclude, seed=seed, progress=False))
        good = (found.probability >= GOOD).float().mean()
        print(
            f"| {target.strip()} | {found.probability.max():.3f} {found.best(1).text[0]!r} | "
            f"{found.probability.median():.3f} | {good:.0%} | {found.soft_probability.median():.3f} | "
            f"{found.snapped_probability.median():.3f} | {found.distance.mean():.2f} | {seconds:.1f} |",
            flush=True,
        )


def two_tokens(lm: LanguageModel, targets: list[str], exclude: list, seed: int) -> None:
    """How much of the way from a random prompt to the best of all 950,625 it gets."""
    print(
        "\n| target | optimum | ours | share of the way | random search | its share | passes |\n"
        "|---|---|---|---|---|---|---|"
    )
    for target in targets:
        best = exhaustive_prompts(lm, target, exclude=exclude, limit=math.inf, top=1).probability.log().item()
        drawn = random_prompts(lm, target, 2000, length=2, exclude=exclude, seed=seed + 1)
        middle = target_log_probability(lm, drawn, target).median().item()
        ours = optimize_prompts(lm, target, length=2, exclude=exclude, seed=seed, progress=False)
        passes = ours.forward_passes + ours.backward_passes
        luck = random_search(lm, target, length=2, passes=passes, exclude=exclude, seed=seed, progress=False)
        reached = [each.probability.max().log().item() for each in (ours, luck)]
        share = [(each - middle) / (best - middle) for each in reached]
        print(
            f"| {target.strip()} | {math.exp(best):.4f} | {math.exp(reached[0]):.4f} | {share[0]:.3f} | "
            f"{math.exp(reached[1]):.4f} | {share[1]:.3f} | {passes:,} |",
            flush=True,
        )


def timed(run: Callable[[], PromptResults]) -> tuple[PromptResults, float]:
    begin = time.perf_counter()
    found = run()
    return found, time.perf_counter() - begin


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="*", default=groups(), help="group words, for the first table")
    parser.add_argument("--few", nargs="*", default=["girl", "boy", "science", "art"], help="for the second table")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    pocket = load_language_model("pocket-lm")
    print(f"{pocket}, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    left_out = ["target", *outside(pocket)]
    three_tokens(pocket, [f" {name}" for name in given.targets], left_out, given.seed)
    two_tokens(pocket, [f" {name}" for name in given.few], left_out, given.seed)
