"""The checks of chapter 8 accept what is right and name the mistake in what is wrong."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.teaching.exercises.chapter_08 import divergence, most_frequent_pair, score


def pair_in_loops(words):
    counts = {}
    for pieces, times in words.items():
        for i in range(len(pieces) - 1):
            pair = (pieces[i], pieces[i + 1])
            counts[pair] = counts.get(pair, 0) + times
    return max(counts, key=counts.get)


def pair_of_a_text(words):
    text = [pieces for pieces, times in words.items() for _ in range(times)]
    return Counter(pair for pieces in text for pair in pairwise(pieces)).most_common(1)[0][0]


def by_emptying(words):
    counts = Counter()
    while words:
        pieces, times = words.popitem()
        for pair in pairwise(pieces):
            counts[pair] += times
    return counts.most_common(1)[0][0]


def score_in_a_loop(logits, ids):
    total = 0.0
    for i in range(1, len(ids)):
        total += math.log(torch.exp(logits[i - 1, ids[i]]) / torch.exp(logits[i - 1]).sum())
    return total


def score_in_numpy(logits, ids):
    x, tokens = logits.numpy(), ids.numpy()
    logs = x - np.log(np.exp(x).sum(1, keepdims=True))
    return logs[np.arange(len(x) - 1), tokens[1:]].sum()


def kl_by_torch(true, predicted):
    return F.kl_div(predicted.log(), true, reduction="none").sum(1)


def kl_row_by_row(true, predicted):
    rows = []
    for t, p in zip(true.tolist(), predicted.tolist(), strict=True):
        rows.append(sum(a * math.log(a / b) for a, b in zip(t, p, strict=True) if a > 0))
    return torch.tensor(rows)


def kl_in_numpy(true, predicted):
    t, p = true.numpy(), predicted.numpy()
    return torch.from_numpy(np.where(t > 0, t * np.log(np.where(t > 0, t, 1) / p), 0).sum(1))


WRONG = {
    "08-pair": {
        "words emptied": (by_emptying, "changes the dictionary"),
        "something else": (lambda words: ("q", "u"), "expected the most frequent pair as a tuple"),
        "a list": (lambda words: list(most_frequent_pair(words)), "as a tuple"),
        "pair and count in a list": (lambda words: [(most_frequent_pair(words), 3)], "as a tuple"),
        "some number": (lambda words: 7, "returns 7, expected the most frequent pair"),
        "some counts": (lambda words: {("a", "b"): 1}, "expected the most frequent pair"),
    },
    "08-score": {
        "in place": (lambda logits, ids: score(logits.sub_(logits.logsumexp(1, True)), ids), "in place"),
        "one for each token": (lambda logits, ids: logits[:-1, 0], "expected one number"),
        "something else": (lambda logits, ids: 2 * score(logits, ids), "your function says"),
        "mean loss": (lambda logits, ids: F.cross_entropy(logits[:-1], ids[1:]), "mean loss"),
        "NaN": (lambda logits, ids: score(logits / 0, ids), "your function says nan"),
    },
    "08-divergence": {
        "other way round": (lambda true, predicted: kl_by_torch(predicted, true + 1e-12), "other way round"),
        "zeros, with a difference of logarithms": (
            lambda true, predicted: (true * (true.log() - predicted.log())).sum(1),
            "0 · log 0",
        ),
        "in place": (lambda true, predicted: divergence(true, predicted.div_(2)), "in place"),
        "something else": (lambda true, predicted: 2 * divergence(true, predicted), "your function says"),
        "a table": (lambda true, predicted: true, "expected (4,)"),
        "infinite": (lambda true, predicted: divergence(true, 0 * predicted), "NaN or infinity"),
    },
}
RIGHT = {
    "08-pair": [pair_in_loops, pair_of_a_text, most_frequent_pair],
    "08-score": [
        score_in_a_loop,
        score_in_numpy,
        lambda logits, ids: -F.cross_entropy(logits[:-1], ids[1:], reduction="sum"),
    ],
    "08-divergence": [kl_by_torch, kl_row_by_row, kl_in_numpy],
}


def test_the_divergence_is_that_of_scipy():
    from scipy.stats import entropy

    true, predicted = torch.rand(2, 3, 5, dtype=torch.float64).softmax(2)
    assert torch.allclose(divergence(true, predicted), torch.from_numpy(entropy(true, predicted, axis=1)))
