"""Prompts by discrete search: the baselines for the optimisation in embedding space.

coordinate_search   a gradient proposes swaps of single tokens, evaluating them decides
random_search       the best of prompts drawn at random, with as many forward passes
exhaustive_prompts  the best of all prompts of a length: the optimum that the others are compared with
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice, product
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.language.prompt_results import PromptResults
from course_utils.language.targets import PromptObjective, Scorer, Target, along, as_target
from course_utils.language.vocabulary import Exclude, allowed_tokens
from course_utils.models.language_model import LanguageModel
from course_utils.utils import in_words, progress_bar, run_chunks, sample_generators
from course_utils.validation import check_settings

LIMIT = 120.0  # seconds: an exhaustive search that takes longer is not begun unless it is asked for
TRIAL = 0.25  # seconds of work from which the whole is estimated
ROUNDING = 1e-3  # how far log-probabilities with and without the cache may differ in float32


@torch.inference_mode(False)
def coordinate_search(
    lm: LanguageModel,
    target: str | int | Sequence[int],
    *,
    length: int = 3,
    restarts: int = 4,
    steps: int = 40,
    candidates: int = 64,
    top_k: int = 128,
    starts: int = 256,
    buffer: int = 8,
    swaps: int = 1,
    stop_at: float | None = None,
    exclude: Exclude = ("target", "special"),
    seed: int = 0,
    progress: bool | None = None,
) -> PromptResults:
    """Prompts found by swapping tokens, proposed by a gradient and evaluated (HotFlip, greedy coordinate gradient).

    The search for vocabularies of real size. Each restart keeps a buffer of the best prompts it has met. In each step
    one of them is drawn; the gradient of the log-probability with respect to its embeddings says, to first order, what
    each swap would bring; of the `top_k` best swaps at each place `candidates` are drawn and evaluated; and the buffer
    takes those that are better than what it holds. Only prompts that the tokenizer turns back into the same tokens
    enter, unless a restart meets none.

    Args:
        lm, target, length, exclude, seed, progress: as `optimize_prompts`. Whole words only: `"non-words"`.
        restarts: independent searches. Restart i does not depend on their number.
        steps: gradients taken, in each restart.
        candidates: prompts evaluated in a step, for each restart.
        top_k: swaps at each place from which the candidates are drawn.
        starts: random prompts evaluated at the beginning, for each restart; the best of them begin.
        buffer: prompts that each restart keeps.
        swaps: tokens that a candidate may have swapped, drawn evenly from 1 to that many.
        stop_at: probability of the target, in (0, 1], at which a restart's best prompt is good enough, and it stops.

    Returns:
        One prompt a restart, its best. After Ctrl-C the best so far.

    Raises:
        ValueError: as `optimize_prompts`.

    Source: the first-order score is HotFlip's (Ebrahimi et al. 2018), the drawing and evaluating that of greedy
    coordinate gradient (Zou et al. 2023), whose code goes on from the best candidate even if it is worse than the
    prompt at hand. Different here: the best of many random prompts begin, and a prompt of the buffer is drawn to go on
    from, so that the search leaves places where no single swap helps.
    """
    counts = {"restarts": restarts, "steps": steps, "candidates": candidates, "top_k": top_k}
    check_settings(stop_at=stop_at, **counts, starts=starts, buffer=buffer, swaps=swaps)
    lm.check_embeddings()
    wanted = as_target(lm, target, length)
    tokens = allowed_tokens(lm, exclude, target=wanted.text).nonzero().squeeze(1)
    generators = sample_generators(seed, range(restarts), "coordinate search")
    scorer, aim, typed = Scorer(lm, wanted), PromptObjective(lm, wanted), Typed(lm)
    drawn = torch.stack([torch.randint(len(tokens), (starts, length), generator=each) for each in generators])
    drawn = tokens[drawn.to(tokens.device)]
    reached = scorer(drawn.flatten(0, 1)).unflatten(0, drawn.shape[:2])
    buffers = [_best_of(typed, *pair, buffer) for pair in zip(drawn, reached, strict=True)]
    interrupted, enough = False, math.log(stop_at) if stop_at else math.inf
    try:
        for _ in progress_bar(range(steps), "searching", progress=progress):
            active = [row for row, (_, best) in enumerate(buffers) if best[0] < enough]
            if not active:
                break
            mine = [generators[row] for row in active]
            kept = [buffers[row][0] for row in active]
            picks = [int(torch.randint(len(each), (), generator=g)) for each, g in zip(kept, mine, strict=True)]
            prompts = torch.stack([each[pick] for each, pick in zip(kept, picks, strict=True)])
            scores = aim.swap_scores(prompts)[:, :, tokens]
            tried = drawn_swaps(prompts, scores, tokens, mine, count=candidates, top_k=top_k, swaps=swaps)
            found = scorer(tried.flatten(0, 1)).unflatten(0, tried.shape[:2])
            for row, *new in zip(active, tried, found, strict=True):
                ids, values = (torch.cat(pair) for pair in zip(buffers[row], new, strict=True))
                buffers[row] = _best_of(typed, ids, values, buffer)
    except KeyboardInterrupt:
        interrupted = True
    prompts, reached = (torch.stack([each[i][0] for each in buffers]) for i in (0, 1))
    passes = {"forward_passes": scorer.passes + aim.passes, "backward_passes": aim.passes}
    return PromptResults.of_tokens(lm, prompts, reached, wanted, interrupted=interrupted, **passes)


class Typed:
    """Whether prompts can be typed: the tokenizer turns their text back into the same tokens. Each is asked once."""

    def __init__(self, lm: LanguageModel) -> None:
        self._known = cache(lambda ids: lm.retokenizes(list(ids)))

    def __call__(self, ids: Int[Tensor, "length"]) -> bool:
        return self._known(tuple(ids.tolist()))


def _best_of(
    typed: Typed, prompts: Int[Tensor, "prompts length"], reached: Float[Tensor, "prompts"], count: int
) -> tuple[Tensor, Tensor]:
    """The best different prompts, best first: those that can be typed, and the best of all where none can."""
    order, first = reached.argsort(descending=True, stable=True).tolist(), dict[tuple[int, ...], int]()
    for row in order:
        first.setdefault(tuple(prompts[row].tolist()), row)
    rows = list(islice((row for row in first.values() if typed(prompts[row])), count)) or order[:1]
    return prompts[rows], reached[rows]


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
) -> PromptResults:
    """The best of prompts that are drawn at random: the baseline at the same number of forward passes.

    Args:
        lm, target, length, exclude, seed, progress: as `optimize_prompts`.
        passes: prompts that are tried.
        top: how many of the best are returned.

    Returns:
        The best prompts, best first. `random_prompts` gives all of them.

    Raises:
        ValueError: as `optimize_prompts`.
    """
    check_settings(passes=passes, top=top)
    wanted = as_target(lm, target)
    scorer, drawn = Scorer(lm, wanted), random_prompts(lm, target, passes, length=length, exclude=exclude, seed=seed)
    best = TopPrompts(top, length, lm.device)

    def evaluate(part: Tensor, *, progress: bool | None) -> None:
        best.update(part, scorer(part))

    _, interrupted = run_chunks(evaluate, drawn.split(scorer.batch), "trying", progress=progress)
    return best.results(lm, wanted, scorer.passes, interrupted)


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
    wanted = as_target(lm, target, length)
    tokens = allowed_tokens(lm, exclude, target=wanted.text).nonzero().squeeze(1)
    (generator,) = sample_generators(seed, [0], "random prompts")
    return tokens[torch.randint(len(tokens), (count, length), generator=generator).to(tokens.device)]


def target_log_probability(
    lm: LanguageModel, prompts: Int[Tensor, "prompts length"], target: str | int | Sequence[int]
) -> Float[Tensor, "prompts"]:
    """The natural logarithm of the target's probability after each prompt of tokens."""
    return Scorer(lm, as_target(lm, target))(prompts.to(lm.device))


class TopPrompts:
    """The best prompts of all that were seen, best first.

    Args:
        top: how many to keep, at most.
        length: tokens of a prompt.
    """

    def __init__(self, top: int, length: int, device: torch.device) -> None:
        self.top = top
        self.prompts = torch.empty(0, length, dtype=torch.long, device=device)
        self.reached = torch.empty(0, device=device)

    def update(self, prompts: Int[Tensor, "prompts length"], reached: Float[Tensor, "prompts"]) -> None:
        """Prompts, and the target's log-probability after each."""
        every, all_reached = torch.cat([self.prompts, prompts]), torch.cat([self.reached, reached])
        value, order = all_reached.topk(min(self.top, len(all_reached)))
        self.prompts, self.reached = every[order], value

    def results(self, lm: LanguageModel, target: Target, passes: int, interrupted: bool) -> PromptResults:
        """The prompts as the result of a search without gradients."""
        passed = {"forward_passes": passes, "backward_passes": 0}
        return PromptResults.of_tokens(lm, self.prompts, self.reached, target, interrupted=interrupted, **passed)


def drawn_swaps(
    prompts: Int[Tensor, "restarts length"], scores: Float[Tensor, "restarts length tokens"],
    tokens: Int[Tensor, "tokens"], generators: Sequence[torch.Generator],
    *, count: int, top_k: int, swaps: int = 1,
) -> Int[Tensor, "restarts count length"]:  # fmt: skip
    """Prompts with 1 to `swaps` tokens swapped for one of the `top_k` with the highest scores at their place."""
    best = tokens[scores.topk(min(top_k, len(tokens)), dim=2).indices]
    length, choices = best.shape[1:]
    row = torch.arange(len(prompts), device=prompts.device)[:, None]
    swapped = prompts[:, None].repeat(1, count, 1)
    some = torch.stack([torch.randint(swaps, (count,), generator=each) for each in generators]).to(prompts.device)
    for turn in range(swaps):
        draws = torch.stack([torch.randint(length * choices, (count,), generator=each) for each in generators])
        place, rank = draws.to(prompts.device) // choices, draws.to(prompts.device) % choices
        again = swapped.scatter(2, place[..., None], best[row, place, rank][..., None])
        swapped = torch.where((some >= turn)[..., None], again, swapped)
    return swapped


@torch.no_grad()
def exhaustive_prompts(
    lm: LanguageModel,
    target: str | int | Sequence[int],
    *,
    length: int = 2,
    candidates: Int[Tensor, "candidates"] | Sequence[int] | None = None,
    top: int = 10,
    exclude: Exclude = ("target", "special"),
    limit: float = LIMIT,
    progress: bool | None = None,
) -> PromptResults:
    """The best of all prompts of a length, found by trying every one.

    Args:
        lm, target, exclude, progress: as `optimize_prompts`.
        length: tokens of a prompt; there are candidates ** length prompts.
        candidates: token ids that prompts are made of; all that `exclude` leaves if None.
        top: how many of the best are returned.
        limit: seconds that it may take; the time is estimated before it begins.

    Returns:
        The best prompts, best first. After Ctrl-C the best of those that were tried.

    Raises:
        ValueError: it would take longer than `limit` (says how long); candidates that are no tokens; otherwise as
            `optimize_prompts`.
    """
    check_settings(top=top)
    wanted = as_target(lm, target, length)
    if candidates is None:
        tokens = allowed_tokens(lm, exclude, target=wanted.text).nonzero().squeeze(1)
    else:
        tokens = torch.as_tensor(candidates, dtype=torch.long, device=lm.device).unique()
        if not len(tokens) or tokens[0] < 0 or tokens[-1] >= lm.vocabulary:
            raise ValueError(f"{len(tokens)} candidates given, expected token ids from 0 to {lm.vocabulary - 1}.")
    score, work = ExtendedPrompts(lm, wanted, tokens), len(tokens) ** length
    _check_time(score, _beginnings(tokens, length, score.at_once), work, limit)
    best, score.passes = TopPrompts(top, length, lm.device), 0
    beginnings = _beginnings(tokens, length, score.at_once)

    def evaluate(_: int, *, progress: bool | None) -> None:
        part = next(beginnings)
        value, place = score(part).flatten().topk(min(top, len(part) * len(tokens)))
        row, last = place // len(tokens), place % len(tokens)
        best.update(torch.cat([part[row], tokens[last, None]], 1), value)

    parts = range(-(-(len(tokens) ** (length - 1)) // score.at_once))
    _, interrupted = run_chunks(evaluate, parts, f"trying {work:,} prompts", progress=progress)
    return best.results(lm, wanted, score.passes, interrupted)


def _beginnings(tokens: Int[Tensor, "candidates"], length: int, at_once: int) -> Iterator[Int[Tensor, "part before"]]:
    """All prompts without their last token, some at a time, (part, length - 1)."""
    every = product(tokens.tolist(), repeat=length - 1)
    while part := list(islice(every, at_once)):
        yield torch.tensor(part, dtype=torch.long, device=tokens.device).reshape(len(part), length - 1)


def _check_time(score: ExtendedPrompts, parts: Iterator[Tensor], work: int, limit: float) -> None:
    """Raise ValueError if, at the speed of its first quarter of a second, the work takes longer than `limit`."""
    begin, tried = time.perf_counter(), 0
    for part in parts:
        tried += score(part).numel()
        passed = time.perf_counter() - begin
        if passed > TRIAL:
            break
    seconds = work / tried * passed
    if seconds > limit:
        raise ValueError(
            f"trying {work:,} prompts would take about {in_words(seconds)} ({tried / passed:,.0f} a second), and "
            f"limit={limit:g} seconds: give fewer candidates, a shorter length, or limit={seconds * 1.5:.2g}."
        )


class ExtendedPrompts:
    """Log-probability of a target after beginnings of prompts, each extended by every one of some tokens.

    Args:
        lm: the language model; one whose cache cannot be copied, or changes the result, is read without.
        target: what is to follow.
        tokens: the last tokens.

    Attributes:
        passes: prompts that were tried so far.
        at_once: beginnings that are best given at a time.
    """

    def __init__(self, lm: LanguageModel, target: Target, tokens: Int[Tensor, "tokens"]) -> None:
        self.lm, self.target, self.tokens, self.passes = lm, target, tokens, 0
        self._plain = Scorer(lm, target)
        self.at_once = max(1, self._plain.batch // len(tokens))
        self._caches: bool | None = None  # not known yet

    @torch.no_grad()
    def __call__(self, beginnings: Int[Tensor, "part before"]) -> Float[Tensor, "part tokens"]:
        self.passes += len(beginnings) * len(self.tokens)
        if self._caches is None:
            self._caches = self._agrees(beginnings[:2], self.tokens[:4])
        score = self._with_cache if self._caches else self._without_cache
        return score(beginnings, self.tokens)

    def _with_cache(self, beginnings: Tensor, tokens: Tensor) -> Float[Tensor, "part tokens"]:
        cache = self._read(beginnings)
        taught, reached = self.target.ids[:-1], []
        for last in tokens.split(max(1, self._plain.batch // len(beginnings))):
            count = len(beginnings) * len(last)
            ids = torch.cat([last.repeat(len(beginnings))[:, None], taught.expand(count, -1)], 1)
            known = copy.deepcopy(cache)  # the model adds to it
            known.batch_repeat_interleave(len(last))
            mask = ids.new_ones(count, known.get_seq_length() + ids.shape[1])
            output = self.lm.model(input_ids=ids, past_key_values=known, attention_mask=mask, use_cache=True)
            logits = self.lm.answered(output, len(self.target.ids))
            reached.append(along(logits, self.target.ids).reshape(len(beginnings), len(last)))
        return torch.cat(reached, 1)

    def _without_cache(self, beginnings: Tensor, tokens: Tensor) -> Float[Tensor, "part tokens"]:
        first = beginnings.repeat_interleave(len(tokens), 0)
        prompts = torch.cat([first, tokens.repeat(len(beginnings))[:, None]], 1)
        return self._plain(prompts).reshape(len(beginnings), len(tokens))

    def _read(self, beginnings: Tensor) -> Any:
        """The model's cache after the beginnings."""
        ids = torch.cat([self.lm.prefix.expand(len(beginnings), -1), beginnings], 1)
        return self.lm.model(input_ids=ids, use_cache=True).past_key_values if ids.shape[1] else None

    def _agrees(self, beginnings: Tensor, tokens: Tensor) -> bool:
        """Whether the cache can be copied and does not change the result."""
        if not hasattr(self._read(beginnings), "batch_repeat_interleave"):
            return False
        with_cache, without = self._with_cache(beginnings, tokens), self._without_cache(beginnings, tokens)
        return torch.allclose(with_cache, without, atol=ROUNDING)
