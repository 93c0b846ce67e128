"""Prompts by search: change one token at a time, or draw prompts at random; the yardsticks for the climb.

coordinate_search   a gradient proposes swaps of single tokens, trying them decides
random_search       no gradient, no memory: what luck finds with as many looks at the model
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.guards import as_found, check_settings
from course_utils.language.excluded import Exclude, allowed_tokens
from course_utils.language.found import FoundPrompts, described_prompts
from course_utils.language.targets import FromEmbeddings, Scorer, Target, along, as_target, check_length
from course_utils.models.language_model import LanguageModel
from course_utils.progress import progress_bar
from course_utils.randomness import sample_generators


@torch.inference_mode(False)
def coordinate_search(
    lm: LanguageModel,
    target: str | int | Sequence[int],
    *,
    length: int = 3,
    restarts: int = 8,
    steps: int = 40,
    candidates: int = 64,
    top_k: int = 128,
    exclude: Exclude = ("target", "special"),
    seed: int = 0,
    progress: bool | None = None,
) -> FoundPrompts:
    """Prompts found by swapping one token at a time.

    In each step the gradient of the log-probability with respect to the embeddings says, to first order, what each
    swap would bring; of the `top_k` best swaps at each place, `candidates` are drawn and tried; the best is taken if
    it is better than the prompt at hand.

    Args:
        lm, target, length, exclude, seed, progress: as `optimize_prompts`.
        restarts: prompts that are searched from; each begins at random tokens.
        steps: swaps tried for, of each prompt.
        candidates: prompts tried in a step, for each restart.
        top_k: swaps at each place from which the candidates are drawn.

    Returns:
        One prompt a restart. After Ctrl-C the best so far.

    Raises:
        ValueError: as `optimize_prompts`.

    Source: the first-order score is HotFlip's (Ebrahimi et al. 2018), the drawing and trying that of greedy coordinate
    gradient (Zou et al. 2023), which takes the best candidate even if it is worse than the prompt at hand.
    """
    check_settings(stop_at=None, restarts=restarts, steps=steps, candidates=candidates, top_k=top_k)
    wanted = as_target(lm, target)
    check_length(lm, length, wanted)
    tokens = allowed_tokens(lm, exclude, target=wanted.text).nonzero().squeeze(1)
    generators = sample_generators(seed, range(restarts), "coordinate search")
    scorer = Scorer(lm, wanted)
    prompts = _drawn(tokens, length, generators)
    reached, gradients, interrupted = scorer(prompts), 0, False
    try:
        for _ in progress_bar(range(steps), "searching", progress=progress):
            promise = _promise(lm, prompts, wanted)[:, :, tokens]
            gradients += restarts
            tried = _swapped(prompts, promise, tokens, generators, candidates=candidates, top_k=top_k)
            found, which = scorer(tried.flatten(0, 1)).unflatten(0, tried.shape[:2]).max(1)
            better = found > reached
            taken = tried[torch.arange(restarts, device=tried.device), which]
            prompts, reached = torch.where(better[:, None], taken, prompts), torch.where(better, found, reached)
    except KeyboardInterrupt:
        interrupted = True
    return FoundPrompts(
        **described_prompts(lm, prompts, reached, wanted),
        forward_passes=scorer.passes + gradients,
        backward_passes=gradients,
        interrupted=interrupted,
    )


def random_search(
    lm: LanguageModel,
    target: str | int | Sequence[int],
    *,
    length: int = 3,
    passes: int = 10_000,
    top: int = 10,
    exclude: Exclude = ("target", "special"),
    seed: int = 0,
    progress: bool | None = None,
) -> FoundPrompts:
    """The best of prompts that are drawn at random: what a method must beat at the same number of passes.

    Args:
        lm, target, length, exclude, seed, progress: as `optimize_prompts`.
        passes: prompts that are tried.
        top: how many of the best are returned.

    Returns:
        The best prompts, best first. `random_prompts` gives all of them.

    Raises:
        ValueError: as `optimize_prompts`.
    """
    check_settings(stop_at=None, passes=passes, top=top)
    wanted = as_target(lm, target)
    scorer, drawn = Scorer(lm, wanted), random_prompts(lm, target, passes, length=length, exclude=exclude, seed=seed)
    best, interrupted = Best(top, length, lm.device), False
    try:
        for part in progress_bar(drawn.split(scorer.batch), "trying", progress=progress):
            best.see(part, scorer(part))
    except KeyboardInterrupt:
        interrupted = True
    return FoundPrompts(
        **described_prompts(lm, best.prompts, best.reached, wanted),
        forward_passes=scorer.passes,
        backward_passes=0,
        interrupted=interrupted,
    )


def random_prompts(
    lm: LanguageModel,
    target: str | int | Sequence[int],
    count: int,
    *,
    length: int = 3,
    exclude: Exclude = ("target", "special"),
    seed: int = 0,
) -> Int[Tensor, "count length"]:
    """Prompts of tokens drawn evenly from those that are allowed for a target."""
    wanted = as_target(lm, target)
    check_length(lm, length, wanted)
    tokens = allowed_tokens(lm, exclude, target=wanted.text).nonzero().squeeze(1)
    (generator,) = sample_generators(seed, [0], "random prompts")
    return tokens[torch.randint(len(tokens), (count, length), generator=generator).to(tokens.device)]


def target_log_probability(
    lm: LanguageModel, prompts: Int[Tensor, "prompts length"], target: str | int | Sequence[int]
) -> Float[Tensor, "prompts"]:
    """The natural logarithm of the target's probability after each prompt of tokens."""
    return Scorer(lm, as_target(lm, target))(prompts.to(lm.device))


class Best:
    """The best prompts of all that were seen, best first.

    Args:
        top: how many to keep, at most.
        length: tokens of a prompt.
    """

    def __init__(self, top: int, length: int, device: torch.device) -> None:
        self.top = top
        self.prompts = torch.empty(0, length, dtype=torch.long, device=device)
        self.reached = torch.empty(0, device=device)

    def see(self, prompts: Int[Tensor, "prompts length"], reached: Float[Tensor, "prompts"]) -> None:
        """Prompts, and the target's log-probability after each."""
        every, all_reached = torch.cat([self.prompts, prompts]), torch.cat([self.reached, reached])
        value, order = all_reached.topk(min(self.top, len(all_reached)))
        self.prompts, self.reached = every[order], value


def _promise(
    lm: LanguageModel, prompts: Int[Tensor, "restarts length"], target: Target
) -> Float[Tensor, "restarts length vocabulary"]:
    """To first order, what putting each token at each place would add to the log-probability, up to a constant."""
    table, reader = lm.embeddings, FromEmbeddings(lm, target)
    with as_found(lm.model), torch.enable_grad():
        embeddings = table[prompts].requires_grad_()
        reached = along(reader.along(embeddings), target.ids).sum()
        gradient = torch.autograd.grad(reached, embeddings)[0]
    return gradient @ table.T


def _swapped(
    prompts: Int[Tensor, "restarts length"],
    promise: Float[Tensor, "restarts length tokens"],
    tokens: Int[Tensor, "tokens"],
    generators: Sequence[torch.Generator],
    *,
    candidates: int,
    top_k: int,
) -> Int[Tensor, "restarts candidates length"]:
    """Prompts with one token swapped for one of the most promising at its place, drawn evenly."""
    best = tokens[promise.topk(min(top_k, len(tokens)), dim=2).indices]
    length, choices = best.shape[1:]
    draws = torch.stack([torch.randint(length * choices, (candidates,), generator=each) for each in generators])
    place, rank = draws.to(prompts.device) // choices, draws.to(prompts.device) % choices
    row = torch.arange(len(prompts), device=prompts.device)[:, None]
    swapped = prompts[:, None].repeat(1, candidates, 1)
    return swapped.scatter(2, place[..., None], best[row, place, rank][..., None])


def _drawn(tokens: Tensor, length: int, generators: Sequence[torch.Generator]) -> Int[Tensor, "restarts length"]:
    drawn = [torch.randint(len(tokens), (length,), generator=each) for each in generators]
    return tokens[torch.stack(drawn).to(tokens.device)]
