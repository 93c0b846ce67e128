"""What a set of prompts has in common: words that stand in them more often than in other prompts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.language.log_odds import largest_by_chance, log_odds
from course_utils.language.prompt_table import Prompts, PromptTable, as_sets, as_words, prompt_table
from course_utils.language.word_scores import WordScores
from course_utils.proportions import Proportion, proportion

SUCCESS = 0.5  # a prompt succeeds where the target is more probable than everything else together


def association_scores(
    prompts: Prompts,
    background: Prompts | Sequence[Prompts] | Mapping[str, Prompts],
    *,
    prior: float | None = None,
    level: float = 0.95,
    shuffles: int = 1000,
    leave_out: Iterable[str] = (),
    seed: int = 0,
    progress: bool | None = None,
) -> AssociationScores:
    """How much more often each word stands in these prompts than in those found for something else.

    For each word the log-odds ratio with an informative Dirichlet prior, its z-score and interval (Monroe, Colaresi &
    Quinn 2008). Of a thousand words some are far from zero by chance; so that they do not count, the prompts are dealt
    out at random `shuffles` times, and a word survives only if it beats the largest |z| of nearly all of these deals
    (Westfall & Young 1993). Two things differ from counting words in texts: a word counts once for each prompt, and the
    prior's frequencies are those of both sides together.

    Args:
        prompts: what was found for one target: a result of `optimize_prompts`, or a list of texts or lists of tokens.
        background: what to compare it with: the prompts found for the *other* targets, as one set or, as a list or a
            dictionary, several. Against random prompts the words that help any target would come out on top.
        prior: how many words the prior is worth; as many as were counted in `prompts` if None.
        level: of the intervals, and 1 minus the chance that any word at all survives where there is nothing to find.
        shuffles: random deals behind the correction for many words.
        leave_out: words that are not scored. The results' own targets are always left out: each was kept out of the
            search for itself, and would look as if the others were fond of it.
        seed: of the deals.
        progress: True shows a progress bar at once, False never, None after a second.

    Raises:
        TypeError: prompts that are neither a result nor a list of texts or tokens.
        ValueError: no prompts, fewer than two different words, or settings out of range.
    """
    _check(level, shuffles, prior)
    others = as_sets(background)
    sets = [as_words(prompts), *(as_words(each, "background") for each in others)]
    targets = [_target(each) for each in (prompts, *others)]
    table = prompt_table(sets).without(str(word).strip() for word in (*leave_out, *targets) if word is not None)
    if len(table.words) < 2:
        raise ValueError(f"the prompts consist of {table.words or 'nothing'}, expected at least two different words.")
    here = table.source == 0
    counts, elsewhere = (table.contains[side].sum(0) for side in (here, ~here))
    weight = float(counts.sum()) if prior is None else float(prior)
    largest = largest_by_chance(table.contains, here, weight, shuffles, seed=seed, progress=progress)
    scores = log_odds(counts.float(), elsewhere.float(), weight)
    order = scores.z.argsort(descending=True, stable=True)
    return AssociationScores(
        words=[table.words[column] for column in order.tolist()],
        z=scores.z[order],
        log_odds=scores.value[order],
        deviation=scores.deviation[order],
        p=(1 + (largest >= scores.z[order].abs()[:, None]).sum(1)) / (1 + shuffles),
        counts=counts[order],
        background_counts=elsewhere[order],
        critical=float(largest.sort(descending=True).values[floor((1 - level) * (1 + shuffles) + 1e-9) - 1]),
        level=level,
        prior=weight,
        table=PromptTable([table.words[i] for i in order.tolist()], table.contains[:, order], table.source),
        target=_target(prompts),
        success=_success([prompts]),
        background_success=_success(others),
    )


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class AssociationScores(WordScores):
    """Words of prompts with how strongly they are associated with a target; what `WordScores` has, and more.

    Attributes:
        p: probability that any word at all gets so large a |z| by chance; corrected for the number of words.
        table: the prompts themselves, its columns in the order of `words`.
        success: share of the target's prompts that give it a probability of at least 0.5, where that is known.
        background_success: the same for the background's prompts and their own targets.
    """

    p: Float[Tensor, "words"]
    table: PromptTable
    success: Proportion | None = None
    background_success: Proportion | None = None

    @property
    def prompts(self) -> int:
        """How many prompts of the target were counted."""
        return int((self.table.source == 0).sum())

    @property
    def background_prompts(self) -> int:
        """How many prompts of the background were counted."""
        return len(self.table.source) - self.prompts

    def _more(self) -> str:
        succeeded = f", {self.success} of them with p ≥ {SUCCESS:g}" if self.success else ""
        return f"; {self.prompts} prompts{succeeded}, against {self.background_prompts}"


def _target(prompts: Prompts) -> str | None:
    target = getattr(prompts, "target", None)
    return None if target is None else str(target).strip()


def _success(sets: Sequence[Prompts]) -> Proportion | None:
    reached = [each.probability for each in sets if isinstance(getattr(each, "probability", None), Tensor)]
    return proportion(torch.cat(reached) >= SUCCESS) if len(reached) == len(sets) else None


def _check(level: float, shuffles: int, prior: float | None) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level={level} given, expected a confidence level between 0 and 1, such as 0.95.")
    needed = round(1 / (1 - level))
    if shuffles + 1 < needed:
        raise ValueError(f"shuffles={shuffles} given, expected at least {needed - 1} to correct at level {level}.")
    if prior is not None and not prior > 0:
        raise ValueError(f"prior={prior} given, expected a number of words above 0.")
