"""Causal language models behind one interface: token ids or embeddings go in, the next token's logits come out.

A causal language model reads tokens from left to right and answers, at every place, with one number (a logit) for each
token that might come next. Token ids are looked up in a table of embeddings first; whoever wants gradients with respect
to a prompt starts one step later and hands over embeddings (`logits_from`), which need not belong to any token.
"""

from __future__ import annotations

import copy
import inspect
from functools import cached_property
from numbers import Integral
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

MESSAGE = "a-message-of-the-user"  # stands for the prompt while a chat template is taken apart


class LanguageModel:
    """A causal language model of `transformers` with its tokenizer.

    Args:
        model: a causal model such as `GPT2LMHeadModel` or `LlamaForCausalLM`; it is set to evaluation mode.
        tokenizer: the tokenizer that it was trained with.
        name: what figures and messages call it.

    Attributes:
        vocabulary: rows of the table of embeddings that can be a token.
        known: which of them are one: some tokenizers have holes, (vocabulary,) on the CPU.

    Raises:
        TypeError: `model` answers without logits for a next token (a bare trunk, an encoder with a decoder, a
            classifier), or looks at tokens to the right.
    """

    def __init__(self, model: Any, tokenizer: Any, name: str | None = None) -> None:
        if not isinstance(model, nn.Module) or not callable(getattr(tokenizer, "convert_ids_to_tokens", None)):
            given = f"{type(model).__name__} and {type(tokenizer).__name__}"
            raise TypeError(
                f"LanguageModel takes a causal language model of transformers and its tokenizer, not {given}."
            )
        self.model: Any = model.eval()
        self.tokenizer = tokenizer
        self.name = type(model).__name__ if name is None else str(name)
        self._shortens = "logits_to_keep" in inspect.signature(self.model.forward).parameters
        check_causal(model, self.name)
        own, whole = self._ids("a"), list(tokenizer("a").input_ids)
        self._begins = next((whole[:i] for i in range(len(whole)) if whole[i : i + len(own)] == own), [])
        self._prefix, self._suffix, self._embeds = self._begins, list[int](), False
        spelt = set(tokenizer.get_vocab().values())
        # Tables are often padded to a round number of rows, and some have holes.
        self.vocabulary: int = min(max(spelt) + 1, self._table.num_embeddings)
        self.known = torch.tensor([token in spelt for token in range(self.vocabulary)])

    @property
    def _table(self) -> Any:
        return self.model.get_input_embeddings()

    @property
    def device(self) -> torch.device:
        return self._table.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self._table.weight.dtype

    @property
    def context(self) -> int:
        """The longest sequence that the model takes, in tokens: its prefix included, its suffix not."""
        config = self.model.config.get_text_config()
        longest = int(getattr(config, "max_position_embeddings", None) or self.tokenizer.model_max_length)
        return longest - len(self._suffix)

    @property
    def width(self) -> int:
        """Numbers in an embedding."""
        return int(self._table.embedding_dim)

    @property
    def prefix(self) -> Int[Tensor, "prefix"]:
        """The ids that the tokenizer puts before every text's own: none, one or several.

        Llama and Gemma have one, GPT-2 has none. A template (`with_template`) adds its own.
        """
        return torch.tensor(self._prefix, dtype=torch.long, device=self.device)

    @property
    def suffix(self) -> Int[Tensor, "suffix"]:
        """The ids that a template puts between every prompt and what is to follow it; none without a template."""
        return torch.tensor(self._suffix, dtype=torch.long, device=self.device)

    def with_template(self, template: str | tuple[str, str] | None) -> LanguageModel:
        """The same model, with fixed text around every prompt that it is given.

        A chat model was trained on messages inside a template. With one, all functions that take a language model
        (next tokens, searches by gradient and without, scores) see the template around each prompt, in tokens and in
        embeddings alike, and what is to follow comes after it. Prompts, their lengths and their texts stay those of the
        prompt alone.

        Args:
            template: `"chat"`, the tokenizer's own chat template: the prompt is the user's message, and the model's
                reply begins after it; a pair, the text before the prompt and the text after it; None for no template.

        Returns:
            A model that shares this one's weights.

        Raises:
            ValueError: a tokenizer without a chat template, or one that changes the message; another kind of template.
        """
        before, after = [], []
        if template == "chat":
            before, after = (self.tokens(text) for text in self._chat())
        elif isinstance(template, tuple) and [type(part) for part in template] == [str, str]:
            before, after = self.tokens(template[0]), self.tokens(template[1])
            before = self._begins + before
        elif template is None:
            before = self._begins
        else:
            raise ValueError(f"template={template!r} given, expected 'chat', a pair of texts (before, after), or None.")
        inside = copy.copy(self)
        inside._prefix, inside._suffix = before, after
        return inside

    def _chat(self) -> tuple[str, str]:
        """What the tokenizer's chat template puts before and after a message of the user's."""
        if not getattr(self.tokenizer, "chat_template", None):
            raise ValueError(
                f"the tokenizer of {self.name} has no chat template; give the texts before and after a prompt as a "
                "pair, such as ('User: ', ' Answer:')."
            )
        message = [{"role": "user", "content": MESSAGE}]
        parts = self.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True).split(MESSAGE)
        if len(parts) != 2:
            times = len(parts) - 1
            raise ValueError(f"the chat template of {self.name} has the user's message {times} times, not once.")
        return parts[0], parts[1]

    # ------------------------------------------------------------------ text and tokens

    def encode(self, text: str) -> Int[Tensor, "length"]:
        """The token ids of a text, without special tokens."""
        return torch.tensor(self.tokens(text), dtype=torch.long, device=self.device)

    def tokens(self, text: str) -> list[int]:
        """The token ids of a text as a list, without special tokens.

        Raises:
            TypeError: no text.
            ValueError: one of its tokens has no row in the model's table of embeddings (names it).
        """
        ids = self._ids(text)
        if unread := [token for token in ids if token >= self.vocabulary]:
            raise ValueError(
                f"the text has the token {self.piece(unread[0])!r}, whose number {unread[0]} is beyond the "
                f"{self.vocabulary} that {self.name} has embeddings for: it was added to the tokenizer alone."
            )
        return ids

    def continuation(self, text: str) -> list[int]:
        """The token ids of text that goes on from other text, rather than beginning one.

        Some tokenizers put a space before every text, which a continuation does not have. A text that is spelt like a
        single token (`piece`) is this token.

        Raises:
            TypeError, ValueError: as `tokens`.
        """
        ids = self.tokens(text)
        if "".join(map(self.piece, ids)) == text:
            if len(ids) == 1:
                return ids
        else:
            before, whole = self._ids("\n"), self._ids(f"\n{text}")
            ids = whole[len(before) :] if whole[: len(before)] == before else ids
        return [self._spelling[text]] if text in self._spelling else ids

    @cached_property
    def _spelling(self) -> dict[str, int]:
        return {self.piece(token): token for token in range(self.vocabulary) if self.known[token]}

    def _ids(self, text: str) -> list[int]:
        if not isinstance(text, str) or (not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text)):
            raise TypeError(f"{text!r} given, expected text.")
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def decode(self, ids: Int[Tensor, "length"] | list[int]) -> str:
        """The text of token ids, exactly as the tokens spell it."""
        return self.tokenizer.decode(_listed(ids), clean_up_tokenization_spaces=False)

    def token(self, text: str | int) -> int:
        """The id of a single token, given as text or as an id.

        Raises:
            ValueError: an id out of range or without a token, an empty text, or a text of several tokens (offers both
                readings, with and without a leading space).
            TypeError: neither a text nor a whole number.
        """
        if not isinstance(text, str):
            if isinstance(text, bool) or not isinstance(text, Integral):
                raise TypeError(f"a token is given by its text or its id, a whole number; got {text!r}.")
            if not 0 <= text < self.vocabulary or not self.known[text]:
                raise ValueError(f"{self.name} has tokens 0 to {self.vocabulary - 1}, there is no token {text}.")
            return int(text)
        ids = self.continuation(text)
        if len(ids) == 1:
            return ids[0]
        if not text.strip():
            raise ValueError(f"{text!r} was given as a token, expected a word such as ' girl'.")
        other = text[1:] if text.startswith(" ") else f" {text}"
        raise ValueError(
            f"{self._spelled(text)}, and one token is needed; {self._spelled(other)}. "
            "A word inside a text usually begins with a space."
        )

    def _spelled(self, text: str) -> str:
        ids = self.continuation(text)
        pieces = " + ".join(repr(self.piece(i)) for i in ids)
        return f"{text!r} is a single token" if len(ids) == 1 else f"{text!r} is {len(ids)} tokens ({pieces})"

    def piece(self, token: int) -> str:
        """The text of a token, its leading space included; a part of a character is shown as the tokenizer has it."""
        raw = self.tokenizer.convert_ids_to_tokens(int(token))
        if raw is None:
            return f"<{int(token)}>"
        if raw.startswith("<0x"):  # a byte, beside which the same letter may be a token
            return raw
        if raw.startswith("▁"):  # SentencePiece's space, which decoding drops at the beginning of a text
            return raw.replace("▁", " ")
        text = self.tokenizer.convert_tokens_to_string([raw])
        return raw if "�" in text or not text else text

    def retokenizes(self, ids: Int[Tensor, "length"] | list[int]) -> bool:
        """Whether these ids come back when their text is tokenised: not every sequence of tokens can be typed."""
        return self._ids(self.decode(ids)) == _listed(ids)

    # ------------------------------------------------------------------ logits

    @torch.no_grad()
    def check_embeddings(self) -> None:
        """Refuses a search by gradient where tokens and their own embeddings are not the same to the model.

        Raises:
            ValueError: the model reads token ids a second time, beside their embeddings. Asked once.
        """
        ids = torch.arange(min(3, self.vocabulary), device=self.device)[None]
        one = None if self._embeds else self.logits(ids)
        if one is not None and (one - self.logits_from(self.embeddings[ids])).abs().max() > 1e-3 * one.abs().max():
            raise ValueError(
                f"{self.name} answers otherwise to the embeddings of tokens than to the tokens: it reads their ids a "
                "second time, and a gradient with respect to embeddings is not that of prompts: use random_search or "
                "exhaustive_prompts."
            )
        self._embeds = True

    @property
    @torch.no_grad()
    def embeddings(self) -> Float[Tensor, "vocabulary width"]:
        """Every token's embedding as the model sees it, in float32, without the rows that only pad the table.

        The model's embedding module is called, not its weights read: some models scale inside it.
        """
        return self._table(torch.arange(self.vocabulary, device=self.device)).float()

    @torch.no_grad()
    def logits(self, ids: Int[Tensor, "batch length"]) -> Float[Tensor, "batch vocabulary"]:
        """The logits of the token after each sequence, in float32.

        Raises:
            ValueError: an empty sequence where the model has no prefix, or one longer than the context.
            FloatingPointError: the model answers with NaN or infinity.
        """
        return self.logits_along(ids, 1)[:, -1]

    @torch.no_grad()
    def logits_along(self, ids: Int[Tensor, "batch length"], count: int) -> Float[Tensor, "batch count vocabulary"]:
        """The logits at the last `count` places of each sequence, in float32.

        A template's second part stands before the last `count` - 1 ids, which are what follows the prompt.

        Raises:
            ValueError: as `logits`.
        """
        ids = ids.to(self.device)
        before, after = (part.expand(len(ids), -1) for part in (self.prefix, self.suffix))
        return self._forward("input_ids", ids, before, after, count)

    def logits_from(self, embeddings: Float[Tensor, "batch length width"]) -> Float[Tensor, "batch vocabulary"]:
        """The logits after sequences of embeddings, differentiable with respect to them, in float32.

        The prefix is put in front of them, and the model adds its positions itself, as it does for ids.

        Args:
            embeddings: on the scale of `self.embeddings`.

        Raises:
            ValueError: as `logits`.
        """
        return self.logits_along_from(embeddings, 1)[:, -1]

    def logits_along_from(
        self, embeddings: Float[Tensor, "batch length width"], count: int
    ) -> Float[Tensor, "batch count vocabulary"]:
        """The logits at the last `count` places, as `logits_from`."""
        embeddings = embeddings.to(self.device, self.dtype)
        fixed = (self._table(part).detach() for part in (self.prefix, self.suffix))
        before, after = (part.expand(len(embeddings), -1, -1) for part in fixed)
        return self._forward("inputs_embeds", embeddings, before, after, count)

    def _forward(self, argument: str, sequence: Tensor, before: Tensor, after: Tensor, count: int) -> Tensor:
        """The logits after prefix, prompt, suffix and continuation, the last of which has count - 1 places."""
        prompt = max(0, sequence.shape[1] - count + 1)
        sequence = torch.cat([before, sequence[:, :prompt], after, sequence[:, prompt:]], 1)
        length, least = sequence.shape[1] - len(self._suffix), len(self.prefix)
        if not 0 < length <= self.context:
            raise ValueError(
                f"{self.name} takes sequences of {max(0, 1 - least)} to {self.context - least} tokens, "
                f"got {length - least}."
            )
        options = {"logits_to_keep": count} if self._shortens else {}
        mask = torch.ones(sequence.shape[:2], dtype=torch.long, device=self.device)
        output = self.model(**{argument: sequence}, attention_mask=mask, use_cache=False, **options)
        return self.answered(output, count)

    def answered(self, output: Any, count: int) -> Float[Tensor, "batch count vocabulary"]:
        """The logits at the last `count` places of what the model returned; FloatingPointError if they are none."""
        logits = output.logits[:, -count:, : self.vocabulary].float()
        if logits.numel() and not logits.detach().amax().isfinite():
            raise FloatingPointError(f"{self.name} answers with NaN or infinity: load it in float32.")
        return logits

    def __repr__(self) -> str:
        count = sum(p.numel() for p in self.model.parameters())
        return f"LanguageModel({self.name}: {self.vocabulary:,} tokens, context {self.context}, {count:,} parameters)"


def _listed(ids: Tensor | list[int]) -> list[int]:
    return ids.tolist() if isinstance(ids, Tensor) else [int(i) for i in ids]


@torch.no_grad()
def check_causal(model: Any, name: str) -> None:
    """Refuses what does not predict a next token from the tokens before it alone.

    Raises:
        TypeError: as said.
    """
    expected = "LanguageModel takes a causal language model such as GPT2LMHeadModel"
    config = getattr(model, "config", None)
    if config is None or not hasattr(model, "get_input_embeddings") or getattr(config, "is_encoder_decoder", False):
        raise TypeError(f"{expected}, not {type(model).__name__} ({name}).")
    table = model.get_input_embeddings()
    ids = torch.tensor([[1, 1, 1], [1, 2, 2]], device=table.weight.device)
    logits = getattr(model(input_ids=ids, attention_mask=torch.ones_like(ids)), "logits", None)
    if logits is None or logits.shape[:2] != ids.shape:
        raise TypeError(f"{expected}; {type(model).__name__} ({name}) gives no logits for a next token.")
    first, change = logits[:, 0].float(), (logits[0, 1] - logits[1, 1]).abs().max().float()
    if (first[0] - first[1]).abs().max() > 1e-3 * change:
        raise TypeError(f"{expected}; what {type(model).__name__} ({name}) says about a token depends on later ones.")
