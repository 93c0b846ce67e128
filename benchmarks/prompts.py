"""Prompt search on pocket-lm, beside other searches and the true optimum: python benchmarks/prompts.py

Three tables. Candidates are the words of the written world, 976 of them with a leading space, less the target. Settings
were chosen for " farmer" and " winter" with seed 7. Passes count prompts that go through the model, forward, and
backward; random search gets as many forward passes as ours has forward and backward together.
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
from course_utils.language import coordinate_search, exhaustive_prompts, optimize_prompts, random_search
from course_utils.language.found import FoundPrompts
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


def ways(lm: LanguageModel, exclude: list) -> dict[str, Callable[[str, int], FoundPrompts]]:
    """Searches for three-token prompts, each as a function of target and seed, at about as many forward passes."""
    unit = lm.embeddings.norm(dim=1).mean().item()
    original = {
        "metric": "cosine",
        "distance_weight": 0.1,
        "learning_rate": 0.1 * math.sqrt(lm.width) / unit,  # Adam's 0.1 for each number
        "start": "centroids",
        "steps": 100,
    }
    climb = partial(optimize_prompts, lm, exclude=exclude, progress=False)
    coordinate = partial(coordinate_search, lm, exclude=exclude, progress=False)
    return {
        "ours": lambda target, seed: climb(target, seed=seed),
        "ours, cosine": lambda target, seed: climb(target, seed=seed, metric="cosine", distance_weight=(0.0, 5.0)),
        "ours, no distance": lambda target, seed: climb(target, seed=seed, distance_weight=0.0),
        "original settings, scale repaired": lambda target, seed: climb(target, seed=seed, restarts=192, **original),
        "original settings as they are": lambda target, seed: as_published(lm, target, exclude, seed),
        "coordinate search": lambda target, seed: coordinate(target, seed=seed, restarts=8, steps=38, candidates=64),
        "coordinate search, 64 restarts": lambda target, seed: coordinate(
            target, seed=seed, restarts=64, steps=18, candidates=16
        ),
        "random search": lambda target, seed: random_search(
            lm, target, passes=39_000, top=10_000, exclude=exclude, seed=seed, progress=False
        ),
    }


@torch.enable_grad()
def as_published(lm: LanguageModel, target: str, exclude: list, seed: int, batch: int = 100) -> FoundPrompts:
    """The loop of `backwards` (Rumbelow & Watkins 2023) with its settings: Adam 0.1, distance weight 0.1, 100 steps.

    Its vectors are scaled to length 1 before they go into the model, and tokens are tried unscaled; the loss is the
    mean of three terms, the third of which is off; a prompt whose greedy continuation is the target is kept, and its
    place begins anew. Its batch of 20 is made larger to use as many passes as the others.
    """
    from torch.nn import functional as F

    from course_utils.canvas import PromptCanvas
    from course_utils.language.excluded import allowed_tokens
    from course_utils.language.found import described_prompts
    from course_utils.language.targets import as_target

    wanted, allowed = as_target(lm, target), allowed_tokens(lm, exclude, target=target)
    tokens, table = allowed.nonzero().squeeze(1), F.normalize(lm.embeddings, dim=1)
    starts = iter(PromptCanvas(40 * batch, 3, table, start="centroids", allowed=allowed, seed=seed).render().detach())
    prompts = torch.stack([next(starts) for _ in range(batch)]).requires_grad_()
    adam, kept, passes = torch.optim.Adam([prompts], lr=0.1, eps=1e-4), {}, 0
    for _ in range(100):
        unit = F.normalize(prompts, dim=2)
        nearness, place = (unit @ table[tokens].T).max(2)
        chance = lm.logits_from(unit).log_softmax(1)[:, wanted.ids[0]]
        loss = (0.1 * (1 - nearness).mean() - chance.mean()) / 3
        adam.zero_grad()
        loss.backward()
        adam.step()
        ids = tokens[place]
        logits = lm.logits(ids)
        passes += 2 * batch
        with torch.no_grad():
            for row in (logits.argmax(1) == wanted.ids[0]).nonzero().flatten().tolist():
                kept[tuple(ids[row].tolist())] = logits[row].log_softmax(0)[wanted.ids[0]].item()
                prompts[row] = next(starts)
    found = kept or {tuple(ids[0].tolist()): logits[0].log_softmax(0)[wanted.ids[0]].item()}
    return FoundPrompts(
        **described_prompts(lm, torch.tensor(list(found)), torch.tensor(list(found.values())), wanted),
        forward_passes=passes, backward_passes=100 * batch, interrupted=False,
    )  # fmt: skip


def beside(each: dict[str, Callable[[str, int], FoundPrompts]], targets: list[str], seed: int) -> None:
    """Best prompt (mean and least over the targets), how many different prompts reach 0.8, passes and seconds."""
    print(
        "\n| way | best: mean, least | different prompts ≥ 0.8, mean | forward | backward | seconds |\n"
        "|---|---|---|---|---|---|"
    )
    for name, way in each.items():
        runs = [timed(partial(way, target, seed)) for target in targets]
        best = torch.tensor([found.probability.max() for found, _ in runs])
        good = [int((found.best(10_000).probability >= GOOD).sum()) for found, _ in runs]
        last, seconds = runs[-1][0], sum(each for _, each in runs) / len(runs)
        print(
            f"| {name} | {best.mean():.3f}, {best.min():.3f} | {sum(good) / len(good):.0f} | {last.forward_passes:,} | "
            f"{last.backward_passes:,} | {seconds:.1f} |",
            flush=True,
        )


def timed(run: Callable[[], FoundPrompts]) -> tuple[FoundPrompts, float]:
    begin = time.perf_counter()
    found = run()
    return found, time.perf_counter() - begin


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="*", default=groups(), help="group words, for the first table")
    parser.add_argument("--few", nargs="*", default=["girl", "boy", "science", "art"], help="for the other tables")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    pocket = load_language_model("pocket-lm")
    print(f"{pocket}, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    left_out = ["target", *outside(pocket)]
    three_tokens(pocket, [f" {name}" for name in given.targets], left_out, given.seed)
    beside(ways(pocket, left_out), [f" {name}" for name in given.few], given.seed)
    two_tokens(pocket, [f" {name}" for name in given.few], left_out, given.seed)
