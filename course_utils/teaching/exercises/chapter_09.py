"""The exercises of chapter 9, associations in many prompts: shares, log-odds, and a correction for many words."""

from collections.abc import Iterator

import torch
from torch import Tensor

from course_utils.teaching.exercises.checks import Compared, numbers_like


def shares(prompts, vocabulary):
    """Return, for each token id from 0 to `vocabulary` - 1, the share of
    prompts that contain it. A token that a prompt has twice counts once.

    Why: The prompts were drawn independently, not their words. A prompt that says the same word three times is not
    three pieces of evidence.

    Hint: Make a table with one row a prompt and one column a token: 1 where the prompt contains the token, 0
    elsewhere. Then take the mean of each column.

    Hint: `table.scatter_(1, prompts, 1.0)` writes a 1 into each row at the columns that `prompts` names; writing it
    twice changes nothing.

    Hint: Start from `torch.zeros(len(prompts), vocabulary)`, and end with `.mean(dim=0)`.
    """
    contains = torch.zeros(len(prompts), vocabulary)
    contains.scatter_(1, prompts, 1.0)
    return contains.mean(dim=0)


def log_odds_z(here, there, prior):
    """Return each word's z: the difference of its log-odds in two sets of
    prompts, divided by its standard error. `here` and `there` are how often
    each word was counted, `prior` how many pseudo-counts it gets on each side.

    Why: Frequency alone favours the words that help every target, and a ratio of frequencies alone favours the
    rarest. Log-odds with pseudo-counts, in units of their standard error, avoid both.

    Hint: Add the pseudo-counts first: `a = here + prior`, `b = there + prior`. From then on only a and b are used.

    Hint: The odds of a word are its count divided by the count of all other words: `a / (a.sum() - a)`.

    Hint: The variance of the difference of two log-odds is about `1 / a + 1 / b`; the standard error is its root.
    """
    a, b = here + prior, there + prior
    difference = (a / (a.sum() - a)).log() - (b / (b.sum() - b)).log()
    return difference / (1 / a + 1 / b).sqrt()


def corrected(z, shuffled):
    """Return a p-value for each word that allows for all the words that were
    looked at: the share of shuffles whose largest |z|, of any word, is at
    least as large as this word's |z|. The real order counts as one shuffle.

    Why: Of a thousand words fifty pass a test at 5 % by chance. A word should beat the largest |z| that any word
    reaches when there is nothing to find.

    Hint: Each row of `shuffled` has the z of all words for one shuffle. What is the largest |z| in it?

    Hint: `shuffled.abs().amax(dim=1)` is one number for each shuffle. Compare each word's `z.abs()` with all of
    them: `largest[:, None] >= z.abs()[None, :]`.

    Hint: Count with `.sum(dim=0)`. The real order is one more shuffle, which is as large as itself: add 1 to the
    count and to the number of shuffles.
    """
    largest = shuffled.abs().amax(dim=1)
    as_large = largest[:, None] >= z.abs()[None, :]
    return (1 + as_large.sum(dim=0)) / (1 + len(shuffled))


def prompts_to_check() -> Iterator[tuple[Tensor, int]]:
    """Arguments of shares: prompts that repeat tokens; the last of the 12 tokens are in none."""
    prompts = torch.randint(9, (10, 3), generator=torch.Generator().manual_seed(0))
    prompts[0], prompts[1] = torch.tensor([4, 4, 4]), torch.tensor([2, 5, 2])
    yield prompts, 12


def counts_to_check() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Arguments of log-odds: counts of sets of different sizes, some of them 0, with a prior for each word."""
    here = torch.tensor([40.0, 0.0, 7.0, 12.0, 3.0, 60.0, 2.0])
    there = torch.tensor([30.0, 4.0, 0.0, 90.0, 40.0, 800.0, 20.0])
    for prior in (torch.tensor([7.0, 0.4, 0.7, 10.0, 4.3, 86.0, 2.2]), torch.full((7,), 0.5)):
        yield here, there, prior


def shuffles_to_check() -> Iterator[tuple[Tensor, Tensor]]:
    """Arguments of the correction: z from nothing to clear, some below 0, two equal to a shuffle's largest."""
    shuffled = torch.randn(49, 8, generator=torch.Generator().manual_seed(0))
    shuffled[:, 0] *= 1.5  # words differ in how far chance takes them
    largest = shuffled.abs().amax(1).sort().values
    yield torch.cat([torch.tensor([0.1, -2.6, 2.2, 6.0, -7.0, -1.4]), largest[[30, 44]]]), shuffled


def occurrences(prompts, vocabulary):
    """Occurrences of each token."""
    return torch.bincount(prompts.flatten(), minlength=vocabulary).float()


def furthest(result, right, *given) -> str:
    """The message for a number that is none of the table's: the one furthest from the right one."""
    word = int((result - right).abs().argmax())
    return f"at index {word} your function says {result[word]:.3f}, expected {right[word]:.3f}."


SHARES = Compared(
    id="09-shares",
    title="Count each prompt once",
    minutes=6,
    difficulty=1,
    reference=shares,
    cases=prompts_to_check,
    otherwise=furthest,
    form=numbers_like,
    wrong={
        "a token that a prompt has twice should count once.": lambda p, v: occurrences(p, v) / len(p),
        "this is the share of all tokens: take the share of prompts.": lambda p, v: occurrences(p, v) / p.numel(),
        "these are numbers of occurrences: take the share of prompts.": occurrences,
        "these are numbers of prompts: divide by how many there are.": {"mean(": "sum("},
        "this is in per cent: return the share, between 0 and 1.": {"return ": "return 100 * "},
        "divide by the number of prompts, not by the number of tokens.": {"dim=0)": "dim=0) / prompts.shape[1]"},
        "these are the prompts without the token: take those with it.": {"return ": "return 1 - "},
        "the shares need not add up to 1.": lambda p, v: shares(p, v) / shares(p, v).sum(),
        "your result ends at the highest token that occurs: the others have a share of 0, up to vocabulary - 1.": (
            lambda p, v: shares(p, int(p.max()) + 1),
            lambda p, v: torch.bincount(p.flatten()) / len(p),
        ),
    },
)


LOG_ODDS = Compared(
    id="09-log-odds",
    title="More often than elsewhere, and how surely",
    minutes=10,
    difficulty=2,
    reference=log_odds_z,
    cases=counts_to_check,
    otherwise=furthest,
    form=numbers_like,
    wrong={
        "this is the difference alone: divide it by its standard error.": {" / (1 / a + 1 / b).sqrt()": ""},
        "the sign is wrong: z is above 0 if more frequent `here`.": {"return ": "return -"},
        "this is divided by the variance: take its root.": {".sqrt()": ""},
        "this is multiplied by the standard error: divide.": {"difference / ": "difference * "},
        "these are shares: odds divide by the count of all *other* words.": {" - a)": ")", " - b)": ")"},
        "the sizes of the two sets are missing: divide each count by that of all other words.": {
            " / (a.sum() - a)).log() - (b / (b.sum() - b)": ").log() - (b"
        },
        "the logarithm is missing: take it of each side's odds.": {".log()": ""},
        "only one side's uncertainty is in it: add `1 / b`.": {" + 1 / b": ""},
        "standard errors are added: add the variances.": {"(1 / a + 1 / b).sqrt()": "(a**-0.5 + b**-0.5)"},
        "words that one side never has get no finite z: both sides get the pseudo-counts.": {
            "here + prior, there + prior": ("here, there", "here, there + prior", "here + prior, there")
        },
        "a word's own pseudo-counts are in it, but not those of all other words: sum the counts with the prior.": (
            {"a.sum()": "here.sum()", "b.sum()": "there.sum()"},
            {"a.sum()": "here.sum() + len(prior)", "b.sum()": "there.sum() + len(prior)"},
        ),
        "the variance is that of the bare counts: add the pseudo-counts there, too.": {
            "1 / a + 1 / b": ("1 / here + 1 / there", "1 / here.clamp_min(1) + 1 / there.clamp_min(1)")
        },
        "the sets differ in size: compare odds, not bare counts.": lambda h, t, p: (h - t) / (h + t).sqrt(),
    },
)


CHANCE = Compared(
    id="09-chance",
    title="The largest z by chance",
    minutes=8,
    difficulty=2,
    reference=corrected,
    cases=shuffles_to_check,
    otherwise=furthest,
    form=numbers_like,
    wrong={
        "p would be 0 for some words: the real order is a shuffle, too, add 1.": {"1 + ": ""},
        "one is added to the count but not to the number of shuffles.": {"1 + len": "len"},
        "one is added to the number of shuffles but not to the count.": {"1 + as": "as"},
        "a shuffle that is just as large counts against the word: `>=`.": {">=": ">"},
        "each word is compared with its own shuffles: take the largest of all words.": {
            "largest[:, None]": "shuffled.abs()"
        },
        "this corrects each word's own p (Bonferroni): use the largest |z|.": (
            lambda z, s: (len(z) * (1 + (s.abs() >= z.abs()).sum(0)) / (1 + len(s))).clamp(max=1)
        ),
        "words that are less frequent than elsewhere (z below 0) count, too: take `.abs()` of both.": (
            {".abs()": ""},
            {"z.abs()": "z"},
        ),
        "the largest z may be negative: `shuffled.abs()` first.": {"shuffled.abs()": "shuffled"},
        "this is the share of shuffles that the word beats: p is the share of those that beat the word.": (
            {"return ": "return 1 - "},
            {"1 + ": "", ">=": "<"},
        ),
        "these are numbers of shuffles: divide by how many there are.": {" / (1 + len(shuffled))": ""},
        "this compares with the mean word: take the largest.": {".amax(": ".mean("},
        "the largest is that of each word over the shuffles: take each shuffle's over its words, `amax(dim=1)`.": (
            lambda z, s: (1 + (s.abs().amax(0)[:, None] >= z.abs()).sum(0)) / (1 + len(s)),
            lambda z, s: (s.abs().amax(0) >= z.abs()).float(),
        ),
        "these are verdicts: return p itself.": lambda z, s: corrected(z, s) < 0.05,
    },
)
