"""Words with how strongly each is associated with a target, wherever they were counted."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class WordScores:
    """Words with how strongly they are associated with a target, the strongest first; one row a word.

    Attributes:
        words: without the spaces around them.
        z: log-odds ratio in units of its standard error; above 0: more frequent here than in the background.
        log_odds: logarithm of the odds ratio, drawn toward 0 by the prior.
        deviation: standard error of `log_odds`.
        counts: how many here contain the word.
        background_counts: how many of the background contain it.
        critical: the |z| above which a word survives the correction.
        level: confidence level of the intervals and of the correction.
        prior: how many words the prior is worth.
        target: what they are associated with, where that is known.
    """

    counted_in: ClassVar[str] = "prompts"  # what was counted

    words: list[str]
    z: Float[Tensor, "words"]
    log_odds: Float[Tensor, "words"]
    deviation: Float[Tensor, "words"]
    counts: Int[Tensor, "words"]
    background_counts: Int[Tensor, "words"]
    critical: float
    level: float
    prior: float
    target: str | None = None

    @property
    def interval(self) -> Float[Tensor, "words 2"]:
        """Lower and upper end of each word's own interval for `log_odds`, uncorrected."""
        from scipy.stats import norm  # here, because it takes as long to import as half of PyTorch

        return self._around(float(norm.ppf((1 + self.level) / 2)))

    @property
    def corrected_interval(self) -> Float[Tensor, "words 2"]:
        """The wider interval that allows for the number of words; it leaves out 0 where the word survives."""
        return self._around(self.critical)

    @property
    def survives(self) -> Bool[Tensor, "words"]:
        """Whether a word is more frequent here than chance and the number of words explain."""
        return self.z > self.critical

    @property
    def survivors(self) -> list[str]:
        """The words that survive the correction, the strongest first."""
        return [word for word, survives in zip(self.words, self.survives.tolist(), strict=True) if survives]

    def top(self, n: int = 10) -> list[str]:
        """The `n` words with the highest z, whether they survive the correction or not."""
        return self.words[:n]

    def plot(self, most: int = 15) -> Any:
        """Bars of the `most` strongest words with their intervals; hollow where a word does not survive."""
        from course_utils.show.associations import plot_associations  # here, because it imports matplotlib

        return plot_associations(self, most=most)

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        what = f"associations of {self.target!r}" if self.target else "associations"
        best = ", ".join(f"{word} {z:.1f}" for word, z in zip(self.words[:5], self.z.tolist(), strict=False))
        return (
            f"{what}: {len(self.survivors)} of {len(self)} words survive the correction (z > {self.critical:.1f}); "
            f"highest z: {best}{self._more()}"
        )

    def _more(self) -> str:
        return ""

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"

    def _around(self, times: float) -> Float[Tensor, "words 2"]:
        return torch.stack([self.log_odds - times * self.deviation, self.log_odds + times * self.deviation], dim=1)
