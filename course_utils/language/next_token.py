"""Next-token distributions, log-probabilities of texts by the chain rule, and their calibration.

A language model gives every token of its vocabulary a probability of coming next. Their product along a text is the
probability of the text (`sequence_log_probability`). Where the true distribution is known, `evaluate_calibration`
compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.figures.images import percent
from course_utils.figures.style import PALETTE, DescribedFigure, Plotted, new_axes, styled
from course_utils.models.language_model import LanguageModel
from course_utils.utils import progress_bar

FAINT = 1e-4  # probabilities below this, in model and truth alike, are left out of the calibration
BAR = 0.36  # inches of height for a bar


@torch.no_grad()
def next_token_distribution(lm: LanguageModel, text: str, *, k: int = 10) -> NextTokens:
    """The probabilities of the token that comes after a text.

    Args:
        lm: a language model.
        text: what comes before; of at least one token, unless the model puts a token of its own before every text.
        k: how many of the most probable tokens are listed.

    Raises:
        ValueError: an empty text, one longer than the model's context, or a `k` that is not in 1 … vocabulary.
    """
    count = int(lm.known.sum())
    if not isinstance(k, Integral) or not 1 <= k <= count:
        raise ValueError(f"k={k!r} given, expected 1 to {count}, the number of tokens that {lm.name} has.")
    ids = lm.encode(text)
    if not len(ids) and not len(lm.prefix):
        start = lm.tokenizer.bos_token
        hint = f"; {start!r} asks how a text begins" if start else ""
        raise ValueError(f"the text is empty, and {lm.name} needs at least one token to go on from{hint}.")
    distribution = lm.logits(_fitting(lm, ids)[None])[0].softmax(0).cpu()
    probabilities, best = distribution.where(lm.known, -1).topk(k)
    return NextTokens(text, [lm.piece(i) for i in best.tolist()], best, probabilities, distribution, lm)


@dataclass(frozen=True, repr=False)
class NextTokens(Plotted):
    """The distribution of the token after a text.

    Attributes:
        text: what came before.
        tokens: the k most probable next tokens, best first, as they are spelt (" China").
        ids: their ids.
        probabilities: their probabilities.
        distribution: the probability of every token of the vocabulary.
        lm: who says so.
    """

    text: str
    tokens: list[str]
    ids: Int[Tensor, "k"]
    probabilities: Float[Tensor, "k"]
    distribution: Float[Tensor, "vocabulary"]
    lm: LanguageModel = field(repr=False)

    def probability(self, token: str | int) -> float:
        """The probability of one token, by its text or id, whether it is among the k or not.

        Raises:
            ValueError: no single token (`LanguageModel.token`).
        """
        return self.distribution[self.lm.token(token)].item()

    @property
    def entropy(self) -> float:
        """Entropy of the distribution, in nats: 0 for a certain token, log(vocabulary) for mere guessing."""
        return torch.special.entr(self.distribution.double()).sum().item()

    def plot(self) -> DescribedFigure:
        """The k tokens as bars."""
        return plot_next_tokens(self)

    def __repr__(self) -> str:
        shown = list(zip(self.tokens, self.probabilities.tolist(), strict=True))[:5]
        said = ", ".join(f"{token!r} {100 * share:.1f} %" for token, share in shown)
        return f"NextTokens({self.lm.name} after {self.text!r}: {said})"


@styled
def plot_next_tokens(
    result: NextTokens, *, truth: Mapping[str, float] | None = None, title: str | None = None
) -> DescribedFigure:
    """The most probable next tokens as bars, with the true probabilities as diamonds if they are known.

    Args:
        result: from `next_token_distribution`.
        truth: true probabilities by token text; what is not in it is 0.
        title: the finding; if None, what was asked.
    """
    shares = [100 * share for share in result.probabilities.tolist()]
    names = [spelt(token) for token in result.tokens]
    figure, axes = new_axes(0.9 + BAR * len(shares) + (0.3 if truth else 0))
    rows = range(len(shares))
    axes.barh(rows, shares, color=PALETTE[0], label=f"{result.lm.name} says")
    known = [100 * (truth or {}).get(token, 0.0) for token in result.tokens]
    if truth is not None:
        axes.plot(known, rows, "D", color=PALETTE[1], markeredgecolor="white", clip_on=False, label="true")
        figure.legend(loc="outside lower center", ncols=2)
    axes.set_yticks(rows, names, family="monospace")
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set(xlabel="probability, per cent", xlim=(0, max(*shares, *known, 1) * 1.2))
    for row, share in enumerate(shares):
        at = (max(share, known[row]), row)
        axes.annotate(percent(share / 100), at, (6, 0), textcoords="offset points", va="center")
    axes.set_title(title or f"After “{result.text}”", loc="left", wrap=True)
    said = ", ".join(
        f"{name} {percent(share / 100)}" + (f" (true {percent(true / 100)})" if truth is not None else "")
        for name, share, true in zip(names, shares, known, strict=True)
    )
    return DescribedFigure(figure, alt=f"What {result.lm.name} expects after “{result.text}”: {said}.")


def spelt(token: str) -> str:
    """A token so that its leading space can be seen, “␣girl”, and what cannot be printed, “\\x1c”."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in token.replace(" ", "␣"))


@torch.no_grad()
def sequence_log_probability(lm: LanguageModel, text: str) -> TokenScores:
    """The log-probability of a text, token by token (the chain rule).

    The first token is scored as what begins a text: after the model's prefix, or after its beginning-of-text token
    where it has one but puts none (GPT-2, whose token between two texts serves as that).

    Raises:
        ValueError: an empty text, one longer than the model's context, or a model without any such token.
    """
    ids = lm.encode(text)
    if not len(ids):
        raise ValueError("the text is empty: its probability is 1, whatever the model; give at least one token.")
    before = ids[:-1]
    if not len(lm.prefix):
        start = lm.tokenizer.bos_token_id
        if start is None:
            raise ValueError(f"{lm.name} has no token that begins a text: the first of {text!r} has no probability.")
        before = torch.cat([torch.tensor([start], device=ids.device), before])
    logits = lm.logits_along(_fitting(lm, before)[None], len(ids))[0]
    scores = logits.log_softmax(1).gather(1, ids[:, None])[:, 0]
    return TokenScores(text, [lm.piece(i) for i in ids.tolist()], ids.cpu(), scores.cpu())


@dataclass(frozen=True, repr=False)
class TokenScores:
    """The log-probability of every token of a text, given the tokens before it.

    Attributes:
        text: the text.
        tokens: its tokens, as they are spelt.
        ids: their ids.
        log_probabilities: log P(token | tokens before it), in nats.
    """

    text: str
    tokens: list[str]
    ids: Int[Tensor, "length"]
    log_probabilities: Float[Tensor, "length"]

    @property
    def total(self) -> float:
        """The log-probability of the whole text, in nats: by the chain rule, the sum."""
        return self.log_probabilities.double().sum().item()

    @property
    def perplexity(self) -> float:
        """exp(− mean log-probability): among how many equally probable tokens the model seems to choose each time."""
        return math.exp(-self.total / len(self.tokens))

    def __repr__(self) -> str:
        shares = self.log_probabilities.exp().tolist()
        steps = " · ".join(f"{share:.3g}{token!r}" for token, share in zip(self.tokens, shares, strict=True))
        return f"TokenScores(P = {math.exp(self.total):.3g} = {steps})"


def _fitting(lm: LanguageModel, ids: Tensor) -> Tensor:
    """The ids, if they fit into the model's context."""
    most = lm.context - len(lm.prefix)
    if len(ids) > most:
        raise ValueError(f"the text has {len(ids)} tokens, and {lm.name} reads {most} at most; shorten it.")
    return ids


@torch.no_grad()
def evaluate_calibration(
    lm: LanguageModel, contexts: Sequence[str], truth: Callable[[str], Mapping[str, float]]
) -> CalibrationResult:
    """Divergence and calibration of a model's next-token distributions, where the true ones are known.

    Args:
        lm: a language model.
        contexts: at least one text.
        truth: the true distribution after a text, by token text, such as the written world's `true_next`.

    Raises:
        ValueError: no contexts, or a true next word that is no single token of the model's.
    """
    if not len(contexts):
        raise ValueError("no contexts given, expected at least one text.")
    predicted, true = torch.zeros(2, len(contexts), lm.vocabulary, dtype=torch.float64)
    encoded = [lm.encode(context) for context in contexts]
    for length in progress_bar(sorted({len(ids) for ids in encoded}), "contexts, by length"):
        rows = [row for row, ids in enumerate(encoded) if len(ids) == length]
        predicted[rows] = lm.logits(torch.stack([encoded[row] for row in rows])).double().softmax(1).cpu()
    for row, context in enumerate(progress_bar(contexts, "their truths")):
        known = truth(context)
        if not isinstance(known, Mapping):
            raise TypeError(f"truth({context!r}) gave {type(known).__name__}, expected probabilities by token.")
        for token, share in known.items():
            true[row, lm.token(token)] = share
    return CalibrationResult(list(contexts), predicted, true)


@dataclass(frozen=True, repr=False)
class CalibrationResult(Plotted):
    """A model's next-token distributions after many contexts, beside the true ones.

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
        """KL(truth ‖ model) for every context, in nats: 0 if the model is right."""
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
        inside = [place == i for i in range(bins) if (place == i).any()]
        return [(float(predicted[each].mean()), float(true[each].mean()), int(each.sum())) for each in inside]

    @property
    def calibration_error(self) -> float:
        """Mean distance between prediction and truth over ten bins, each weighing as much as it predicts."""
        rows = self.calibration()
        mass = sum(mean * count for mean, _, count in rows)
        return sum(abs(mean - true) * mean * count for mean, true, count in rows) / mass

    def plot(self) -> DescribedFigure:
        """The calibration as a curve along the diagonal, over all single predictions."""
        return plot_calibration(self)

    def __repr__(self) -> str:
        kl = self.divergence
        return (
            f"CalibrationResult({len(self.contexts)} contexts: KL median {kl.median():.4f}, worst {kl.max():.3f} nats, "
            f"calibration error {self.calibration_error:.3f})"
        )


hold_against, AgainstTruth = evaluate_calibration, CalibrationResult  # the first edition's names


@styled
def plot_calibration(result: CalibrationResult) -> DescribedFigure:
    """Predicted against true probabilities: every prediction as a dot, the means of ten bins as a curve."""
    figure, axes = new_axes(5.0)
    matter = (result.predicted > 0.01) | (result.true > 0.01)
    axes.plot([0, 100], [0, 100], color="black", linewidth=1, marker="", linestyle="--", label="calibrated")
    dots = (100 * result.predicted[matter], 100 * result.true[matter])
    axes.plot(*dots, ".", color="#888888", alpha=0.5, markersize=4, linestyle="none", label="single predictions")
    rows = result.calibration()
    means, truths, _ = zip(*rows, strict=True)
    axes.plot(100 * np.array(means), 100 * np.array(truths), "o-", color=PALETTE[0], label="means of ten bins")
    axes.set(xlabel="the model says, per cent", ylabel="true, per cent", aspect="equal")
    axes.set_title(f"Off by {100 * result.calibration_error:.1f} points on average", loc="left", wrap=True)
    axes.legend(loc="upper left")
    listed = ", ".join(f"{percent(mean)} → {percent(true)}" for mean, true, _ in rows)
    alt = f"True against predicted probabilities of next tokens after {len(result.contexts)} contexts."
    return DescribedFigure(figure, alt=f"{alt} Means of ten bins, predicted → true: {listed}.")
