"""The exercises of chapter 9, what many prompts give away: counting, comparing, and not believing the luckiest word."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.teaching.exercises.checks import inputs_untouched, require_equal, require_finite
from course_utils.teaching.exercises.exercise import Exercise, Mistake


def shares(prompts, vocabulary):
    """Return, for each token id from 0 to `vocabulary` - 1, the share of
    prompts that contain it. A token that a prompt has twice counts once.

    Why: What was drawn independently is the prompt. One that says the same word three times is not three pieces of
    evidence.

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

    Why: By frequency alone the words win that help every target; by the ratio of frequencies alone the rarest do.
    Log-odds with pseudo-counts, in units of their standard error, avoid both.

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

    Why: Of a thousand words fifty pass a test at 5 % by luck. A word should beat what the luckiest of all words
    reaches when there is nothing to find.

    Hint: Each row of `shuffled` has the z of all words for one shuffle. What does the luckiest word reach there?

    Hint: `shuffled.abs().amax(dim=1)` is one number for each shuffle. Compare each word's `z.abs()` with all of
    them: `luckiest[:, None] >= z.abs()[None, :]`.

    Hint: Count with `.sum(dim=0)`. The real order is one more shuffle, which is as large as itself: add 1 to the
    count and to the number of shuffles.
    """
    luckiest = shuffled.abs().amax(dim=1)
    as_large = luckiest[:, None] >= z.abs()[None, :]
    return (1 + as_large.sum(dim=0)) / (1 + len(shuffled))


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


def check_shares(function: Callable, exercise: Exercise) -> None:
    """Prompts with repeated tokens, and tokens that no prompt contains."""
    reference = exercise.reference
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


def check_log_odds(function: Callable, exercise: Exercise) -> None:
    """Counts of sets of different sizes, some of them 0, with a prior for each word."""
    reference = exercise.reference
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


WORDS, SHUFFLES = 8, 49


def check_corrected(function: Callable, exercise: Exercise) -> None:
    """Words from nothing to clear, some of them less frequent than elsewhere (z below 0), and one tie."""
    reference = exercise.reference
    generator = torch.Generator().manual_seed(0)
    shuffled = torch.randn(SHUFFLES, WORDS, generator=generator)
    shuffled[:, 0] *= 1.5  # words differ in how far luck takes them
    luckiest = shuffled.abs().amax(1).sort().values
    z = torch.tensor([0.1, -2.6, 2.2, 6.0, -7.0, -1.4, float(luckiest[30]), float(luckiest[44])])
    with inputs_untouched(z=z, shuffled=shuffled):
        result = require_one_a_word(function(z, shuffled), WORDS)
    right = reference(z, shuffled)
    word = int((result - right).abs().argmax())
    reached = int((luckiest >= z[word].abs()).sum())
    require_equal(
        result,
        right,
        _mistakes(z, shuffled),
        f"|z| = {z[word].abs():.2f} is reached by the luckiest word of {reached} in {SHUFFLES} shuffles, so p is "
        f"{right[word]:.3f}; your function says {result[word]:.3f}.",
    )


def _mistakes(z: Tensor, shuffled: Tensor) -> list[tuple[Tensor, str]]:
    size, both = z.abs(), shuffled.abs()
    luckiest = both.amax(1)[:, None]
    number = len(shuffled)
    right = (1 + (luckiest >= size).sum(0)) / (1 + number)
    own = (both >= size).sum(0)
    signed = (shuffled.amax(1)[:, None] >= z).sum(0)
    half = (shuffled.amax(1)[:, None] >= size).sum(0)
    alone = "each word is compared with its own shuffles: compare it with the largest of all words, `amax(dim=1)`."
    one_side = "words that are less frequent than elsewhere (z below 0) are remarkable, too: take `.abs()` of both."
    return [
        ((luckiest >= size).sum(0) / number, "p would be 0 for some words: the real order is a shuffle, too, add 1."),
        ((1 + (luckiest >= size).sum(0)) / number, "one is added to the count but not to the number of shuffles."),
        ((luckiest >= size).sum(0) / (1 + number), "one is added to the number of shuffles but not to the count."),
        (
            (1 + (luckiest > size).sum(0)) / (1 + number),
            "`>=`: a shuffle that is just as large counts against the word.",
        ),
        ((1 + own) / (1 + number), alone),
        (own / number, alone),
        (
            ((1 + own) / (1 + number) * len(z)).clamp(max=1),
            "this corrects each word's own p (Bonferroni): use the largest |z|.",
        ),
        ((1 + signed) / (1 + number), one_side),
        (signed / number, one_side),
        ((1 + half) / (1 + number), "the largest z of a shuffle may be a negative one: `shuffled.abs()` first."),
        ((1 + (luckiest >= z).sum(0)) / (1 + number), one_side),
        (1 - right, "this is the share of shuffles that the word beats: p is the share that beat the word."),
        ((luckiest < size).sum(0) / number, "this is the share of shuffles that the word beats: p is the rest."),
        (1.0 + (luckiest >= size).sum(0), "these are numbers of shuffles: divide by how many there are."),
        (
            (1 + (both.mean(1)[:, None] >= size).sum(0)) / (1 + number),
            "each word is compared with the mean word of a shuffle: take the largest, `amax`.",
        ),
    ]


EXERCISES = (
    Exercise(
        id="09-shares",
        title="Count each prompt once",
        minutes=6,
        difficulty=1,
        reference=shares,
        check=check_shares,
    ),
    Exercise(
        id="09-log-odds",
        title="More often than elsewhere, and how surely",
        minutes=10,
        difficulty=2,
        reference=log_odds_z,
        check=check_log_odds,
    ),
    Exercise(
        id="09-chance",
        title="The luckiest of a thousand words",
        minutes=8,
        difficulty=2,
        reference=corrected,
        check=check_corrected,
    ),
)
