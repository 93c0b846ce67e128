"""Targets of a prompt search: one or several tokens, and their log-probability after a prompt.

The probability of several tokens is that of each after the prompt and the target's tokens before it (the chain rule).
All of them come out of one pass over the prompt and the target together, because a causal model answers at every
place at once ("teacher forcing").
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.activations import Outputs
from course_utils.models.language_model import LanguageModel
from course_utils.objectives import Logit, LogProb, Objective

POSITIONS = "positions"  # the layer of `FromEmbeddings` that holds the logits at each of the target's tokens
OBJECTIVES = ("logprob", "logit")


@dataclass(frozen=True, eq=False)
class Target:
    """Text that is to follow a prompt, with its token ids."""

    text: str
    ids: Int[Tensor, "tokens"]


def as_target(lm: LanguageModel, target: str | int | Sequence[int]) -> Target:
    """A target from text, a token id, or several ids.

    Raises:
        ValueError: an empty target, ids outside the vocabulary, or text that the tokenizer cannot give back.

    Warns:
        UserWarning: text without a leading space that is several tokens, where with the space it is one: prompts
            seldom end within a word.
    """
    if isinstance(target, str):
        if not target.strip():
            raise ValueError(f"target={target!r} given, expected text that is to follow the prompt, such as ' girl'.")
        ids = lm.tokens(target)
        if lm.decode(ids) != target:
            raise ValueError(
                f"target {target!r} comes back from the tokenizer of {lm.name} as {lm.decode(ids)!r}: choose text that "
                "its vocabulary can spell."
            )
        _remind_of_the_space(lm, target, ids)
        return Target(target, lm.encode(target))
    ids = [target] if isinstance(target, int) else [int(each) for each in target]
    if not ids or not all(0 <= each < lm.vocabulary for each in ids):
        raise ValueError(f"target={target!r} given, expected token ids from 0 to {lm.vocabulary - 1}, at least one.")
    return Target(lm.decode(ids), torch.tensor(ids, device=lm.device))


def check_length(lm: LanguageModel, length: int, target: Target) -> None:
    """Raise ValueError unless a prompt of that many tokens fits into the context, with the target behind it."""
    most = lm.context - len(lm.prefix) - len(target.ids) + 1
    if not isinstance(length, int) or not 1 <= length <= most:
        raise ValueError(
            f"length={length!r} given, expected 1 … {most} tokens: {lm.name} reads {lm.context} tokens at a time."
        )


class FromEmbeddings(nn.Module):
    """A language model as `optimize` wants one: embeddings of prompts in, logits of the next token out.

    Args:
        lm: the language model.
        target: what is to follow; needed if it is of several tokens, whose logits are then in the layer "positions",
            (batch, tokens, vocabulary), each after the prompt and the target's tokens before it.
    """

    taught: Tensor

    def __init__(self, lm: LanguageModel, target: Target | None = None) -> None:
        super().__init__()
        self.module, self.lm = lm.model, lm
        self.positions = nn.Identity()
        last = torch.empty(0, lm.width) if target is None else lm.embeddings[target.ids[:-1]]
        self.register_buffer("taught", last.to(lm.device))

    def forward(self, embeddings: Float[Tensor, "batch length width"]) -> Float[Tensor, "batch vocabulary"]:
        return self.positions(self.along(embeddings))[:, 0]

    def along(self, embeddings: Float[Tensor, "batch length width"]) -> Float[Tensor, "batch tokens vocabulary"]:
        """The logits at each of the target's tokens."""
        taught = self.taught.to(embeddings).expand(len(embeddings), -1, -1)
        return self.lm.logits_along_from(torch.cat([embeddings, taught], 1), 1 + taught.shape[1])

    def targets(self, target: str | int | Sequence[str | int], batch: int) -> Int[Tensor, "batch"]:
        """Token ids of targets of one token each, by text or id: one for all prompts, or one for each.

        Raises:
            ValueError: text of several tokens, or another number of targets than of prompts.
        """
        each = [target] * batch if isinstance(target, str | int) else list(target)
        if len(each) != batch:
            raise ValueError(f"{len(each)} targets given for {batch} prompts: give one for all, or one for each.")
        return torch.tensor([self.lm.token(one) for one in each], device=self.lm.device)


class Continuation(Objective):
    """The log-probability, or the sum of the logits, of a target of several tokens.

    Args:
        target: what is to follow the prompt.
        measure: `"logprob"` or `"logit"`.
    """

    layers = (POSITIONS,)

    def __init__(self, target: Target, measure: str = "logprob") -> None:
        self.target, self.measure = target, measure

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        return along(outputs[POSITIONS], self.target.ids, self.measure)

    def __repr__(self) -> str:
        return f"Continuation({self.target.text!r}, {self.measure})"


def objective_for(target: Target, measure: str) -> Objective:
    """The objective under which a target becomes probable: `"logprob"`, or `"logit"`.

    Raises:
        ValueError: another measure.
    """
    if measure not in OBJECTIVES:
        raise ValueError(f"objective={measure!r} given, expected 'logprob' or 'logit'.")
    if len(target.ids) > 1:
        return Continuation(target, measure)
    return LogProb(int(target.ids)) if measure == "logprob" else Logit(int(target.ids))


def along(
    logits: Float[Tensor, "batch tokens vocabulary"], ids: Int[Tensor, "tokens"], measure: str = "logprob"
) -> Float[Tensor, "batch"]:
    """The log-probability of tokens, one after the other, or the sum of their logits."""
    if measure == "logprob":
        logits = logits.log_softmax(2)
    return logits[:, torch.arange(len(ids), device=ids.device), ids].sum(1)


class Scorer:
    """Log-probability of a target after prompts of tokens, in batches; counts the prompts it has read.

    Attributes:
        passes: prompts that went through the model so far.
    """

    NUMBERS = 2**24  # logits held at a time: 64 MiB

    def __init__(self, lm: LanguageModel, target: Target) -> None:
        self.lm, self.target, self.passes = lm, target, 0
        self.batch = max(16, min(4096, self.NUMBERS // (lm.vocabulary * len(target.ids))))

    @torch.no_grad()
    def __call__(self, prompts: Int[Tensor, "prompts length"]) -> Float[Tensor, "prompts"]:
        if not len(prompts):
            return torch.empty(0, device=self.lm.device)
        self.passes += len(prompts)
        ids, found = self.target.ids, []
        for part in prompts.split(self.batch):
            taught = ids[:-1].expand(len(part), -1)
            found.append(along(self.lm.logits_along(torch.cat([part, taught], 1), len(ids)), ids))
        return torch.cat(found)


def _remind_of_the_space(lm: LanguageModel, target: str, ids: list[int]) -> None:
    if len(ids) > 1 and not target.startswith(" ") and len(lm.tokens(f" {target}")) == 1:
        pieces = " + ".join(repr(lm.piece(each)) for each in ids)
        warnings.warn(
            f"target {target!r} is {len(ids)} tokens ({pieces}); with a leading space, {' ' + target!r}, it is one: "
            "that is how a word within a text is written.",
            UserWarning,
            stacklevel=4,
        )
