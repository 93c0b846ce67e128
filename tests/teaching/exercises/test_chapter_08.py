"""The checks of chapter 8 accept what is right and name the mistake in what is wrong."""

import math
from collections import Counter
from itertools import pairwise

import torch

from course_utils.teaching.exercises.chapter_08 import divergence, most_frequent_pair, score


def pair_by(pairs_of, weight=lambda times: times, choose=max):
    """The most frequent pair with one of its pieces done otherwise."""

    def most_frequent_pair(words):
        counts = {}
        for pieces, times in words.items():
            for pair in pairs_of(pieces):
                counts[pair] = counts.get(pair, 0) + weight(times)
        return choose(counts, key=counts.get)

    return most_frequent_pair


def neighbours(pieces):
    return list(pairwise(pieces))


def all_pairs(pieces):
    return [(a, b) for i, a in enumerate(pieces) for b in pieces[i + 1 :]]


def across_words(words):
    stream = [piece for pieces, times in words.items() for _ in range(times) for piece in pieces]
    return Counter(pairwise(stream)).most_common(1)[0][0]


def by_emptying(words):
    counts = Counter()
    while words:
        pieces, times = words.popitem()
        for pair in neighbours(pieces):
            counts[pair] += times
    return counts.most_common(1)[0][0]


def scored(rows=slice(None, -1), tokens=slice(1, None), finish=lambda steps: steps.sum(), soft=torch.log_softmax):
    return lambda logits, ids: finish(soft(logits, 1)[rows].gather(1, ids[tokens][:, None])[:, 0])


def score_in_a_loop(logits, ids):
    total = 0.0
    for i in range(1, len(ids)):
        total += math.log(torch.exp(logits[i - 1, ids[i]]) / torch.exp(logits[i - 1]).sum())
    return total


def kl(weight=lambda t, p: t, inside=lambda t, p: t / p, finish=lambda parts: parts.sum(1)):
    return lambda true, predicted: finish(torch.special.xlogy(weight(true, predicted), inside(true, predicted)))


def kl_by_torch(true, predicted):
    return torch.nn.functional.kl_div(predicted.log(), true, reduction="none").sum(1)


def kl_row_by_row(true, predicted):
    rows = []
    for t, p in zip(true.tolist(), predicted.tolist(), strict=True):
        rows.append(sum(a * math.log(a / b) for a, b in zip(t, p, strict=True) if a > 0))
    return torch.tensor(rows, dtype=true.dtype)


WRONG = {
    "08-pair": {
        "each word once": (pair_by(neighbours, weight=lambda times: 1), "as often as it occurs"),
        "all pairs": (pair_by(all_pairs), "never stand side by side"),
        "turned round": (pair_by(lambda p: [(b, a) for a, b in neighbours(p)]), "in this order"),
        "unordered": (pair_by(lambda p: [tuple(sorted(pair)) for pair in neighbours(p)]), "count them apart"),
        "once a word": (pair_by(lambda p: set(neighbours(p))), "twice in a word counts twice"),
        "across words": (across_words, "never stand side by side"),
        "rarest": (pair_by(neighbours, choose=min), "the rarest pair"),
        "joined": (lambda words: "".join(most_frequent_pair(words)), "return the two pieces as a tuple"),
        "counts": (lambda words: {("a", "b"): 1}, "all counts"),
        "pair and count": (lambda words: (most_frequent_pair(words), 3), "return the pair alone"),
        "number": (lambda words: 7, "number of times"),
        "single pieces": (lambda words: Counter(p for w in words for p in w).most_common(1)[0][0], "tuple"),
        "words emptied": (by_emptying, "changes the dictionary"),
    },
    "08-score": {
        "own token": (scored(slice(None), slice(None)), "its own token"),
        "own token, without the first": (scored(slice(1, None), slice(1, None)), "its own token"),
        "the token before": (scored(slice(1, None), slice(None, -1)), "the token before it"),
        "logits": (scored(soft=lambda logits, dim: logits), "sums logits"),
        "probabilities": (scored(soft=torch.softmax), "sums probabilities"),
        "product": (scored(finish=lambda steps: steps.exp().prod()), "the probability itself"),
        "sign": (scored(finish=lambda steps: -steps.sum()), "the sign is turned round"),
        "mean": (scored(finish=torch.mean), "the mean over the tokens"),
        "mean loss": (lambda logits, ids: torch.nn.functional.cross_entropy(logits[:-1], ids[1:]), "mean loss"),
        "last one missing": (scored(finish=lambda steps: steps[:-1].sum()), "the last token is missing"),
        "second one missing": (scored(finish=lambda steps: steps[1:].sum()), "the second token is missing"),
        "only the last": (scored(finish=lambda steps: steps[-1]), "the last token alone"),
        "softmax over places": (scored(soft=lambda logits, dim: logits.log_softmax(0)), "runs over the places"),
        "bits": (scored(finish=lambda steps: steps.sum() / math.log(2)), "bits"),
        "one for each token": (scored(finish=lambda steps: steps), "expected one number"),
        "in place": (lambda logits, ids: score(logits.sub_(logits.logsumexp(1, True)), ids), "in place"),
    },
    "08-divergence": {
        "other way round": (lambda true, predicted: kl_by_torch(predicted, true + 1e-12), "other way round"),
        "sign": (kl(inside=lambda t, p: p / t), "sign is turned round"),
        "cross-entropy": (lambda true, predicted: -(true * predicted.log()).sum(1), "cross-entropy"),
        "mean over tokens": (kl(finish=lambda parts: parts.mean(1)), "mean over the tokens"),
        "bits": (kl(finish=lambda parts: parts.sum(1) / math.log(2)), "bits"),
        "absolute differences": (lambda true, predicted: (true - predicted).abs().sum(1), "absolute differences"),
        "squares": (lambda true, predicted: (true - predicted).square().sum(1), "squared differences"),
        "zeros": (lambda true, predicted: (true * (true / predicted).log()).sum(1), "0 · log 0"),
        "no weight": (kl(weight=lambda t, p: torch.ones_like(t)), "without their weight"),
        "positive parts": (kl(finish=lambda parts: parts.abs().sum(1)), "made positive"),
        "one for all": (kl(finish=torch.sum), "one number a context"),
        "over the contexts": (kl(finish=lambda parts: parts.sum(0)), "dim 1"),
        "half": (
            lambda true, predicted: (
                (divergence(true, (true + predicted) / 2) + divergence(predicted, (true + predicted) / 2)) / 2
            ),
            "Jensen-Shannon",
        ),
    },
}
RIGHT = {
    "08-pair": [pair_by(neighbours), most_frequent_pair],
    "08-score": [scored(), score_in_a_loop],
    "08-divergence": [kl(), kl_by_torch, kl_row_by_row],
}


def test_the_score_is_that_of_the_package_and_the_divergence_that_of_scipy():
    from scipy.stats import entropy

    true, predicted = torch.rand(2, 3, 5, dtype=torch.float64).softmax(2)
    assert torch.allclose(divergence(true, predicted), torch.from_numpy(entropy(true, predicted, axis=1)))
