"""What a language model says: the next token's distribution, and by the chain rule the probability of a whole text."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.models.language_model import LanguageModel

if TYPE_CHECKING:
    from course_utils.show.style import Picture


@dataclass(frozen=True, repr=False)
class NextTokens:
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
        """How undecided the distribution is, in nats: 0 for a certain token, log(vocabulary) for mere guessing."""
        return torch.special.entr(self.distribution.double()).sum().item()

    def plot(self) -> Picture:
        """The k tokens as bars."""
        from course_utils.show.tokens import plot_next_tokens

        return plot_next_tokens(self)

    def _repr_html_(self) -> str:
        return self.plot()._repr_html_()

    def __repr__(self) -> str:
        shown = list(zip(self.tokens, self.probabilities.tolist(), strict=True))[:5]
        said = ", ".join(f"{token!r} {100 * share:.1f} %" for token, share in shown)
        return f"NextTokens({self.lm.name} after {self.text!r}: {said})"


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
    if not 1 <= k <= lm.vocabulary:
        raise ValueError(f"k={k} given, expected 1 to {lm.vocabulary}, the number of tokens that {lm.name} has.")
    ids = lm.encode(text)
    if not len(ids) and not len(lm.prefix):
        start = lm.tokenizer.bos_token
        hint = f"; {start!r} asks how a text begins" if start else ""
        raise ValueError(f"the text is empty, and {lm.name} needs at least one token to go on from{hint}.")
    distribution = lm.logits(_fitting(lm, ids)[None])[0].softmax(0).cpu()
    probabilities, best = distribution.topk(k)
    return NextTokens(text, [lm.piece(i) for i in best.tolist()], best, probabilities, distribution, lm)


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
        steps = " · ".join(
            f"{share:.3g}{token!r}"
            for token, share in zip(self.tokens, self.log_probabilities.exp().tolist(), strict=True)
        )
        return f"TokenScores(P = {math.exp(self.total):.3g} = {steps})"


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
            raise ValueError(
                f"{lm.name} has no token that begins a text, so the first token of {text!r} has no probability."
            )
        before = torch.cat([torch.tensor([start], device=ids.device), before])
    logits = lm.logits_along(_fitting(lm, before)[None], len(ids))[0]
    scores = logits.log_softmax(1).gather(1, ids[:, None])[:, 0]
    return TokenScores(text, [lm.piece(i) for i in ids.tolist()], ids.cpu(), scores.cpu())


def _fitting(lm: LanguageModel, ids: Tensor) -> Tensor:
    """The ids, if they fit into the model's context."""
    most = lm.context - len(lm.prefix)
    if len(ids) > most:
        raise ValueError(f"the text has {len(ids)} tokens, and {lm.name} reads {most} at most; shorten it.")
    return ids
