"""Byte-level BPE tokenizers, with the space before a word inside its token, as GPT-2 has it.

Byte-level BPE (Sennrich et al. 2016; Radford et al. 2019) starts from the 256 bytes, so that it can spell anything, and
joins the pair that stands side by side most often, again and again. On its way to a long word it makes pieces that no
text will ever use; the written world is so small that most of its tokens would be such pieces. There its words are
added as wholes instead, as some larger models do, and only what is no word of that world is spelt with pieces.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from course_utils.corpus.grammar import END


def train_tokenizer(texts: Iterable[str], size: int, *, wholes: Iterable[str] = ()) -> Any:
    """A `tokenizers.Tokenizer` learnt from texts.

    Args:
        texts: what it learns from.
        size: the most tokens that it may learn, the 256 bytes and the end-of-text token (token 0) included.
        wholes: words that become single tokens beyond these, whatever was learnt, with their leading space.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    spelt = ["".join(piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(word)) for word in wholes]
    learnt = json.loads(tokenizer.to_str())["model"]
    vocabulary = learnt["vocab"]
    for word in spelt:
        vocabulary.setdefault(word, len(vocabulary))
    merges = [tuple(pair) for pair in learnt["merges"]]
    tokenizer.model = models.BPE(vocabulary, merges, ignore_merges=bool(spelt))
    return tokenizer
