"""The exercises of chapter 8, language models: a step of BPE, a text's log-probability, and the distance to a truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from course_utils.teaching.exercises.checks import inputs_untouched, require_equal, require_finite
from course_utils.teaching.exercises.exercise import Exercise, Mistake


def most_frequent_pair(words):
    """Return the pair of pieces that stands side by side most often in a
    corpus: a tuple of two pieces. `words` has the words of the corpus, each as
    a tuple of its pieces, with the number of times that it occurs.

    Why: A tokenizer of this kind is learnt by one step, again and again: look for the pair of pieces that stands
    side by side most often, and make one piece of it.

    Hint: Count in a `collections.Counter` whose keys are pairs. A word's pairs are its neighbours: first and
    second, second and third, and so on.

    Hint: `itertools.pairwise(pieces)` gives a word's pairs, and so does `zip(pieces, pieces[1:])`. A word that
    occurs 5 times adds 5 to each of them.

    Hint: `counts.most_common(1)` is a list with one entry: the pair that is counted most, and its count.
    """
    counts: Counter = Counter()
    for pieces, times in words.items():
        for pair in pairwise(pieces):
            counts[pair] += times
    return counts.most_common(1)[0][0]


def score(logits, ids):
    """Return the log-probability of a text by the chain rule: the sum of
    log P(token | tokens before it) over all tokens but the first, which is
    given. `logits[i]` is what the model says after reading `ids[: i + 1]`.

    Why: All that a language model does is to answer for the next token. This turns its answers into the probability
    of a whole text, and a text's probability into something to compare.

    Hint: Which row of `logits` speaks about which token? Row 0 was computed from the first token alone, so it is
    about the second one.

    Hint: So `logits[:-1]` speaks about `ids[1:]`. Make log-probabilities of the rows: `.log_softmax(1)`.

    Hint: `steps.gather(1, ids[1:, None])` picks one number from each row; a product of probabilities is a sum of
    their logarithms.
    """
    steps = logits[:-1].log_softmax(1)
    return steps.gather(1, ids[1:, None]).sum()


def divergence(true, predicted):
    """Return, for each context, the Kullback-Leibler divergence of a model's
    next-token distribution from the true one, in nats: the sum over all tokens
    of true · log(true / predicted), where a token that is never true adds 0.

    Why: Here the truth is known, so that a model can be marked: 0 nats for saying exactly what is true, more the
    surer it is of something else.

    Hint: For one token: `true * log(true / predicted)`. Sum over the tokens, dim 1, and leave the contexts alone.

    Hint: Where `true` is 0 this becomes 0 · log 0, which is NaN for the machine and 0 for us.

    Hint: `torch.special.xlogy(a, b)` is a · log b, and 0 where a is 0.
    """
    return torch.special.xlogy(true, true / predicted).sum(1)


LENGTH, TOKENS = 6, 9


def check_score(function: Callable, exercise: Exercise) -> None:
    """One number: the sum of the log-probabilities, each row of logits with the token after it."""
    reference = exercise.reference
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(LENGTH, TOKENS, generator=generator)
    ids = torch.randint(TOKENS, (LENGTH,), generator=generator)
    with inputs_untouched(logits=logits):
        result = function(logits, ids)
    if isinstance(result, float):
        result = torch.tensor(result)
    if not isinstance(result, Tensor) or result.numel() != 1:
        shape = f"the shape {tuple(result.shape)}" if isinstance(result, Tensor) else type(result).__name__
        raise Mistake(f"your function's result is {shape}, expected one number: sum over the tokens.")
    result = result.detach().reshape(()).float()
    require_finite(result)
    right = reference(logits, ids)
    otherwise = f"for these logits the text has log-probability {right:.3f}, your function says {result:.3f}."
    require_equal(result, right, _score_mistakes(logits, ids), otherwise)


def _score_mistakes(logits: Tensor, ids: Tensor) -> list[tuple[Tensor, str]]:
    def picked(rows: Tensor, tokens: Tensor) -> Tensor:
        return rows.gather(1, tokens[:, None])[:, 0]

    logs, shares = logits.log_softmax(1), logits.softmax(1)
    right = picked(logs[:-1], ids[1:])
    shift = "row i of `logits` speaks about token i + 1: `logits[:-1]` goes with `ids[1:]`."
    return [
        (picked(logs, ids).sum(), f"each row is paired with its own token, which the model had read: {shift}"),
        (picked(logs[1:], ids[1:]).sum(), f"each row is paired with its own token, which the model had read: {shift}"),
        (picked(logs[1:], ids[:-1]).sum(), f"each row is paired with the token before it: {shift}"),
        (
            picked(logs[:-1], ids[:-1]).sum(),
            f"each row is paired with its own token, which the model had read: {shift}",
        ),
        (picked(logits[:-1], ids[1:]).sum(), "this sums logits: make log-probabilities of them, `.log_softmax(1)`."),
        (picked(shares[:-1], ids[1:]).sum(), "this sums probabilities: they multiply, so sum their logarithms."),
        (right.exp().prod(), "this is the probability itself: return its logarithm, a sum of logarithms."),
        (-right.sum(), "the sign is turned round: log-probabilities are negative, and so is their sum."),
        (right.mean(), "this is the mean over the tokens: the chain rule asks for the sum."),
        (-right.mean(), "this is the mean loss: the chain rule asks for the sum, and a log-probability is negative."),
        (right[:-1].sum(), "the last token is missing: sum over all tokens but the first."),
        (right[1:].sum(), "the second token is missing: only the first one is given."),
        (right[-1], "this is the last token alone: sum over all tokens but the first."),
        (
            picked(logits.log_softmax(0)[:-1], ids[1:]).sum(),
            "the softmax runs over the places: the tokens of the vocabulary compete, dim 1.",
        ),
        (right.sum() / torch.log(torch.tensor(2.0)), "this is in bits: use the natural logarithm."),
    ]


def check_divergence(function: Callable, exercise: Exercise) -> None:
    """One number a context; zeros in the truth do no harm; 0 for a model that says the truth."""
    reference = exercise.reference
    generator = torch.Generator().manual_seed(1)
    predicted = torch.rand(4, 7, generator=generator, dtype=torch.float64)
    true = torch.rand(4, 7, generator=generator, dtype=torch.float64) ** 2
    predicted, true = predicted / predicted.sum(1, keepdim=True), true / true.sum(1, keepdim=True)
    _compare(function, reference, true, predicted)
    sparse = torch.where(true > 0.1, true, 0)
    sparse = sparse / sparse.sum(1, keepdim=True)
    _compare(function, reference, sparse, predicted, zeros=True)
    same = torch.as_tensor(function(true.clone(), true.clone()))
    if same.abs().max() > 1e-6:
        raise Mistake(f"a model that says exactly the truth gets {same.max():.3g} nats, expected 0.")


def _compare(function: Callable, reference: Callable, true: Tensor, predicted: Tensor, zeros: bool = False) -> None:
    with inputs_untouched(true=true, predicted=predicted):
        result = function(true, predicted)
    if not isinstance(result, Tensor) or result.shape != (len(true),):
        given = f"the shape {tuple(result.shape)}" if isinstance(result, Tensor) else f"{type(result).__name__}"
        raise Mistake(
            f"your function's result is {given}, expected {(len(true),)}: one number a context, summed over the "
            "tokens, dim 1."
        )
    if zeros and not torch.isfinite(result).all():
        raise Mistake(
            "where a token is never true, your function gives NaN or infinity: 0 · log 0 counts as 0 here, which "
            "`torch.special.xlogy(a, b)` knows."
        )
    require_finite(result)
    right = reference(true, predicted)
    otherwise = f"the first context diverges by {right[0]:.4f} nats, your function says {result[0]:.4f}."
    require_equal(result, right, _divergence_mistakes(true, predicted), otherwise)


def _divergence_mistakes(true: Tensor, predicted: Tensor) -> list[tuple[Tensor, str]]:
    xlogy = torch.special.xlogy
    right = (xlogy(true, true) - xlogy(true, predicted)).sum(1)
    middle = (true + predicted) / 2
    halves = [(xlogy(p, p) - xlogy(p, middle)).sum(1) for p in (true, predicted)]
    seen = true > 0
    return [
        (
            (xlogy(predicted, predicted) - xlogy(predicted, true.clamp(min=1e-300))).sum(1),
            "this is the divergence the other way round: the truth weighs the tokens, true · log(true / predicted).",
        ),
        (-right, "the sign is turned round: log(true / predicted), not log(predicted / true)."),
        (-xlogy(true, predicted).sum(1), "this is the cross-entropy: the entropy of the truth still has to go off."),
        (right / true.shape[1], "this is the mean over the tokens: take the sum."),
        (right / seen.sum(1), "this is the mean over the tokens: take the sum."),
        (right / torch.log(torch.tensor(2.0)), "this is in bits: use the natural logarithm for nats."),
        ((true - predicted).abs().sum(1), "these are absolute differences: it is true · log(true / predicted)."),
        ((true - predicted).square().sum(1), "these are squared differences: it is true · log(true / predicted)."),
        ((halves[0] + halves[1]) / 2, "this is the Jensen-Shannon divergence: compare with `predicted` itself."),
        (
            torch.where(seen, (true / predicted).clamp(min=1e-300).log(), 0).sum(1),
            "the logarithms are summed without their weight: multiply each by `true`.",
        ),
        (
            (xlogy(true, true / predicted)).abs().sum(1),
            "each token's part is made positive: some are negative, and belong so; only the sum cannot be.",
        ),
    ]


# In each corpus one pair is the most frequent, and every usual mistake finds another one.
WORDS = {
    "each word counts as often as it occurs": {
        tuple("lo"): 9,
        tuple("newest"): 2,
        tuple("widest"): 2,
        tuple("nest"): 2,
    },
    "nothing stands side by side across two words": {tuple("a"): 9, tuple("bc"): 3, tuple("ef"): 5},
    "the order of the two matters": {tuple("ab"): 5, tuple("bac"): 3, tuple("cb"): 6, tuple("xbay"): 2},
    "only neighbours are a pair": {tuple("axb"): 3, tuple("ayb"): 3, tuple("azb"): 3, tuple("cd"): 4, tuple("a"): 50},
    "a pair may stand in a word twice": {tuple("papaya"): 4, tuple("day"): 3},
    "pieces may be longer than a letter": {("n", "ew", "est"): 6, ("wid", "est"): 5, ("l", "ow"): 4, ("ew", "est"): 1},
}


def check_pair(function: Callable, exercise: Exercise) -> None:
    """The right pair in corpora that tell the usual mistakes apart."""
    reference = exercise.reference
    for words in WORDS.values():
        given = dict(words)
        found = function(given)
        if given != words:
            raise Mistake("your function changes the dictionary `words` that it was given: count in one of your own.")
        _require_pair(found)
        if found != reference(words):
            raise Mistake(_what_went_wrong(tuple(found), words))


def _require_pair(found: object) -> None:
    if isinstance(found, int):
        raise Mistake(f"your function returns {found}, which is a number of times: return the pair itself.")
    if isinstance(found, str):
        raise Mistake(f"your function returns the text {found!r}: return the two pieces as a tuple, not joined.")
    if isinstance(found, dict):
        raise Mistake("your function returns all counts: return the pair with the largest, `counts.most_common(1)`.")
    if isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], tuple):
        raise Mistake(f"your function returns {found!r}, a pair and its count: return the pair alone.")
    if not isinstance(found, tuple) or len(found) != 2 or not all(isinstance(piece, str) for piece in found):
        raise Mistake(f"your function returns {found!r}, expected a tuple of two pieces such as ('e', 's').")


def _what_went_wrong(found: tuple, words: dict) -> str:
    counts: Counter = Counter()
    for pieces, times in words.items():
        for pair in pairwise(pieces):
            counts[pair] += times
    once: Counter = Counter(pair for pieces in words for pair in pairwise(pieces))
    by_words: Counter = Counter()
    for pieces, times in words.items():
        for pair in set(pairwise(pieces)):
            by_words[pair] += times
    best, most = counts.most_common(1)[0]
    said = f"of {words} your function says {found!r}"
    if found not in counts:
        return f"{said}, which never stand side by side in a word in this order; the answer is {best!r}, {most} times."
    if counts[found] == min(counts.values()):
        return f"{said}, the rarest pair: take the largest count."
    if by_words[found] == max(by_words.values()) and by_words[found] > by_words[best]:
        return f"{said}: a pair that stands twice in a word counts twice, so {best!r} comes {most} times."
    if counts[found] + counts[found[::-1]] > most:
        return (
            f"{said}: ('a', 'b') and ('b', 'a') are two pairs, count them apart; the answer is {best!r}, {most} times."
        )
    if once[found] == max(once.values()) and once[found] > once[best]:
        return (
            f"{said}, which comes {counts[found]} times: each word counts as often as it occurs, {best!r} {most} times."
        )
    return f"{said}, which comes {counts[found]} times; {best!r} comes {most} times."


EXERCISES = (
    Exercise(
        id="08-pair",
        title="The pair to merge next",
        minutes=8,
        difficulty=1,
        reference=most_frequent_pair,
        check=check_pair,
    ),
    Exercise(
        id="08-score",
        title="The probability of a text",
        minutes=8,
        difficulty=2,
        reference=score,
        check=check_score,
    ),
    Exercise(
        id="08-divergence",
        title="How far from the truth",
        minutes=7,
        difficulty=2,
        reference=divergence,
        check=check_divergence,
    ),
)
