"""The checks of chapter 9 accept what is right and name the mistake in what is wrong."""

import math
from collections import Counter

import numpy as np
import torch

from course_utils.language import association_scores
from course_utils.language.word_scores import log_odds
from course_utils.teaching.exercises.chapter_09 import corrected, log_odds_z, shares


def changed_in_place(here, there, prior):
    here += prior
    return log_odds_z(here - prior, there, prior)


def shares_in_loops(prompts, vocabulary):
    counts = Counter(token for row in prompts.tolist() for token in set(row))
    return torch.tensor([counts[token] / len(prompts) for token in range(vocabulary)])


def shares_in_numpy(prompts, vocabulary):
    return torch.from_numpy((prompts.numpy()[:, :, None] == np.arange(vocabulary)).any(1).mean(0))


def z_word_by_word(here, there, prior):
    a, b = (here + prior).tolist(), (there + prior).tolist()
    logs = [[math.log(n / (sum(counts) - n)) for n in counts] for counts in (a, b)]
    errors = [math.sqrt(1 / m + 1 / n) for m, n in zip(a, b, strict=True)]
    return torch.tensor([(m - n) / e for m, n, e in zip(*logs, errors, strict=True)])


def z_by_logit(here, there, prior):
    a, b = here + prior, there + prior
    return ((a / a.sum()).logit() - (b / b.sum()).logit()) / torch.sqrt(a.reciprocal() + b.reciprocal())


def p_in_loops(z, shuffled):
    largest = [max(abs(value) for value in row) for row in shuffled.tolist()]
    reached = [sum(value >= abs(mine) for value in largest) for mine in z.tolist()]
    return torch.tensor([(1 + count) / (1 + len(largest)) for count in reached])


def p_in_numpy(z, shuffled):
    largest = np.abs(shuffled.numpy()).max(1)
    return torch.from_numpy((1 + (largest[:, None] >= np.abs(z.numpy())).sum(0)) / (1 + len(largest)))


def p_of_all_orders(z, shuffled):
    every = torch.cat([z.abs().expand(1, -1), shuffled.abs().amax(1, keepdim=True).expand(-1, len(z))])
    return every.ge(z.abs()).double().mean(0)


WRONG = {
    "09-shares": {
        "the table itself": (lambda p, v: torch.zeros(len(p), v).scatter_(1, p, 1.0), "expected (12,)"),
        "one number": (lambda p, v: shares(p, v).mean(), "expected (12,)"),
        "a list": (lambda p, v: shares(p, v).tolist(), "is a list"),
        "the caller's tensor": (lambda p, v: shares(p.sort(1, out=(p, p.clone()))[0], v), "in place"),
        "something else": (lambda p, v: shares(p, v).flip(0), "your function says"),
    },
    "09-log-odds": {
        "changed in place": (changed_in_place, "in place"),
        "half of it": (lambda h, t, p: log_odds_z(h, t, p) / 2, "your function says"),
        "infinite": (lambda h, t, p: log_odds_z(h, t, p) / 0, "NaN or infinity"),
    },
    "09-chance": {
        "one for each shuffle": (lambda z, s: s.abs().amax(1), "expected (8,)"),
        "changed in place": (lambda z, s: corrected(z.abs_(), s), "in place"),
        "something else": (lambda z, s: corrected(z, s) ** 2, "your function says"),
    },
}

RIGHT = {
    "09-shares": [
        lambda p, v: torch.stack([(p == token).any(dim=1).double().mean() for token in range(v)]),
        lambda p, v: torch.nn.functional.one_hot(p, v).amax(dim=1).float().mean(dim=0),
        shares_in_loops,
        shares_in_numpy,
    ],
    "09-log-odds": [lambda h, t, p: log_odds_z(h.double(), t.double(), p.double()), z_by_logit, z_word_by_word],
    "09-chance": [p_of_all_orders, p_in_loops, p_in_numpy],
}


def test_the_readers_three_functions_give_the_packages_scores():
    """Counted, compared and corrected by hand: the same z, and p up to the randomness of the shuffles."""
    generator = torch.Generator().manual_seed(0)
    here = torch.randint(8, (40, 3), generator=generator)
    there = torch.randint(12, (80, 3), generator=generator)
    texts = [[[f"w{token:02}" for token in row] for row in side.tolist()] for side in (here, there)]
    scores = association_scores(*texts, prior=50)
    order = [int(word[1:]) for word in scores.words]
    every = torch.cat([here, there])

    def z(mine, others):
        counts = [shares(side, 12) * len(side) for side in (mine, others)]
        return log_odds_z(*counts, 50 * sum(counts) / sum(counts).sum())

    by_hand = z(here, there)
    torch.testing.assert_close(by_hand[order], scores.z, rtol=1e-3, atol=1e-4)
    shuffles = [torch.randperm(120, generator=generator) for _ in range(600)]
    shuffled = torch.stack([z(every[order[:40]], every[order[40:]]) for order in shuffles])
    torch.testing.assert_close(corrected(by_hand, shuffled)[order], scores.p, rtol=0, atol=0.06)


def test_the_readers_log_odds_are_the_packages():
    here, there = torch.tensor([5.0, 20.0, 0.0, 60.0]), torch.tensor([1.0, 50.0, 9.0, 400.0])
    prior = 30 * (here + there) / (here + there).sum()
    torch.testing.assert_close(log_odds_z(here, there, prior), log_odds(here, there, 30).z)
