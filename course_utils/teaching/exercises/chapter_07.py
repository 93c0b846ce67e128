"""The exercises of chapter 7, prototypes: a measure of closeness, and a test of the definition."""

from collections.abc import Iterator

import torch
from scipy.stats import kendalltau, rankdata
from torch import Tensor

from course_utils.teaching.exercises.checks import Compared, one_each


def rank_correlation(a, b):
    """Return Spearman's rank correlation of each row of `a` with the same row
    of `b`, one number a row. Equal values share the mean of their ranks.

    Why: Closeness in this chapter is Spearman's correlation: are the same units strongly activated, and the same ones
    weakly? After a ReLU many activations are 0, and it matters what rank they get.

    Hint: Replace each value by its rank within its row, then take the ordinary (Pearson) correlation of the ranks.

    Hint: `scipy.stats.rankdata(values, axis=1)` gives equal values the mean of their ranks. `argsort` does not: it
    says which unit has each rank, and gives equal values different ranks.

    Hint: Correlation: subtract each row's mean, multiply and sum, and divide by the product of the two rows'
    lengths (`.norm(dim=1)`).
    """
    x, y = (torch.from_numpy(rankdata(values.numpy(), axis=1)) for values in (a, b))
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    return (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))


def by_definition(pictures, natural, labels, targets):
    """Return for each image whether it is, at every layer, closer to the mean
    of its class than any single natural image of that class: one boolean an
    image.

    Why: The definition of a prototype can be tested, so we test it: is each image closer to its class than every
    natural image is, at all layers?

    Hint: `natural[labels == target]` are the natural images of one image's class, (images, layers).

    Hint: Closer than *any* of them means above their largest value, layer by layer: `.amax(0)`.

    Hint: At *every* layer: `.all()` over the layers. `torch.stack` makes one tensor of the answers.
    """
    answers = []
    for closeness, target in zip(pictures, targets, strict=True):
        closest = natural[labels == target].amax(0)
        answers.append((closeness > closest).all())
    return torch.stack(answers)


def rows_to_check() -> Iterator[tuple[Tensor, Tensor]]:
    """Skewed rows without equal values, then with many zeros, as after a ReLU, and then in the same order."""
    generator = torch.Generator().manual_seed(7)
    a, noise = torch.randn(2, 4, 24, generator=generator)
    b = torch.tensor([0.6, -0.6, 1.0, 0.3])[:, None] * a + noise
    a, b = (1.5 * a).sinh(), (1.5 * b).sinh()
    yield a, b
    a, b = (2 * a).round().relu(), (2 * b).round().relu()
    yield a, b
    yield a, 3 * a + 1


def about_ranks(result: Tensor, right: Tensor, a: Tensor, b: Tensor) -> str:
    """Advice for an unknown mistake; only rows with zeros have equal values."""
    if (a == 0).any():
        return "rows without equal values are right, but equal values must share the mean of their ranks."
    return f"the first row should be {right[0]:.3f}, yours is {result[0]:.3f}: correlate the ranks within each row."


def closeness_to_check() -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """So many images that no two mistakes give the same answers; some are as close as the closest natural image."""
    generator = torch.Generator().manual_seed(3)
    labels, targets = torch.arange(45) % 3, torch.arange(300) % 3
    level = torch.tensor([0.2, 0.4, 0.6])[:, None]  # images of some classes are closer to their mean than of others
    natural = level[labels] + 0.2 * torch.rand(45, 3, generator=generator).square()
    images = level[targets] - 0.02 + 0.27 * torch.rand(300, 3, generator=generator)
    images[:6] = torch.stack([natural[labels == target].amax(0) for target in targets[:6]])
    images[3:6] += 0.01
    yield images, natural, labels, targets


RANKS = Compared(
    id="07-ranks",
    title="Rank correlation, with ties",
    minutes=8,
    difficulty=2,
    reference=rank_correlation,
    cases=rows_to_check,
    otherwise=about_ranks,
    form=one_each,
    wrong={
        "this is the correlation of the values: replace them by their ranks first.": {"rankdata(": "(", ", axis=1": ""},
        "`argsort` once says which unit has each rank, not which rank each unit has: use `rankdata`.": {
            "rankdata(values.numpy(), axis=1)": "values.argsort(1).double().numpy()"
        },
        "equal values must share the mean of their ranks.": {"axis=1)": "axis=1, method='ordinal') * 1.0"},
        "equal values share one rank, but not the mean of their ranks: use `rankdata`'s 'average'.": {
            "axis=1)": ("axis=1, method='min') * 1.0", "axis=1, method='max') * 1.0", "axis=1, method='dense') * 1.0")
        },
        "values of different rows are ranked together: rank within each row, `axis=1`.": {
            "axis=1))": ("axis=0))", "axis=None)).view(a.shape)")
        },
        "1 - 6 Σd² / (n (n² - 1)) holds without ties only: take the ordinary correlation of the ranks.": {
            "(x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))": "1 - 6 * (x - y).square().sum(1) / (24**3 - 24)"
        },
        "this is the cosine of the ranks: subtract each row's mean rank first.": {".mean(1, keepdim=True)": " * 0"},
        "this is the covariance of the ranks: divide by the product of the two rows' lengths.": {
            "sum(1) / (x.norm(dim=1) * y.norm(dim=1))": "mean(1)"
        },
        "the sign is gone: opposite orders correlate by -1.": {"(x * y).sum(1)": "(x * y).sum(1).abs()"},
        "the sign is reversed: the same order should give 1.": {"return ": "return -"},
        "this is the squared correlation: the sign is gone.": lambda a, b: rank_correlation(a, b) ** 2,
        "this is a distance, 1 - correlation: return the correlation.": {"return ": "return 1 - "},
        "this is Kendall's correlation; Spearman's is the ordinary one of the ranks.": (
            lambda a, b: torch.tensor([kendalltau(*rows).statistic for rows in zip(a, b, strict=True)])
        ),
    },
)


DEFINITION = Compared(
    id="07-definition",
    title="The definition, taken literally",
    minutes=6,
    difficulty=1,
    reference=by_definition,
    cases=closeness_to_check,
    otherwise=lambda result, right, *given: (
        f"{(result != right).sum()} of {len(right)} answers are wrong: compare each image, at each layer, with "
        "the closest natural image of its class."
    ),
    wrong={
        "one layer is enough for yours: the image must be closer at *every* layer, `.all()`.": {".all()": ".any()"},
        "an image exactly as close as the closest natural one is not closer: `>`, not `>=`.": {" > ": " >= "},
        "yours compares with natural images of all classes: only its own count.": {"[labels == target]": ""},
        "yours asks for closer than *one* natural image: `.amax(0)`.": {"amax": "amin"},
        "yours compares with the average or the median natural image: it must beat the closest one.": {
            "amax(0)": ("mean(0)", "median(0).values")
        },
        "this is the definition at 95 %: it must beat *all*.": {"amax(": "quantile(0.95, dim="},
        "one close layer must not make up for another: do not average over layers.": {
            "(closeness > closest).all": "(closeness.mean() > closest.mean()).all"
        },
        "larger correlations are closer: compare with `>`.": {" > ": " < "},
        "the answers are reversed.": {"return ": "return ~"},
        "there is an answer for each layer: take `.all()` over the layers.": {".all()": ""},
        "this is one answer for all images, expected one for each.": {"answers)": ("answers).all()", "answers).any()")},
        "the answers are numbers, expected booleans: return `>`.": {"(answers)": "(answers).float()"},
    },
)
