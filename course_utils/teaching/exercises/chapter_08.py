"""The exercises of chapter 8, language models: a step of BPE, a text's log-probability, and a model's divergence."""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from course_utils.teaching.exercises.checks import Compared, numbers_like


def most_frequent_pair(words):
    """Return the pair of neighbouring pieces that occurs most often in a
    corpus: a tuple of two pieces. `words` has the words of the corpus, each as
    a tuple of its pieces, with the number of times that it occurs.

    Why: A tokenizer of this kind is learned by repeating one step: find the pair of neighbouring pieces that occurs
    most often, and make one piece of it.

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
    given. `logits[i]` is what the model predicts after `ids[: i + 1]`.

    Why: A language model only predicts the next token. This turns its predictions into the probability of a whole
    text, so that texts can be compared.

    Hint: Which row of `logits` predicts which token? Row 0 was computed from the first token alone, so it is
    about the second one.

    Hint: So `logits[:-1]` predicts `ids[1:]`. Make log-probabilities of the rows: `.log_softmax(1)`.

    Hint: `steps.gather(1, ids[1:, None])` picks one number from each row; a product of probabilities is a sum of
    their logarithms.
    """
    steps = logits[:-1].log_softmax(1)
    return steps.gather(1, ids[1:, None]).sum()


def divergence(true, predicted):
    """Return, for each context, the Kullback-Leibler divergence of a model's
    next-token distribution from the true one, in nats: the sum over all tokens
    of true · log(true / predicted), where a token that is never true adds 0.

    Why: Here the truth is known, so a model can be measured against it: 0 nats if it predicts exactly what is
    true, and more the surer it is of something else.

    Hint: For one token: `true * log(true / predicted)`. Sum over the tokens, dim 1, so that each context has
    its own number.

    Hint: Where `true` is 0 this becomes 0 · log 0, which is NaN in floating point; here it counts as 0.

    Hint: `torch.special.xlogy(a, b)` is a · log b, and 0 where a is 0.
    """
    return torch.special.xlogy(true, true / predicted).sum(1)


# In each corpus one pair is the most frequent, and some of the usual mistakes find another one.
CORPORA = (
    {tuple("lo"): 9, tuple("newest"): 2, tuple("widest"): 2, tuple("nest"): 2},  # a word counts as often as it occurs
    {tuple("a"): 9, tuple("bc"): 3, tuple("ef"): 5},  # the pieces of two words are no pair
    {tuple("ab"): 5, tuple("bac"): 3, tuple("cb"): 6, tuple("xbay"): 2},  # the order of the two matters
    {tuple("axb"): 3, tuple("ayb"): 3, tuple("azb"): 3, tuple("cd"): 4, tuple("a"): 50},  # only neighbours are a pair
    {tuple("papaya"): 4, tuple("day"): 3},  # a word can contain a pair twice
    {("n", "ew", "est"): 6, ("wid", "est"): 5, ("l", "ow"): 4, ("ew", "est"): 1},  # pieces of several letters
)


def logits_to_check() -> Iterator[tuple[Tensor, Tensor]]:
    """Arguments of a score: the logits of a text of five tokens, from a vocabulary of nine."""
    generator = torch.Generator().manual_seed(0)
    yield torch.randn(5, 9, generator=generator), torch.randint(9, (5,), generator=generator)


def distributions_to_check() -> Iterator[tuple[Tensor, Tensor]]:
    """Arguments of a divergence: four contexts of seven tokens, without and with tokens that are never true."""
    generator = torch.Generator().manual_seed(1)
    predicted, true = torch.rand(2, 4, 7, generator=generator, dtype=torch.float64)
    for weights in (true**2, torch.where(true > 0.3, true**2, 0)):
        yield weights / weights.sum(1, keepdim=True), predicted / predicted.sum(1, keepdim=True)


PAIR = Compared(
    id="08-pair",
    title="The pair to merge next",
    minutes=8,
    difficulty=1,
    reference=most_frequent_pair,
    cases=lambda: [(words,) for words in CORPORA],
    otherwise=lambda found, right, words: (
        f"of {words} your function returns {found!r}, expected the most frequent pair as a tuple, {right!r}."
    ),
    wrong={
        "a pair counts as often as its word occurs.": {"+= times": "+= 1"},
        "these two are not neighbours in one word.": (
            {"pairwise(pieces)": "((a, b) for i, a in enumerate(pieces) for b in pieces[i + 1 :])"},
            lambda words: most_frequent_pair({sum((times * word for word, times in words.items()), ()): 1}),
        ),
        "the order is reversed: the left piece comes first.": {"[0][0]": "[0][0][::-1]"},
        "('a', 'b') and ('b', 'a') are two pairs: count them apart.": {"[pair]": "[tuple(sorted(pair))]"},
        "a pair that a word contains twice should count twice.": {"pairwise(pieces)": "set(pairwise(pieces))"},
        "this is the rarest pair: take the largest count.": {"most_common(1)[0]": "most_common()[-1]"},
        "this is the pair with its count: return the pair alone.": {"[0][0]": "[0]"},
        "this is a number of times: return the pair itself.": {"[0][0]": "[0][1]"},
        "these are all counts: return the pair with the largest.": {".most_common(1)[0][0]": ""},
        "the pieces are joined: return the two as a tuple.": lambda words: "".join(most_frequent_pair(words)),
        "this is one piece: count pairs of pieces.": {"pairwise(pieces)": "pieces"},
    },
)


SCORE = Compared(
    id="08-score",
    title="The probability of a text",
    minutes=8,
    difficulty=2,
    reference=score,
    cases=logits_to_check,
    otherwise="for these logits the text has log-probability {right:.3f}, your function says {result:.3f}.",
    wrong={
        "each row is paired with its own token, which the model had read: `logits[:-1]` goes with `ids[1:]`.": (
            {"logits[:-1]": "logits", "ids[1:,": "ids[:,"},
            {"logits[:-1]": "logits[1:]"},
            {"ids[1:,": "ids[:-1,"},
        ),
        "each row is paired with the token before it.": {"logits[:-1]": "logits[1:]", "ids[1:,": "ids[:-1,"},
        "this sums logits: take `.log_softmax(1)` first.": {".log_softmax(1)": ""},
        "this sums probabilities: sum their logarithms.": {".sum()": ".exp().sum()"},
        "this is the probability itself: return its logarithm.": {".sum()": ".exp().prod()"},
        "the sign is wrong: log-probabilities are negative.": {"return ": "return -"},
        "this is the mean over the tokens: take the sum.": {".sum()": ".mean()"},
        "this is the mean loss: take the sum, and the other sign.": {"return ": "return -", ".sum()": ".mean()"},
        "the last token is missing: sum over all but the first.": {".sum()": "[:-1].sum()"},
        "the second token is missing: only the first is given.": {".sum()": "[1:].sum()"},
        "this is the last token alone: sum over all but the first.": {".sum()": "[-1].sum()"},
        "the softmax runs over the positions: the tokens of the vocabulary compete, dim 1.": {
            "[:-1].log_softmax(1)": ".log_softmax(0)[:-1]"
        },
        "this is in bits: use the natural logarithm.": lambda *given: score(*given) / math.log(2),
    },
)


DIVERGENCE = Compared(
    id="08-divergence",
    title="How far from the truth",
    minutes=7,
    difficulty=2,
    reference=divergence,
    cases=distributions_to_check,
    otherwise="the first context diverges by {right[0]:.4f} nats, your function says {result[0]:.4f}.",
    form=numbers_like,
    wrong={
        "a token that is never true gives NaN: 0 · log 0 is 0 here.": lambda t, p: (t * (t / p).log()).sum(1),
        "this is the divergence the other way round: `true` is the weight.": lambda t, p: divergence(p, t),
        "the sign is wrong: log(true / predicted), not the other way.": {"return ": "return -"},
        "this is the cross-entropy: subtract the entropy of the truth.": lambda t, p: -(t * p.log()).sum(1),
        "this is the mean over the tokens: take the sum.": {"sum(1)": "mean(1)"},
        "this is one number for all contexts: sum over dim 1.": {"sum(1)": "sum()"},
        "this sums over the contexts: sum over the tokens, dim 1.": {"sum(1)": "sum(0)"},
        "this is in bits: use the natural logarithm for nats.": lambda t, p: divergence(t, p) / math.log(2),
        "these are absolute differences: use the logarithm of the ratio.": lambda t, p: (t - p).abs().sum(1),
        "these are squared differences: use the logarithm of the ratio.": lambda t, p: (t - p).square().sum(1),
        "this is the Jensen-Shannon divergence: compare with `predicted` itself.": (
            lambda t, p: (divergence(t, (t + p) / 2) + divergence(p, (t + p) / 2)) / 2
        ),
        "the logarithms have no weight: multiply each by `true`.": lambda t, p: (t / p).log().sum(1),
        "each token's part is made positive: some are negative.": {"sum(1)": "abs().sum(1)"},
    },
)
