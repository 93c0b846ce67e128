"""A language model held against a truth: where every next token's probability is known, the model can be marked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.models.language_model import LanguageModel
from course_utils.progress import progress_bar

if TYPE_CHECKING:
    from course_utils.show.style import Picture

FAINT = 1e-4  # probabilities below this, in model and truth alike, are left out of the calibration


@dataclass(frozen=True, repr=False)
class AgainstTruth:
    """What a model says next after many contexts, beside what is true.

    Attributes:
        contexts: what came before.
        predicted: the model's probabilities.
        true: the true ones; tokens that the truth does not know have 0.
    """

    contexts: list[str]
    predicted: Float[Tensor, "contexts vocabulary"]
    true: Float[Tensor, "contexts vocabulary"]

    @property
    def divergence(self) -> Float[Tensor, "contexts"]:
        """KL(truth ‖ model) for every context, in nats: what is lost by believing the model; 0 if it is right."""
        return (torch.special.xlogy(self.true, self.true) - torch.special.xlogy(self.true, self.predicted)).sum(1)

    def worst(self, n: int = 5) -> list[tuple[str, float]]:
        """The contexts about which the model is most wrong, with their divergence."""
        values, places = self.divergence.topk(min(n, len(self.contexts)))
        return [(self.contexts[i], value) for i, value in zip(places.tolist(), values.tolist(), strict=True)]

    def calibration(self, bins: int = 10) -> list[tuple[float, float, int]]:
        """Predictions in bins of equal width: (mean prediction, mean truth, how many) for every bin that is not empty.

        A model is calibrated if what it gives 30 % is true in 30 % of the cases. Pairs of context and token below
        one in ten thousand in both are left out, since they would fill the first bin.
        """
        matter = (self.predicted > FAINT) | (self.true > FAINT)
        predicted, true = self.predicted[matter].numpy(), self.true[matter].numpy()
        place = np.minimum((predicted * bins).astype(int), bins - 1)
        return [
            (float(predicted[place == i].mean()), float(true[place == i].mean()), int((place == i).sum()))
            for i in range(bins)
            if (place == i).any()
        ]

    @property
    def calibration_error(self) -> float:
        """Mean distance between prediction and truth over ten bins, each weighing as much as it predicts."""
        rows = self.calibration()
        mass = sum(mean * count for mean, _, count in rows)
        return sum(abs(mean - true) * mean * count for mean, true, count in rows) / mass

    def plot(self) -> Picture:
        """The calibration as a curve along the diagonal, over all single predictions."""
        from course_utils.show.tokens import plot_calibration

        return plot_calibration(self)

    def _repr_html_(self) -> str:
        return self.plot()._repr_html_()

    def __repr__(self) -> str:
        kl = self.divergence
        return (
            f"AgainstTruth({len(self.contexts)} contexts: KL median {kl.median():.4f}, worst {kl.max():.3f} nats, "
            f"calibration error {self.calibration_error:.3f})"
        )


@torch.no_grad()
def hold_against(
    lm: LanguageModel, contexts: Sequence[str], truth: Callable[[str], Mapping[str, float]]
) -> AgainstTruth:
    """Holds a model's next-token distributions against the true ones.

    Args:
        lm: a language model.
        contexts: at least one text.
        truth: the true distribution after a text, by token text, such as `course_utils.corpus.true_next`.

    Raises:
        ValueError: no contexts, or a true next word that is no single token of the model's.
    """
    if not contexts:
        raise ValueError("no contexts given, expected at least one text.")
    predicted, true = torch.zeros(2, len(contexts), lm.vocabulary, dtype=torch.float64)
    encoded = [lm.encode(context) for context in contexts]
    for length in progress_bar(sorted({len(ids) for ids in encoded}), "contexts, by length"):
        rows = [row for row, ids in enumerate(encoded) if len(ids) == length]
        predicted[rows] = lm.logits(torch.stack([encoded[row] for row in rows])).double().softmax(1).cpu()
    for row, context in enumerate(progress_bar(contexts, "their truths")):
        for token, share in truth(context).items():
            true[row, lm.token(token)] = share
    return AgainstTruth(list(contexts), predicted, true)
