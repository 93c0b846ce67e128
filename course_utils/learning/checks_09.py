"""What the checks of chapter 9's shares and log-odds look at (`checks_09_chance.py` has the correction)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.learning.exercises import Mistake
from course_utils.learning.properties import inputs_untouched, require_equal, require_finite

VOCABULARY = 12


def require_one_a_word(result: object, words: int) -> Tensor:
    """`result` in single precision, if it is a tensor with one finite number for each word."""
    if not isinstance(result, Tensor):
        raise Mistake(
            f"your function's result is a {type(result).__name__}, expected a tensor of the shape ({words},)."
        )
    if result.shape != (words,):
        raise Mistake(
            f"your function's result has the shape {tuple(result.shape)}, expected ({words},): one number a word."
        )
    result = result.detach().float()
    require_finite(result)
    return result


def check_shares(function: Callable, reference: Callable) -> None:
    """Prompts with repeated tokens, and tokens that no prompt contains."""
    generator = torch.Generator().manual_seed(0)
    # The last tokens never occur; some prompts have a token two or three times.
    prompts = torch.randint(VOCABULARY - 3, (10, 3), generator=generator)
    prompts[0], prompts[1] = torch.tensor([4, 4, 4]), torch.tensor([2, 5, 2])
    with inputs_untouched(prompts=prompts):
        result = function(prompts, VOCABULARY)
    if isinstance(result, Tensor) and result.ndim == 1 and len(result) == int(prompts.max()) + 1:
        raise Mistake(
            f"your result ends at token {len(result) - 1}, the highest that occurs: tokens that no prompt contains "
            f"have a share of 0, up to vocabulary - 1 (`torch.bincount` takes `minlength=vocabulary`)."
        )
    result = require_one_a_word(result, VOCABULARY)
    counts = torch.bincount(prompts.flatten(), minlength=VOCABULARY).float()
    right = reference(prompts, VOCABULARY)
    mistakes = [
        (counts / len(prompts), "a token that a prompt has twice counts twice: count prompts, not occurrences."),
        (counts / prompts.numel(), "this is the share of all tokens: expected the share of prompts that contain it."),
        (counts, "these are numbers of occurrences: expected the share of prompts that contain the token."),
        (right * len(prompts), "these are numbers of prompts: divide by the number of prompts."),
        (100 * right, "this is in per cent: return the share itself, between 0 and 1."),
        (right * len(prompts) / prompts.numel(), "divide by the number of prompts, not by the number of tokens."),
        (1 - right, "these are the prompts without the token: expected those with it."),
        (right / right.sum(), "the shares need not add up to 1: a prompt contains several tokens."),
    ]
    token = int((result - right).abs().argmax())
    require_equal(
        result, right, mistakes, f"token {token} is in {right[token]:.0%} of the prompts, you say {result[token]:.0%}."
    )


def check_log_odds(function: Callable, reference: Callable) -> None:
    """Counts of sets of different sizes, some of them 0, with a prior for each word."""
    here = torch.tensor([40.0, 0.0, 7.0, 12.0, 3.0, 60.0, 2.0])
    there = torch.tensor([30.0, 4.0, 0.0, 90.0, 40.0, 800.0, 20.0])
    for prior in (torch.tensor([7.0, 0.4, 0.7, 10.0, 4.3, 86.0, 2.2]), torch.full((7,), 0.5)):
        with inputs_untouched(here=here, there=there, prior=prior):
            result = function(here, there, prior)
        if isinstance(result, Tensor) and result.shape == here.shape and not result.isfinite().all():
            raise Mistake(
                "z is infinite or undefined for words that were never counted on one side: both sides get the "
                "pseudo-counts, in the odds and in the variance."
            )
        result = require_one_a_word(result, len(here))
        right = reference(here, there, prior)
        word = int((result - right).abs().argmax())
        require_equal(
            result,
            right,
            _log_odds_mistakes(here, there, prior),
            f"for counts {here[word]:g} and {there[word]:g} with {prior[word]:g} pseudo-counts z is {right[word]:.3f}, "
            f"your function says {result[word]:.3f}.",
        )


def _log_odds_mistakes(here: Tensor, there: Tensor, prior: Tensor) -> list[tuple[Tensor, str]]:
    a, b = here + prior, there + prior
    error = (1 / a + 1 / b).sqrt()

    def odds(counts: Tensor) -> Tensor:
        return counts / (counts.sum() - counts)

    difference = odds(a).log() - odds(b).log()
    shares = (a / a.sum()).log() - (b / b.sum()).log()
    return [
        (difference, "this is the difference itself: divide it by its standard error to get z."),
        (-difference / error, "the sign is turned round: z is above 0 for words that are more frequent `here`."),
        (difference / error.square(), "this is divided by the variance: take its root, `.sqrt()`."),
        (difference * error, "this is multiplied by the standard error: divide by it."),
        (shares / error, "these are logarithms of shares: odds divide by the count of all *other* words, `sum - a`."),
        ((a / b).log() / error, "the sizes of the two sets are missing: divide each count by that of all other words."),
        ((odds(a) - odds(b)) / error, "the logarithm is missing: take it of each side's odds."),
        (
            difference / (1 / a).sqrt(),
            "only one side's uncertainty is in it: the variance is `1 / a + 1 / b`.",
        ),
        (
            difference / ((1 / a).sqrt() + (1 / b).sqrt()),
            "standard errors are added: add the variances, then take the root.",
        ),
        (
            difference / (1 / here.clamp_min(1) + 1 / there.clamp_min(1)).sqrt(),
            "the variance is that of the bare counts: use the counts with their pseudo-counts there, too.",
        ),
        (
            (here - there) / (here + there).sqrt(),
            "this compares bare counts, but the sets differ in size: compare odds.",
        ),
    ]
