"""The checks of chapter 9 accept what is right and name the mistake in what is wrong."""

from collections import Counter

import torch

from course_utils.language import association_scores
from course_utils.language.word_scores import log_odds
from course_utils.learning.chapter_09 import corrected, log_odds_z, shares


def occurrences(prompts, vocabulary):
    return torch.bincount(prompts.flatten(), minlength=vocabulary).float()


def z_with(odds=lambda x: (x / (x.sum() - x)).log(), error=lambda a, b: (1 / a + 1 / b).sqrt()):
    """z with one of its pieces done otherwise."""

    def log_odds_z(here, there, prior):
        a, b = here + prior, there + prior
        return (odds(a) - odds(b)) / error(a, b)

    return log_odds_z


def p_with(z, shuffled, luckiest=lambda s: s.abs().amax(1), size=torch.abs, more=1, runs=1):
    """p with one of its pieces done otherwise."""
    return (more + (luckiest(shuffled)[:, None] >= size(z)).sum(0)) / (runs + len(shuffled))


def changed_in_place(here, there, prior):
    here += prior
    return log_odds_z(here - prior, there, prior)


def prior_on_one_side(here, there, prior):
    a, b = here + prior, there
    return ((a / (a.sum() - a)).log() - (b / (b.sum() - b)).log()) / (1 / a + 1 / b).sqrt()


WRONG = {
    "09-shares": {
        "occurrences, divided by prompts": (lambda p, v: occurrences(p, v) / len(p), "counts twice"),
        "share of all tokens": (lambda p, v: occurrences(p, v) / p.numel(), "share of all tokens"),
        "occurrences": (occurrences, "numbers of occurrences"),
        "numbers of prompts": (lambda p, v: shares(p, v) * len(p), "numbers of prompts"),
        "per cent": (lambda p, v: 100 * shares(p, v), "per cent"),
        "divided by tokens": (lambda p, v: shares(p, v) / p.shape[1], "not by the number of tokens"),
        "the prompts without it": (lambda p, v: 1 - shares(p, v), "without the token"),
        "made to add up to 1": (lambda p, v: shares(p, v) / shares(p, v).sum(), "need not add up"),
        "ends at the highest token": (lambda p, v: shares(p, int(p.max()) + 1), "highest that occurs"),
        "the table itself": (
            lambda p, v: torch.zeros(len(p), v).scatter_(1, p, 1.0),
            "expected (12,)",
        ),
        "one number": (lambda p, v: shares(p, v).mean(), "expected (12,)"),
        "a list": (lambda p, v: shares(p, v).tolist(), "is a list"),
        "the caller's tensor": (lambda p, v: shares(p.sort(1, out=(p, p.clone()))[0], v), "in place"),
        "something else": (lambda p, v: shares(p, v).flip(0), "of the prompts, you say"),
    },
    "09-log-odds": {
        "not divided": (z_with(error=lambda a, b: 1), "divide it by its standard error"),
        "turned round": (lambda here, there, prior: log_odds_z(there, here, prior), "sign is turned round"),
        "variance": (z_with(error=lambda a, b: 1 / a + 1 / b), "take its root"),
        "multiplied": (z_with(error=lambda a, b: 1 / (1 / a + 1 / b).sqrt()), "multiplied"),
        "shares instead of odds": (z_with(odds=lambda x: (x / x.sum()).log()), "all *other* words"),
        "sizes of the sets left out": (z_with(odds=torch.log), "sizes of the two sets"),
        "no logarithm": (z_with(odds=lambda x: x / (x.sum() - x)), "logarithm is missing"),
        "one side's error": (z_with(error=lambda a, b: (1 / a).sqrt()), "one side's uncertainty"),
        "errors added": (z_with(error=lambda a, b: (1 / a).sqrt() + (1 / b).sqrt()), "add the variances"),
        "no prior": (lambda here, there, prior: log_odds_z(here, there, 0 * prior), "pseudo-counts"),
        "prior on one side": (prior_on_one_side, "both sides get the"),
        "variance of bare counts": (
            lambda h, t, p: z_with(error=lambda a, b: (1 / h.clamp_min(1) + 1 / t.clamp_min(1)).sqrt())(h, t, p),
            "variance is that of the bare counts",
        ),
        "bare counts": (lambda h, t, p: (h - t) / (h + t).sqrt(), "differ in size"),
        "changed in place": (changed_in_place, "in place"),
        "half of it": (lambda h, t, p: log_odds_z(h, t, p) / 2, "your function says"),
    },
    "09-chance": {
        "p of 0": (lambda z, s: p_with(z, s, more=0, runs=0), "p would be 0"),
        "one added to the count alone": (lambda z, s: p_with(z, s, runs=0), "but not to the number"),
        "one added to the number alone": (lambda z, s: p_with(z, s, more=0), "but not to the count"),
        "larger only": (
            lambda z, s: (1 + (s.abs().amax(1)[:, None] > z.abs()).sum(0)) / (1 + len(s)),
            "just as large",
        ),
        "each word alone": (lambda z, s: (1 + (s.abs() >= z.abs()).sum(0)) / (1 + len(s)), "its own shuffles"),
        "Bonferroni": (
            lambda z, s: (len(z) * (1 + (s.abs() >= z.abs()).sum(0)) / (1 + len(s))).clamp(max=1),
            "Bonferroni",
        ),
        "one-sided": (lambda z, s: p_with(z, s, luckiest=lambda s: s.amax(1), size=lambda z: z), "less frequent"),
        "z without abs": (lambda z, s: p_with(z, s, size=lambda z: z), "less frequent"),
        "shuffles without abs": (lambda z, s: p_with(z, s, luckiest=lambda s: s.amax(1)), "`shuffled.abs()` first"),
        "the complement": (lambda z, s: 1 - corrected(z, s), "share of shuffles that the word beats"),
        "numbers": (lambda z, s: corrected(z, s) * (1 + len(s)), "numbers of shuffles"),
        "the mean word": (lambda z, s: p_with(z, s, luckiest=lambda s: s.abs().mean(1)), "mean word"),
        "one for each shuffle": (lambda z, s: s.abs().amax(1), "expected (8,)"),
        "changed in place": (lambda z, s: corrected(z.abs_(), s), "in place"),
        "something else": (lambda z, s: corrected(z, s) ** 2, "your function says"),
    },
}

RIGHT = {
    "09-shares": [
        lambda p, v: torch.stack([(p == token).any(dim=1).double().mean() for token in range(v)]),
        lambda p, v: torch.nn.functional.one_hot(p, v).amax(dim=1).float().mean(dim=0),
        lambda p, v: torch.tensor(
            [Counter(t for row in p.tolist() for t in set(row))[token] / len(p) for token in range(v)]
        ),
    ],
    "09-log-odds": [
        lambda h, t, p: log_odds_z(h.double(), t.double(), p.double()),
        lambda h, t, p: (
            (((h + p) / (h + p).sum()).logit() - ((t + p) / (t + p).sum()).logit())
            / torch.sqrt((h + p).reciprocal() + (t + p).reciprocal())
        ),
    ],
    "09-chance": [
        lambda z, s: (
            torch.cat([z.abs().expand(1, -1), s.abs().amax(1, keepdim=True).expand(-1, len(z))])
            .ge(z.abs())
            .double()
            .mean(0)
        ),
    ],
}


def test_the_readers_three_functions_give_the_packages_scores():
    """Counted, compared and corrected by hand: the same z, and p up to the luck of the shuffles."""
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
