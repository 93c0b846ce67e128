"""Every prompt there is: the true optimum, where the vocabulary is small enough to try them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product

import torch
from jaxtyping import Int
from torch import Tensor

from course_utils.guards import check_settings
from course_utils.language.excluded import Exclude, allowed_tokens
from course_utils.language.extended import ExtendedPrompts
from course_utils.language.found import FoundPrompts, described_prompts
from course_utils.language.search import Best
from course_utils.language.targets import Target, as_target, check_length
from course_utils.models.language_model import LanguageModel
from course_utils.progress import progress_bar

LIMIT = 120.0  # seconds: what takes longer is not begun unless it is asked for
TRIAL = 0.25  # seconds of trying from which the whole is estimated


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
) -> FoundPrompts:
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
    check_settings(stop_at=None, top=top)
    wanted = as_target(lm, target)
    check_length(lm, length, wanted)
    tokens = _candidates(lm, candidates, exclude, wanted)
    score, work = ExtendedPrompts(lm, wanted, tokens), len(tokens) ** length
    _check_time(score, lambda: _beginnings(tokens, length, score.at_once), work, limit)
    best, score.passes, interrupted = Best(top, length, lm.device), 0, False
    parts = -(-(len(tokens) ** (length - 1)) // score.at_once)
    try:
        beginnings = _beginnings(tokens, length, score.at_once)
        for _ in progress_bar(range(parts), f"trying {work:,} prompts", progress=progress):
            part = next(beginnings)
            value, place = score(part).flatten().topk(min(top, len(part) * len(tokens)))
            row, last = place // len(tokens), place % len(tokens)
            best.see(torch.cat([part[row], tokens[last, None]], 1), value)
    except KeyboardInterrupt:
        interrupted = True
    return FoundPrompts(
        **described_prompts(lm, best.prompts, best.reached, wanted),
        forward_passes=score.passes,
        backward_passes=0,
        interrupted=interrupted,
    )


def _candidates(
    lm: LanguageModel, candidates: Tensor | Sequence[int] | None, exclude: Exclude, target: Target
) -> Int[Tensor, "candidates"]:
    if candidates is None:
        return allowed_tokens(lm, exclude, target=target.text).nonzero().squeeze(1)
    tokens = torch.as_tensor(candidates, dtype=torch.long, device=lm.device).unique()
    if not len(tokens) or tokens[0] < 0 or tokens[-1] >= lm.vocabulary:
        raise ValueError(f"{len(tokens)} candidates given, expected token ids from 0 to {lm.vocabulary - 1}.")
    return tokens


def _beginnings(tokens: Int[Tensor, "candidates"], length: int, at_once: int) -> Iterator[Int[Tensor, "part before"]]:
    """All prompts without their last token, some at a time, (part, length - 1)."""
    every = product(tokens.tolist(), repeat=length - 1)
    while part := list(islice(every, at_once)):
        yield torch.tensor(part, dtype=torch.long, device=tokens.device).reshape(len(part), length - 1)


def _check_time(score: ExtendedPrompts, parts: Callable, work: int, limit: float) -> None:
    begin, tried = time.perf_counter(), 0
    for part in parts():
        tried += score(part).numel()
        passed = time.perf_counter() - begin
        if passed > TRIAL:
            break
    seconds = work / tried * passed
    if seconds > limit:
        raise ValueError(
            f"trying {work:,} prompts would take about {_spoken(seconds)} ({tried / passed:,.0f} a second), and "
            f"limit={limit:g} seconds: give fewer candidates, a shorter length, or limit={seconds * 1.5:.2g}."
        )


def _spoken(seconds: float) -> str:
    for unit, size in (("years", 31_557_600), ("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} seconds"
