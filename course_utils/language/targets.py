"""What a prompt search maximises: the log-probability of a target after the prompt, or the activation of a unit.

The probability of several tokens is that of each after the prompt and the target's tokens before it (the chain rule).
All of them come out of one pass over the prompt and the target together, because a causal model answers at every
place at once ("teacher forcing").

The *surprise* of a prompt is the mean cross-entropy of its tokens, each under the model's prediction from those before
it, in nats: low for text that the model might have read. Its exponential is the perplexity. The first token counts only
where the model has a token that begins every text.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.activations import Outputs, record
from course_utils.models.language_model import LanguageModel
from course_utils.objectives import Logit, LogProb, Objective, parse
from course_utils.validation import as_found

POSITIONS = "positions"  # the layer of `FromEmbeddings` that holds the logits at each of the target's tokens
OBJECTIVES = ("logprob", "logit")
UNIT = re.compile(r"[A-Za-z_][\w.]*:\d+")  # "model.layers.12.mlp.down_proj.input:37"
NUMBERS = 2**24  # logits held at a time: 64 MiB


@dataclass(frozen=True, eq=False)
class Target:
    """Text that is to follow a prompt, with its token ids."""

    text: str
    ids: Int[Tensor, "tokens"]


def as_target(lm: LanguageModel, target: str | int | Sequence[int], length: int | None = None) -> Target:
    """A target from text, a token id, or several ids; and, if a length is given, prompts of so many tokens must fit.

    Raises:
        ValueError: an empty target, ids outside the vocabulary, or text that the tokenizer cannot give back; as
            `check_length`.

    Warns:
        UserWarning: text without a leading space that is several tokens, where with the space it is one: prompts
            seldom end within a word.
    """
    if isinstance(target, str):
        if not target.strip():
            raise ValueError(f"target={target!r} given, expected text that is to follow the prompt, such as ' girl'.")
        ids = lm.continuation(target)
        if target not in (lm.decode(ids), spelt := "".join(map(lm.piece, ids))):
            raise ValueError(
                f"target {target!r} comes back from the tokenizer of {lm.name} as {spelt!r}: choose text that its "
                "vocabulary can spell."
            )
        if len(ids) > 1 and not target.startswith(" ") and len(lm.continuation(f" {target}")) == 1:
            pieces = " + ".join(repr(lm.piece(each)) for each in ids)
            warnings.warn(
                f"target {target!r} is {len(ids)} tokens ({pieces}); with a leading space, {' ' + target!r}, it is "
                "one: that is how a word within a text is written.",
                UserWarning,
                stacklevel=3,
            )
    else:
        several: Any = target if isinstance(target, Iterable) else [target] if isinstance(target, Integral) else []
        ids = [lm.token(each.item() if isinstance(each, Tensor) else each) for each in several]  # type: ignore[arg-type]
        if not ids:
            raise ValueError(f"target={target!r} given, expected text or token ids, at least one.")
    text = target if isinstance(target, str) else "".join(map(lm.piece, ids))
    found = Target(text, torch.tensor(ids, device=lm.device))
    if length is not None:
        check_length(lm, length, found)
    return found


def check_length(lm: LanguageModel, length: int, target: Target | None) -> None:
    """Raise ValueError unless a prompt of that many tokens fits into the context, with the target behind it."""
    most = lm.context - len(lm.prefix) - (len(target.ids) - 1 if target else 0)
    if target and most < 1:
        raise ValueError(
            f"target {target.text[:40]!r} given, which is {len(target.ids)} tokens, expected at most "
            f"{len(target.ids) + most - 1}: {lm.name} reads {lm.context} tokens at a time, and a prompt comes first."
        )
    if not isinstance(length, Integral) or not 1 <= length <= most:
        raise ValueError(f"length={length!r} given, expected 1 … {most} tokens: {lm.name} reads {lm.context} at once.")


class FromEmbeddings(nn.Module):
    """A language model as `optimize` wants one: embeddings of prompts in, logits of the next token out.

    Args:
        lm: the language model.
        target: what is to follow; needed if it is of several tokens, whose logits are then in the layer "positions",
            (batch, tokens, vocabulary), each after the prompt and the target's tokens before it.
    """

    def __init__(self, lm: LanguageModel, target: Target | None = None) -> None:
        super().__init__()
        self.module, self.lm = lm.model, lm
        if type(self) is FromEmbeddings:  # the others read tokens
            lm.check_embeddings()
        self.positions = nn.Identity()
        self.ids = torch.empty(0, dtype=torch.long, device=lm.device) if target is None else target.ids[:-1]
        self.taught = nn.Buffer(lm.embeddings[self.ids])

    def forward(self, embeddings: Float[Tensor, "batch length width"]) -> Float[Tensor, "batch vocabulary"]:
        return self.positions(self.along(embeddings))[:, 0]

    def along(self, prompts: Tensor, before: int = 0) -> Float[Tensor, "batch tokens vocabulary"]:
        """The logits at each of the target's tokens, and at so many places before; of prompts as token ids, too."""
        count = before + 1 + len(self.ids)
        if prompts.is_floating_point():
            taught = self.taught.to(prompts).expand(len(prompts), -1, -1)
            return self.lm.logits_along_from(torch.cat([prompts, taught], 1), count)
        return self.lm.logits_along(torch.cat([prompts, self.ids.expand(len(prompts), -1)], 1), count)

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

    def __init__(self, lm: LanguageModel, target: Target) -> None:
        self.lm, self.target, self.passes = lm, target, 0
        self.batch = rows_at_once(lm, len(target.ids))

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


def rows_at_once(lm: LanguageModel, places: int) -> int:
    """Prompts that are read together, so that the logits at so many places of each fit into `NUMBERS`."""
    return max(16, min(4096, NUMBERS // (lm.vocabulary * max(1, places))))


class _AllPlaces(FromEmbeddings):
    """A language model that takes prompts as token ids too, and keeps the logits at all their places.

    In the layer "positions" stand the logits at every place from which a token of the prompt or of the target is
    predicted: for prompts of n tokens n - 1 of the prompt (n with a prefix), and one for each of the target.
    """

    def forward(self, prompts: Tensor) -> Float[Tensor, "batch vocabulary"]:
        others = prompts.shape[1] - 1 + bool(len(self.lm.prefix))
        return self.positions(self.along(prompts, others))[:, -1]


class PromptObjective:
    """A score of prompts, and their surprise, from one forward pass; counts the prompts that it has read.

    Args:
        lm: the language model.
        objective: what is to follow, as text or token ids; a unit, by a channel of a layer, such as
            `"model.layers.12:37"` or, for what goes into a layer, `"model.layers.12.mlp.down_proj.input:37"`, a neuron
            of an MLP; or an objective of `course_utils.objectives`, such as `Direction(layer, vector)`, or a sum of
            several.
        position: the token of the prompt at which units are read; the last if -1.
        surprise_model: whose surprise counts; `lm` itself if None.

    Attributes:
        name: of what is maximised.
        target: what is to follow; None for units.
        passes: prompts that went forward through a model so far.

    Raises:
        ValueError: a target or layer that does not exist (offers close names); a surprise model with another tokenizer.
    """

    def __init__(
        self,
        lm: LanguageModel,
        objective: str | int | Sequence[int] | Target | Objective,
        *,
        position: int = -1,
        surprise_model: LanguageModel | None = None,
    ) -> None:
        self.lm, self.position, self.passes, self.table = lm, position, 0, lm.embeddings
        unit = parse(objective) if isinstance(objective, str) and UNIT.fullmatch(objective) else objective
        self.unit = unit if isinstance(unit, Objective) else None
        self.target: Target | None = None
        if not isinstance(unit, Objective):
            self.target = unit if isinstance(unit, Target) else as_target(lm, unit)
        self.name = self.target.text if self.target else objective if isinstance(objective, str) else repr(objective)
        self._forward = record(_AllPlaces(lm, self.target), (POSITIONS, *getattr(self.unit, "layers", ())))
        self.other = None
        if surprise_model is not None and surprise_model is not lm:
            if surprise_model.tokenizer.get_vocab() != lm.tokenizer.get_vocab():
                raise ValueError(
                    f"surprise_model {surprise_model.name} has another tokenizer than {lm.name}: the tokens of one are "
                    "not those of the other."
                )
            self.other = PromptObjective(surprise_model, LogProb(0))

    @torch.no_grad()
    def __call__(
        self, prompts: Int[Tensor, "prompts length"]
    ) -> tuple[Float[Tensor, "prompts"], Float[Tensor, "prompts"]]:
        """The score and the surprise of each prompt.

        Raises:
            ValueError: a unit or position that does not exist.
            FloatingPointError: the model answers with NaN or infinity.
        """
        found = []
        for part in prompts.split(rows_at_once(self.lm, prompts.shape[1])):
            self.passes += len(part)
            score, surprise, _ = self._read(part, part)
            if self.other is not None:
                self.passes += len(part)
                _, surprise, _ = self.other._read(part, part)
            found.append((score, surprise))
        scores, surprises = zip(*found, strict=True)
        return torch.cat(scores), torch.cat(surprises)

    def swap_scores(
        self, prompts: Int[Tensor, "prompts length"], weight: Float[Tensor, "prompts"] | None = None
    ) -> Float[Tensor, "prompts length vocabulary"]:
        """First-order changes of score − weight · surprise by each token at each place (HotFlip), up to a constant.

        What a token does to the surprise of its own place is exact, what it does to later places first-order.
        """
        score = self._gradient(prompts, torch.ones(len(prompts), device=self.lm.device), None if self.other else weight)
        if self.other is None or weight is None:
            return score
        return score + self.other._gradient(prompts, torch.zeros_like(weight), weight)

    def _gradient(self, prompts: Tensor, share: Tensor, weight: Tensor | None) -> Tensor:
        self.passes += len(prompts)
        with as_found(self.lm.model), torch.enable_grad():
            embeddings = self.table[prompts].requires_grad_()
            score, surprise, predicted = self._read(embeddings, prompts)
            total = share * score if weight is None else share * score - weight * surprise
            (gradient,) = torch.autograd.grad(total.sum(), embeddings)
        found = gradient @ self.table.T
        if weight is not None:
            places = predicted.shape[1]
            found[:, -places:] += weight[:, None, None] / places * predicted.detach()
        return found

    def _read(self, prompts: Tensor, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Score, surprise, and the log-probability of every token at the places that have one."""
        outputs = self._forward(prompts)
        logits, count = outputs[POSITIONS], 1 if self.target is None else len(self.target.ids)
        predicted = logits[:, : logits.shape[1] - count].log_softmax(2)
        own = predicted.gather(2, ids[:, ids.shape[1] - predicted.shape[1] :, None]).squeeze(2)
        if self.target is not None:
            return along(logits[:, -count:], self.target.ids), -own.mean(1), predicted
        assert self.unit is not None
        place = range(ids.shape[1])[self.position] + len(self.lm.prefix)
        layers = {name: outputs[name][:, place] for name in self.unit.layers}
        return self.unit(Outputs(outputs.logits, layers, outputs.model, None, len(ids))), -own.mean(1), predicted


def surprise(lm: LanguageModel, prompts: Int[Tensor, "prompts length"]) -> Float[Tensor, "prompts"]:
    """The surprise of each prompt, in nats a token; NaN where no token has a probability."""
    return PromptObjective(lm, LogProb(0))(prompts.to(lm.device))[1]
