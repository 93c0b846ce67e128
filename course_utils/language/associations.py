"""Associations of a target, read off its prompts: words that they have, and prompts for something else have not.

Prompts found for one target have words in common. Some of them go with the target, others go with anything: what counts
is how much more often a word stands here than in prompts that the same search found for something else
(`association_scores`). A search finds something in every model, in one that has learned nothing as well; what tells the
two apart is how much a word does alone (`course_utils.language.direct`), and so both are needed. Where the truth is
known, `score_against` compares the associations with what was planted; `null_scores` repeats the comparison where there
is nothing to find.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_utils.language.direct import DirectAssociations
from course_utils.language.word_scores import PromptTable, WordScores, check_correction, prompt_table, scored, strength
from course_utils.utils import Proportion, proportion, sample_generators
from course_utils.validation import check_known, check_settings

SUCCESS = 0.5  # a prompt succeeds where the target is more probable than everything else together

Prompts = Any  # a result of `optimize_prompts`, or a list of texts or of lists of tokens


def association_scores(
    prompts: Prompts,
    background: Prompts | Sequence[Prompts] | Mapping[str, Prompts],
    *,
    direct: DirectAssociations | None = None,
    target: str | None = None,
    at_least: float = 0.0,
    prior: float | None = None,
    level: float = 0.95,
    shuffles: int = 1000,
    leave_out: Iterable[str] = (),
    seed: int = 0,
    progress: bool | None = None,
) -> AssociationScores:
    """Association scores of words: how much more often each stands in these prompts than in those for something else.

    For each word the log-odds ratio with an informative Dirichlet prior, its z-score and interval (Monroe, Colaresi &
    Quinn 2008). Of a thousand words some are far from zero by chance; so that they do not count, the prompts are
    permuted between the two sides `shuffles` times, and a word survives only if it beats the largest |z| of nearly all
    of these permutations (Westfall & Young 1993). Two things differ from counting words in texts: a word counts once
    for each prompt, and the prior's frequencies are those of both sides together.

    Args:
        prompts: what was found for one target: a result of `optimize_prompts`, or a list of texts or lists of tokens.
        background: what to compare it with: the prompts found for the *other* targets, as one set or, as a list or a
            dictionary, several. Against random prompts the words that help any target would come out on top.
        direct: what the same words do alone, of the same model (`direct_associations`); its targets must have that of
            the prompts. The words are then ordered by z and effect together, those that fail the control of random
            weights after all others.
        target: what the prompts are for, where they do not say so themselves.
        at_least: probability of its target that a prompt must reach in order to count, on both sides; needs results of
            a search. Words of prompts that do not work say nothing about the target.
        prior: how many words the prior is worth; as many as were counted in `prompts` if None.
        level: of the intervals, and 1 minus the chance that any word at all survives where there is nothing to find.
        shuffles: random permutations behind the correction for many words.
        leave_out: words that are not scored. The results' own targets are always left out: each was kept out of the
            search for itself, and would look as if the others were fond of it.
        seed: of the permutations.
        progress: True shows a progress bar at once, False never, None after a second.

    Raises:
        TypeError: prompts that are neither a result nor a list of texts or tokens.
        ValueError: no prompts, or none that reach `at_least`; fewer than two different words, or settings out of range.
    """
    check_correction(level, shuffles)
    if prior is not None and not 0 < prior < 1e9:
        raise ValueError(f"prior={prior} given, expected a number of words above 0.")
    prompts, *others = (_working(each, at_least) for each in (prompts, *as_sets(background)))
    targets = [target.strip() if target else _target(prompts), *map(_target, others)]
    table = prompt_table([as_words(prompts), *(as_words(each, "background") for each in others)])
    table = table.without(str(word).strip() for word in (*leave_out, *targets) if word is not None)
    if len(table.words) < 2:
        raise ValueError(f"the prompts consist of {table.words or 'nothing'}, expected at least two different words.")
    alone: dict[str, Any] = {}
    if direct is not None:
        nats = direct.scores(targets[0] or "")
        effect = torch.tensor([nats.get(word, -torch.inf) for word in table.words])
        alone = {"effect": effect, "effect_critical": direct.critical}
    settings: dict[str, Any] = {"prior": prior, "level": level, "shuffles": shuffles, "progress": progress}
    table, scores = scored(table, 0, seed=seed, **settings, **alone)
    if direct is not None:
        alone_enough = int((scores["effect"] > direct.critical).sum())
        scores["frequent"] = _random_prompts(table, len(direct.words), alone_enough, level)
    scores |= {"success": _success([prompts]), "background_success": _success(others)}
    return AssociationScores(**scores, table=table, target=targets[0])


def _working(prompts: Prompts, at_least: float) -> Prompts:
    """The prompts that reach a probability; all of them where there is no bar."""
    if not at_least:
        return prompts
    reached = getattr(prompts, "probability", None)
    if not isinstance(reached, Tensor):
        raise ValueError(f"at_least={at_least} given for prompts without probabilities, expected results of a search.")
    rows = (reached >= at_least).nonzero().squeeze(1).tolist()
    if not rows:
        raise ValueError(
            f"none of the {len(reached)} prompts for {prompts.target!r} reaches at_least={at_least:g} (the best "
            f"{float(reached.max()):.2g}): they do not work, and their words say nothing about the target."
        )
    return prompts.rows(rows)


def _random_prompts(table: PromptTable, candidates: int, words: int, level: float) -> Bool[Tensor, "words"]:
    """Whether each word stands in more of the target's prompts than words drawn at random from the candidates would."""
    from scipy.stats import binom  # here, because it takes as long to import as half of PyTorch

    ours = table.contains[table.source == 0]
    drawn = 1 - (1 - 1 / candidates) ** float(ours.sum(1).float().mean())
    tail = binom.sf(ours.sum(0).numpy() - 1, len(ours), drawn)
    return torch.from_numpy(tail * max(1, words) <= 1 - level)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class AssociationScores(WordScores):
    """Words of prompts with how strongly they are associated with a target; what `WordScores` has, and more.

    Attributes:
        p: probability that any word at all gets so large a |z| by chance; corrected for the number of words.
        table: the prompts themselves, its columns in the order of `words`.
        success: share of the target's prompts that give it a probability of at least 0.5, where that is known.
        background_success: the same for the background's prompts and their own targets.
        effect: what each word does alone, in nats, where it was asked (`direct_associations`); - infinity if not.
        effect_critical: the effect above which a word passes the control of random weights.
        frequent: whether a word passes the control of random prompts.
    """

    p: Float[Tensor, "words"]
    table: PromptTable
    success: Proportion | None = None
    background_success: Proportion | None = None
    frequent: Bool[Tensor, "words"] | None = None

    @property
    def controls(self) -> dict[str, Bool[Tensor, "words"]]:
        """For each control by name, whether each word passes it; without `direct`, that of other targets alone."""
        passed = {"other targets": self.z > self.critical}
        if self.effect is not None and self.frequent is not None:
            passed |= {"random prompts": self.frequent, "random weights": self.effect > self.effect_critical}
        return passed

    @property
    def survives(self) -> Bool[Tensor, "words"]:
        """Whether a word passes all controls."""
        return torch.stack(list(self.controls.values())).all(0)

    def why_not(self, word: str) -> list[str]:
        """The controls that a word does not pass; none for a word that survives.

        Raises:
            ValueError: a word that stands in no prompt (offers close ones).
        """
        check_known("word", word, self.words)
        return [name for name, passed in self.controls.items() if not passed[self.words.index(word)]]

    @property
    def prompts(self) -> int:
        """Number of prompts of the target."""
        return int((self.table.source == 0).sum())

    @property
    def background_prompts(self) -> int:
        """Number of prompts of the background."""
        return len(self.table.source) - self.prompts

    def __repr__(self) -> str:
        succeeded = f", {self.success} of them with p ≥ {SUCCESS:g}" if self.success else ""
        return f"{super().__repr__()}; {self.prompts} prompts{succeeded}, against {self.background_prompts}"


def _target(prompts: Prompts) -> str | None:
    target = getattr(prompts, "target", None)
    return None if target is None else str(target).strip()


def _success(sets: Sequence[Prompts]) -> Proportion | None:
    reached = [each.probability for each in sets if isinstance(getattr(each, "probability", None), Tensor)]
    return proportion(torch.cat(reached) >= SUCCESS) if len(reached) == len(sets) else None


def score_against(
    truth: Iterable[str] | Mapping[str, float],
    scores: AssociationScores,
    k: int = 10,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Agreement:
    """Precision of the best words and recall of the planted ones.

    The intervals are percentiles of a bootstrap over restarts: the prompts of each target are drawn anew with
    replacement, and everything is computed again. They say how much depends on these restarts, not what
    another model trained on the same text would give.

    Args:
        truth: the planted words, or a table with a weight for each (`true_associations`).
        scores: what was found.
        k: how many of the best words count for the precision, at least 1.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        ValueError: no planted words, k or resamples below 1.
    """
    planted = {str(word).strip() for word in truth}
    if not planted:
        raise ValueError("the truth is empty, expected the words that were planted, such as true_associations('girl').")
    check_settings(k=k, resamples=resamples)
    right = torch.tensor([word in planted for word in scores.words])
    drawn = scores.table.resampled_z(scores.prior, resamples, seed=seed)
    z = torch.cat([scores.z[None], drawn])  # the scores themselves first
    others = [passed for name, passed in scores.controls.items() if name != "other targets"]
    passed = torch.stack(others).all(0) if others else torch.ones_like(right)
    by = strength(z, scores.critical, scores.effect, scores.effect_critical)
    precision = right[by.topk(min(k, len(right)), dim=1).indices].sum(1) / k
    recall = ((z > scores.critical) & passed & right).sum(1) / len(planted)
    return Agreement(
        k=k, chance=float(right.float().mean()), planted=len(planted), level=scores.level,
        precision=float(precision[0]), precision_interval=_percentiles(precision[1:], scores.level),
        recall=float(recall[0]), recall_interval=_percentiles(recall[1:], scores.level),
        hits=[word for word in scores.top(k) if word in planted],
        others=[word for word in scores.top(k) if word not in planted],
        missed=sorted(planted - set(scores.survivors)),
    )  # fmt: skip


@dataclass(frozen=True, repr=False)
class Agreement:
    """Precision and recall of association scores, where the truth is known.

    Attributes:
        k: how many of the best words count for the precision.
        precision: share of the k best words that were planted, in [0, 1].
        precision_interval: its bootstrap interval.
        recall: share of the planted words that survive the correction, in [0, 1].
        recall_interval: its bootstrap interval.
        chance: the precision that words in random order would have.
        hits: the planted ones among the k best, the strongest first.
        others: the rest of the k best.
        missed: planted words that do not survive the correction, or stand in no prompt.
        planted: how many words were planted.
        level: confidence level of the intervals.
    """

    k: int
    precision: float
    precision_interval: tuple[float, float]
    recall: float
    recall_interval: tuple[float, float]
    chance: float
    hits: list[str]
    others: list[str]
    missed: list[str]
    planted: int
    level: float

    def __repr__(self) -> str:
        precision, recall = (
            f"{100 * value:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"
            for value, (low, high) in ((self.precision, self.precision_interval), (self.recall, self.recall_interval))
        )
        return (
            f"precision@{self.k} {precision} (in random order {100 * self.chance:.0f} %), "
            f"recall {recall} of {self.planted} planted words"
        )


def _percentiles(values: Float[Tensor, "draws"], level: float) -> tuple[float, float]:
    low, high = values.quantile(torch.tensor([(1 - level) / 2, (1 + level) / 2])).tolist()
    return low, high


def null_scores(
    scores: AssociationScores, candidates: Sequence[str], *, seed: int = 0, **settings: Any
) -> AssociationScores:
    """Association scores of random prompts: the same comparison where there is nothing to find.

    As many prompts in every set, as many different words in each, but words drawn from the candidates with equal
    probability. What then looks like an association is chance.

    Args:
        scores: the comparison to repeat.
        candidates: the words that a prompt may consist of: those that the search could choose from.
        seed: of the prompts; settings may have a seed of their own for the correction.
        **settings: handed to `association_scores`.

    Raises:
        ValueError: fewer candidates than a prompt has words.
    """
    words = sorted({str(word).strip() for word in candidates} - {""})
    lengths = scores.table.contains.sum(1)
    if len(words) < int(lengths.max()):
        raise ValueError(f"{len(words)} candidates given, expected more than the {lengths.max()} words of a prompt.")
    (generator,) = sample_generators(seed, [0], "random prompts")
    keys = torch.rand(len(lengths), len(words), generator=generator)
    order = keys.topk(int(lengths.max()), dim=1, largest=False).indices.tolist()
    sets: list[list[list[str]]] = [[] for _ in scores.table.source.unique()]
    for row, length, number in zip(order, lengths.tolist(), scores.table.source.tolist(), strict=True):
        sets[number].append([words[i] for i in row[:length]])
    settings = {"level": scores.level, "prior": scores.prior, "target": scores.target} | settings
    return replace(association_scores(sets[0], dict(enumerate(sets[1:])), **settings), target=None)


def as_words(prompts: Prompts, name: str = "prompts") -> list[list[str]]:
    """Each prompt as a list of words, without the spaces around them.

    Args:
        prompts: a result of `optimize_prompts`; or a list with one entry for each prompt: a text, whose words are
            taken apart at spaces, or a list of tokens.
        name: what an error calls them.

    Raises:
        TypeError: something else.
        ValueError: no prompts, or none with a word in it.
    """
    rows = getattr(prompts, "pieces", prompts)
    if isinstance(rows, str) or not isinstance(rows, Sequence) or not all(isinstance(row, Sequence) for row in rows):
        raise TypeError(
            f"{name} is {type(prompts).__name__}, expected a result of optimize_prompts, or a list of prompts: texts "
            "or lists of tokens."
        )
    tokens = [row.split() if isinstance(row, str) else row for row in rows]
    for token in (token for row in tokens for token in row):
        if not isinstance(token, str):
            raise TypeError(f"{name} has the token {token!r}, expected text: decode the model's token numbers first.")
    words = [[word for token in row if (word := token.strip())] for row in tokens]
    if not any(words):
        raise ValueError(f"{name} has no word in {len(words)} prompts, expected at least one prompt with a word.")
    return words


def as_sets(background: Prompts | Sequence[Prompts] | Mapping[str, Prompts]) -> list[Prompts]:
    """One set of prompts or several (a list or a dictionary of results) as a list of sets.

    Raises:
        ValueError: there is none.
    """
    sets = [background]
    if isinstance(background, Mapping):
        sets = list(background.values())
    elif isinstance(background, Sequence) and not isinstance(background, str) and all(map(_is_set, background)):
        sets = list(background)
    if not sets:
        raise ValueError("background is empty, expected prompts to compare with: those found for other targets, say.")
    return sets


def _is_set(each: Any) -> bool:
    """Whether it is a set of prompts rather than one prompt."""
    if hasattr(each, "pieces"):
        return True
    # A list of words is a prompt; a list of lists of words is a set of them.
    return isinstance(each, Sequence) and not isinstance(each, str) and any(not isinstance(row, str) for row in each)
