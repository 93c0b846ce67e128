"""The exercises of chapter 8, language models: a step of BPE, a text's log-probability, and the distance to a truth."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import torch

from course_utils.learning.checks_08 import check_divergence, check_score
from course_utils.learning.checks_08_pair import check_pair
from course_utils.learning.exercises import Exercise


def most_frequent_pair(words):
    """Return the pair of pieces that stands side by side most often in a
    corpus: a tuple of two pieces. `words` has the words of the corpus, each as
    a tuple of its pieces, with the number of times that it occurs."""
    counts: Counter = Counter()
    for pieces, times in words.items():
        for pair in pairwise(pieces):
            counts[pair] += times
    return counts.most_common(1)[0][0]


def score(logits, ids):
    """Return the log-probability of a text by the chain rule: the sum of
    log P(token | tokens before it) over all tokens but the first, which is
    given. `logits[i]` is what the model says after reading `ids[: i + 1]`."""
    steps = logits[:-1].log_softmax(1)
    return steps.gather(1, ids[1:, None]).sum()


def divergence(true, predicted):
    """Return, for each context, the Kullback-Leibler divergence of a model's
    next-token distribution from the true one, in nats: the sum over all tokens
    of true · log(true / predicted), where a token that is never true adds 0."""
    return torch.special.xlogy(true, true / predicted).sum(1)


EXERCISES = (
    Exercise(
        id="08-pair",
        title="The pair to merge next",
        why="A tokenizer of this kind is learnt by one step, again and again: look for the pair of pieces that stands "
        "side by side most often, and make one piece of it.",
        minutes=8,
        difficulty=1,
        reference=most_frequent_pair,
        check=check_pair,
        hints=(
            "Count in a `collections.Counter` whose keys are pairs. A word's pairs are its neighbours: first and "
            "second, second and third, and so on.",
            "`itertools.pairwise(pieces)` gives a word's pairs, and so does `zip(pieces, pieces[1:])`. A word that "
            "occurs 5 times adds 5 to each of them.",
            "`counts.most_common(1)` is a list with one entry: the pair that is counted most, and its count.",
        ),
    ),
    Exercise(
        id="08-score",
        title="The probability of a text",
        why="All that a language model does is to answer for the next token. This turns its answers into the "
        "probability of a whole text, and a text's probability into something to compare.",
        minutes=8,
        difficulty=2,
        reference=score,
        check=check_score,
        hints=(
            "Which row of `logits` speaks about which token? Row 0 was computed from the first token alone, so it is "
            "about the second one.",
            "So `logits[:-1]` speaks about `ids[1:]`. Make log-probabilities of the rows: `.log_softmax(1)`.",
            "`steps.gather(1, ids[1:, None])` picks one number from each row; a product of probabilities is a sum of "
            "their logarithms.",
        ),
    ),
    Exercise(
        id="08-divergence",
        title="How far from the truth",
        why="Here the truth is known, so that a model can be marked: 0 nats for saying exactly what is true, more the "
        "surer it is of something else.",
        minutes=7,
        difficulty=2,
        reference=divergence,
        check=check_divergence,
        hints=(
            "For one token: `true * log(true / predicted)`. Sum over the tokens, dim 1, and leave the contexts alone.",
            "Where `true` is 0 this becomes 0 · log 0, which is NaN for the machine and 0 for us.",
            "`torch.special.xlogy(a, b)` is a · log b, and 0 where a is 0.",
        ),
    ),
)
