"""The exercises of chapter 7, prototypes: the measure of closeness, and the definition put to the test."""

from __future__ import annotations

from collections.abc import Callable

import torch
from scipy.stats import kendalltau, rankdata
from torch import Tensor

from course_utils.teaching.exercises.checks import close, inputs_untouched, require_equal, require_one_each
from course_utils.teaching.exercises.exercise import Exercise, Mistake


def rank_correlation(a, b):
    """Return Spearman's rank correlation of each row of `a` with the same row
    of `b`, one number a row. Equal values share the mean of their ranks.

    Why: Closeness in this chapter is Spearman's correlation: do the same units answer more, and the same ones less?
    After a ReLU many units answer 0, and it matters what rank they get.

    Hint: Replace each value by its rank within its row, then take the ordinary (Pearson) correlation of the ranks.

    Hint: `scipy.stats.rankdata(values, axis=1)` gives equal values the mean of their ranks. `argsort` does not: it
    says where each rank stands, and gives equal values different ranks.

    Hint: Correlation: subtract each row's mean, multiply and sum, and divide by the product of the two rows'
    lengths (`.norm(dim=1)`).
    """
    x, y = (torch.from_numpy(rankdata(values.numpy(), axis=1)) for values in (a, b))
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    return (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))


def by_definition(pictures, natural, labels, targets):
    """Return for each picture whether it is, at every layer, closer to the mean
    of its class than any single natural image of that class: one boolean a
    picture.

    Why: A definition that can be checked should be. Is each picture closer to its class than every natural image
    is, at all layers?

    Hint: `natural[labels == target]` are the natural images of one picture's class, (images, layers).

    Hint: Closer than *any* of them means above their largest value, layer by layer: `.amax(0)`.

    Hint: At *every* layer: `.all()` over the layers. `torch.stack` makes one tensor of the answers.
    """
    answers = []
    for closeness, target in zip(pictures, targets, strict=True):
        closest = natural[labels == target].amax(0)
        answers.append((closeness > closest).all())
    return torch.stack(answers)


ROWS, UNITS = 4, 24


def check_rank_correlation(function: Callable, exercise: Exercise) -> None:
    """First rows without equal values, where only the ranks themselves can be wrong, then rows with many zeros."""
    reference = exercise.reference
    a, b = a_pair()
    with inputs_untouched(a=a, b=b):
        result = require_one_each(function(a, b), ROWS)
    require_equal(
        result,
        reference(a, b),
        _mistakes(a, b),
        f"for rows without equal values the first should be {reference(a, b)[0]:.3f}, yours is {result[0]:.3f}: is it "
        "the correlation of the ranks within each row?",
    )
    a, b = ((2 * values).round().relu() for values in (a, b))  # many zeros, as after a ReLU, and other equal values
    result = require_one_each(function(a, b), ROWS)
    if not close(result, reference(a, b)):
        raise Mistake(_about_ties(result, a, b))
    same = require_one_each(function(a, 3 * a + 1), ROWS)
    if not close(same, torch.ones(ROWS)):
        raise Mistake("values in the same order should correlate by 1, whatever their scale: use ranks alone.")


def a_pair() -> tuple[Tensor, Tensor]:
    """Two tensors (rows, units) that go together in part, skewed so that values and ranks tell different stories."""
    generator = torch.Generator().manual_seed(7)
    a = torch.randn(ROWS, UNITS, generator=generator)
    b = torch.tensor([0.6, -0.6, 1.0, 0.3])[:, None] * a + torch.randn(ROWS, UNITS, generator=generator)
    return (1.5 * a).sinh(), (1.5 * b).sinh()


def pearson(x: Tensor, y: Tensor) -> Tensor:
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    return (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))


def ranks(values: Tensor, method: str = "average", axis: int | None = 1) -> Tensor:
    return torch.from_numpy(rankdata(values.numpy(), method=method, axis=axis)).double().reshape(values.shape)


def by_formula(x: Tensor, y: Tensor) -> Tensor:
    """The textbooks' short formula, which holds without ties only."""
    units = x.shape[1]
    return 1 - 6 * (x - y).square().sum(1) / (units * (units**2 - 1))


def _mistakes(a: Tensor, b: Tensor) -> list[tuple[Tensor, str]]:
    x, y = ranks(a), ranks(b)
    across = "ranks go across the rows: rank within each row, `axis=1`."
    tau = torch.tensor([kendalltau(*pair).statistic for pair in zip(a.numpy(), b.numpy(), strict=True)])
    return [
        (pearson(a, b), "this is the correlation of the values: replace them by their ranks first."),
        (pearson(a.argsort(1).double(), b.argsort(1).double()),
         "`argsort` once says which unit stands at each rank, not which rank each unit has: use `rankdata`."),
        (pearson(ranks(a, axis=0), ranks(b, axis=0)), across),
        (pearson(ranks(a, axis=None), ranks(b, axis=None)),
         "all rows are ranked together: rank within each row, `axis=1`."),
        ((x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1)),
         "this is the cosine of the ranks: subtract each row's mean rank first, or everything looks alike."),
        ((x - x.mean(1, True)).mul(y - y.mean(1, True)).mean(1),
         "this is the covariance of the ranks: divide by the product of the two rows' lengths (or deviations)."),
        (pearson(x, y).abs(), "the sign is gone: opposite orders correlate by -1."),
        (-pearson(x, y), "the sign is reversed: the same order should give 1."),
        (pearson(x, y).square(), "this is the squared correlation: the sign is gone."),
        (1 - pearson(x, y), "this is a distance, 1 - correlation: return the correlation."),
        (tau.to(x), "this is Kendall's correlation; Spearman's is the ordinary one of the ranks."),
    ]  # fmt: skip


def _about_ties(result: Tensor, a: Tensor, b: Tensor) -> str:
    share = "equal values must share the mean of their ranks"
    for method in ("min", "max", "dense"):
        if close(result, pearson(ranks(a, method), ranks(b, method))):
            return f"yours gives equal values one rank, but not the mean of theirs ({method!r}): {share}."
    if close(result, pearson(ranks(a, "ordinal"), ranks(b, "ordinal"))):
        return f"with many zeros, as after a ReLU, yours ranks equal values by where they stand: {share}."
    if close(result, by_formula(ranks(a), ranks(b))):
        return "1 - 6 Σd² / (n (n² - 1)) holds without ties only: take the ordinary correlation of the ranks."
    return f"without equal values yours is right, with many zeros it is not: {share}."


PICTURES, NATURAL, LAYERS, CLASSES = 300, 45, 3, 3  # so many that no two mistakes give the same answers


def check_by_definition(function: Callable, exercise: Exercise) -> None:
    """Every layer, every natural image of the class and no others, strictly closer."""
    reference = exercise.reference
    pictures, natural, labels, targets = case = a_case()
    with inputs_untouched(pictures=pictures, natural=natural, labels=labels, targets=targets):
        result = function(*case)
    _require_booleans(result)
    expected = reference(*case)
    if torch.equal(result, expected):
        return
    for wrong, message in _wrong_closer(*case):
        if torch.equal(result, wrong):
            raise Mistake(message)
    different = int((result != expected).nonzero()[0])
    raise Mistake(
        f"picture {different} of class {int(targets[different])} should be {bool(expected[different])}, yours says "
        f"{bool(result[different])}: compare it, layer by layer, with the closest natural image of its class."
    )


def a_case() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Closeness of pictures and of natural images, (…, layers), and their classes; some pictures tie with the best."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.arange(NATURAL) % CLASSES
    targets = torch.arange(PICTURES) % CLASSES
    level = torch.tensor([0.2, 0.4, 0.6])  # images of some classes are closer to their mean than those of others
    natural = level[labels][:, None] + 0.2 * torch.rand(NATURAL, LAYERS, generator=generator).square()
    pictures = level[targets][:, None] - 0.02 + 0.27 * torch.rand(PICTURES, LAYERS, generator=generator)
    pictures[:6] = torch.stack([natural[labels == t].amax(0) for t in targets[:6]])  # as close, not closer
    pictures[3:6] += 0.01
    return pictures, natural, labels, targets


def _require_booleans(result: object) -> None:
    if isinstance(result, bool) or (isinstance(result, Tensor) and result.ndim == 0):
        raise Mistake(f"your function gives one answer for all pictures, expected {PICTURES}, one for each.")
    if not isinstance(result, Tensor):
        raise Mistake(f"your function's result is a {type(result).__name__}, expected a tensor ({PICTURES},).")
    if result.shape == (PICTURES, LAYERS):
        raise Mistake("there is an answer for each layer: a prototype is closer at *every* layer, `.all(1)`.")
    if result.shape != (PICTURES,):
        raise Mistake(f"your function's result has the shape {tuple(result.shape)}, expected ({PICTURES},).")
    if result.dtype != torch.bool:
        raise Mistake(f"your function's result is of {result.dtype}, expected booleans: compare with `>`.")


def _wrong_closer(pictures: Tensor, natural: Tensor, labels: Tensor, targets: Tensor) -> list[tuple[Tensor, str]]:
    own = [natural[labels == target] for target in targets]
    most, least, mean, median = (
        torch.stack(values)
        for values in (
            [each.amax(0) for each in own],
            [each.amin(0) for each in own],
            [each.mean(0) for each in own],
            [each.median(0).values for each in own],
        )
    )
    spread = torch.stack([torch.quantile(each, 0.95, dim=0) for each in own])
    strictly = "a picture that is exactly as close as the closest natural image is not closer: `>`, not `>=`."
    return [
        ((pictures > most).any(1), "one layer is enough for yours: it must be closer at *every* layer, `.all()`."),
        ((pictures >= most).all(1), strictly),
        ((pictures > natural.amax(0)).all(1), "yours compares with natural images of all classes: only its own count."),
        (
            (pictures > least).all(1),
            "yours asks for closer than *one* natural image: it must beat them all, `.amax(0)`.",
        ),
        ((pictures > mean).all(1), "yours compares with the average natural image: it must beat the closest one."),
        ((pictures > median).all(1), "yours compares with the median natural image: it must beat the closest one."),
        ((pictures > spread).all(1), "this is the definition at 95 %: literally it must beat *all* natural images."),
        (pictures.mean(1) > most.mean(1), "yours averages over layers: one close layer must not make up for another."),
        ((pictures < most).all(1), "the comparison is the wrong way round: larger correlations are closer."),
        (~(pictures > most).all(1), "the answers are reversed."),
    ]


EXERCISES = (
    Exercise(
        id="07-ranks",
        title="Rank correlation, with ties",
        minutes=8,
        difficulty=2,
        reference=rank_correlation,
        check=check_rank_correlation,
    ),
    Exercise(
        id="07-definition",
        title="The definition, taken literally",
        minutes=6,
        difficulty=1,
        reference=by_definition,
        check=check_by_definition,
    ),
)
