"""A model's associations held against those of the text that it has read: where nothing was planted, the text is left.

That is another question than in the written world. There the truth was known, and a word was found or missed. Here
two measurements are compared: what a search for prompts finds in the model, and what is counted in the text. Where
they differ, either may be the one that misleads.
"""

from __future__ import annotations

from dataclasses import dataclass

from course_utils.language.associations import AssociationScores
from course_utils.language.log_odds import resampled_z
from course_utils.language.word_scores import WordScores
from course_utils.rank_correlation import spearman

FEWEST = 5  # words that both have: fewer have no order worth a number


def compare_with_text(
    scores: AssociationScores, text: WordScores, *, resamples: int = 500, seed: int = 0
) -> TextAgreement:
    """How far a model's association scores order words as a text's scores do, and which words they share.

    The interval is a bootstrap over restarts, as in `score_against`: every target's prompts are drawn anew, with
    replacement, and scored again. Drawn prompts have fewer different words, which takes the drawn correlations toward
    0; so the interval is centred on the correlation itself, with the drawn ones' standard deviation. It says how much
    hangs on the luck of these restarts; the text is taken as it is.

    Args:
        scores: of the prompts found for a target, against prompts for other targets.
        text: of the words that stand before the same target in a text (`text_associations`); or, as a control, before
            another one.
        resamples: of the bootstrap, at least 2.
        seed: of the bootstrap.

    Raises:
        ValueError: too few words in common, or too few resamples.
    """
    if resamples < 2:
        raise ValueError(f"resamples={resamples} given, expected at least 2.")
    place = {word: row for row, word in enumerate(text.words)}
    mine = [column for column, word in enumerate(scores.words) if word in place]
    if len(mine) < FEWEST:
        raise ValueError(f"prompts and text have {len(mine)} words in common, expected at least {FEWEST}.")
    theirs = text.z[[place[scores.words[column]] for column in mine]]
    table = scores.table
    drawn = resampled_z(table.contains, table.source, scores.prior, resamples, seed=seed, progress=False)[:, mine]
    value = spearman(scores.z[mine][None], theirs[None]).item()
    spread = spearman(drawn, theirs.expand(len(drawn), -1)).std().item()
    survives = set(text.survivors)
    return TextAgreement(
        target=text.target,
        correlation=value,
        interval=_around(value, spread),
        words=len(mine),
        both=[word for word in scores.survivors if word in survives],
        model_only=[word for word in scores.survivors if word in place and word not in survives],
        text_only=[word for word in text.survivors if word not in set(scores.survivors)],
        chance=float((theirs > text.critical).float().mean()),
    )


@dataclass(frozen=True, repr=False)
class TextAgreement:
    """A model's associations beside a text's.

    Attributes:
        target: what the words are associated with.
        correlation: Spearman's, of the z of all words that both have.
        interval: its 95 % interval, over restarts of the search.
        words: how many words both have.
        both: words that survive the correction in the prompts and in the text, the model's strongest first.
        model_only: words that survive in the prompts alone.
        text_only: words that survive in the text alone, the text's strongest first.
        chance: the share of all words in the prompts that survive in the text.
    """

    target: str | None
    correlation: float
    interval: tuple[float, float]
    words: int
    both: list[str]
    model_only: list[str]
    text_only: list[str]
    chance: float

    @property
    def share(self) -> float:
        """The share of the model's surviving words that survive in the text too; 0 if none survives."""
        found = len(self.both) + len(self.model_only)
        return len(self.both) / found if found else 0.0

    def __repr__(self) -> str:
        low, high = self.interval
        found = len(self.both) + len(self.model_only)
        return (
            f"{self.target}: rank correlation {self.correlation:+.2f} [{low:+.2f}, {high:+.2f}] over {self.words} "
            f"words; {len(self.both)} of {found} surviving words survive in the text ({self.chance:.0%} by chance)"
        )


def _around(value: float, spread: float) -> tuple[float, float]:
    return max(-1.0, value - 1.96 * spread), min(1.0, value + 1.96 * spread)
