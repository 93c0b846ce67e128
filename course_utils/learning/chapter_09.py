"""The exercises of chapter 9, what many prompts give away: counting, comparing, and not believing the luckiest word."""

from __future__ import annotations

import torch

from course_utils.learning.checks_09 import check_log_odds, check_shares
from course_utils.learning.checks_09_chance import check_corrected
from course_utils.learning.exercises import Exercise


def shares(prompts, vocabulary):
    """Return, for each token id from 0 to `vocabulary` - 1, the share of
    prompts that contain it. A token that a prompt has twice counts once."""
    contains = torch.zeros(len(prompts), vocabulary)
    contains.scatter_(1, prompts, 1.0)
    return contains.mean(dim=0)


def log_odds_z(here, there, prior):
    """Return each word's z: the difference of its log-odds in two sets of
    prompts, divided by its standard error. `here` and `there` are how often
    each word was counted, `prior` how many pseudo-counts it gets on each side."""
    a, b = here + prior, there + prior
    difference = (a / (a.sum() - a)).log() - (b / (b.sum() - b)).log()
    return difference / (1 / a + 1 / b).sqrt()


def corrected(z, shuffled):
    """Return a p-value for each word that allows for all the words that were
    looked at: the share of shuffles whose largest |z|, of any word, is at
    least as large as this word's |z|. The real order counts as one shuffle."""
    luckiest = shuffled.abs().amax(dim=1)
    as_large = luckiest[:, None] >= z.abs()[None, :]
    return (1 + as_large.sum(dim=0)) / (1 + len(shuffled))


EXERCISES = (
    Exercise(
        id="09-shares",
        title="Count each prompt once",
        why="What was drawn independently is the prompt. One that says the same word three times is not three "
        "pieces of evidence.",
        minutes=6,
        difficulty=1,
        reference=shares,
        check=check_shares,
        hints=(
            "Make a table with one row a prompt and one column a token: 1 where the prompt contains the token, 0 "
            "elsewhere. Then take the mean of each column.",
            "`table.scatter_(1, prompts, 1.0)` writes a 1 into each row at the columns that `prompts` names; writing "
            "it twice changes nothing.",
            "Start from `torch.zeros(len(prompts), vocabulary)`, and end with `.mean(dim=0)`.",
        ),
    ),
    Exercise(
        id="09-log-odds",
        title="More often than elsewhere, and how surely",
        why="By frequency alone the words win that help every target; by the ratio of frequencies alone the rarest do. "
        "Log-odds with pseudo-counts, in units of their standard error, avoid both.",
        minutes=10,
        difficulty=2,
        reference=log_odds_z,
        check=check_log_odds,
        hints=(
            "Add the pseudo-counts first: `a = here + prior`, `b = there + prior`. From then on only a and b are used.",
            "The odds of a word are its count divided by the count of all other words: `a / (a.sum() - a)`.",
            "The variance of the difference of two log-odds is about `1 / a + 1 / b`; the standard error is its root.",
        ),
    ),
    Exercise(
        id="09-chance",
        title="The luckiest of a thousand words",
        why="Of a thousand words fifty pass a test at 5 % by luck. A word should beat what the luckiest of all words "
        "reaches when there is nothing to find.",
        minutes=8,
        difficulty=2,
        reference=corrected,
        check=check_corrected,
        hints=(
            "Each row of `shuffled` has the z of all words for one shuffle. What does the luckiest word reach there?",
            "`shuffled.abs().amax(dim=1)` is one number for each shuffle. Compare each word's `z.abs()` with all of "
            "them: `luckiest[:, None] >= z.abs()[None, :]`.",
            "Count with `.sum(dim=0)`. The real order is one more shuffle, which is as large as itself: add 1 to the "
            "count and to the number of shuffles.",
        ),
    ),
)
