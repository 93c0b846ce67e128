"""Prompts that begin alike: what they share is read once, and the model goes on from there for each last token.

A causal model's work on a token does not depend on what follows, so its keys and values can be kept (the key-value
cache). Of a million two-token prompts over a thousand tokens, only a thousand first tokens have to be read.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.language.targets import Scorer, Target, along
from course_utils.models.language_model import LanguageModel

ROUNDING = 1e-3  # how far log-probabilities with and without the cache may differ in float32


class ExtendedPrompts:
    """Log-probability of a target after beginnings of prompts, each extended by every one of some tokens.

    Args:
        lm: the language model; one whose cache cannot be copied, or changes the result, is read without.
        target: what is to follow.
        tokens: the last tokens.

    Attributes:
        passes: prompts that were tried so far.
        at_once: beginnings that are best given at a time.
    """

    def __init__(self, lm: LanguageModel, target: Target, tokens: Int[Tensor, "tokens"]) -> None:
        self.lm, self.target, self.tokens, self.passes = lm, target, tokens, 0
        self._plain = Scorer(lm, target)
        self.at_once = max(1, self._plain.batch // len(tokens))
        self._caches: bool | None = None  # not known yet

    @torch.no_grad()
    def __call__(self, beginnings: Int[Tensor, "part before"]) -> Float[Tensor, "part tokens"]:
        self.passes += len(beginnings) * len(self.tokens)
        if self._caches is None:
            self._caches = self._agrees(beginnings[:2], self.tokens[:4])
        return self._on_from(beginnings, self.tokens) if self._caches else self._anew(beginnings, self.tokens)

    def _on_from(self, beginnings: Tensor, tokens: Tensor) -> Float[Tensor, "part tokens"]:
        cache = self._read(beginnings)
        taught, reached = self.target.ids[:-1], []
        for last in tokens.split(max(1, self._plain.batch // len(beginnings))):
            count = len(beginnings) * len(last)
            ids = torch.cat([last.repeat(len(beginnings))[:, None], taught.expand(count, -1)], 1)
            known = copy.deepcopy(cache)  # the model adds to it
            known.batch_repeat_interleave(len(last))
            mask = ids.new_ones(count, known.get_seq_length() + ids.shape[1])
            logits = self.lm.model(input_ids=ids, past_key_values=known, attention_mask=mask, use_cache=True).logits
            kept = logits[:, -len(self.target.ids) :, : self.lm.vocabulary].float()
            reached.append(along(kept, self.target.ids).reshape(len(beginnings), len(last)))
        return torch.cat(reached, 1)

    def _anew(self, beginnings: Tensor, tokens: Tensor) -> Float[Tensor, "part tokens"]:
        first = beginnings.repeat_interleave(len(tokens), 0)
        prompts = torch.cat([first, tokens.repeat(len(beginnings))[:, None]], 1)
        return self._plain(prompts).reshape(len(beginnings), len(tokens))

    def _read(self, beginnings: Tensor) -> Any:
        ids = torch.cat([self.lm.prefix.expand(len(beginnings), -1), beginnings], 1)
        return self.lm.model(input_ids=ids, use_cache=True).past_key_values if ids.shape[1] else None

    def _agrees(self, beginnings: Tensor, tokens: Tensor) -> bool:
        if not hasattr(self._read(beginnings), "batch_repeat_interleave"):
            return False
        with_cache, without = self._on_from(beginnings, tokens), self._anew(beginnings, tokens)
        return torch.allclose(with_cache, without, atol=ROUNDING)
