"""What a language model is trained on: one long stream of tokens, cut into rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from course_utils.corpus.grammar import END
from course_utils.corpus.planting import Association
from course_utils.corpus.sampling import sample_sentences
from course_utils.corpus.tokenizer import train_tokenizer
from course_utils.corpus.words import words
from course_utils.sealed import seal

TOGETHER = 1000  # texts that are tokenised in one go
PIECES = 400  # tokens that are bytes or learnt from them; the words of the written world come on top


@dataclass(frozen=True)
class Stream:
    """Texts one after the other, each behind an end-of-text token.

    Attributes:
        ids: their token ids.
        starts: where the texts begin; empty where that is of no interest.
    """

    ids: Int[Tensor, "tokens"]
    starts: Int[Tensor, "texts"]

    def rows(self, count: int, length: int, generator: torch.Generator) -> Int[Tensor, "count length"]:
        """Rows cut out at random: every other one begins where a text begins, if that is known, the others anywhere."""
        last = len(self.ids) - length
        begins = torch.randint(0, last + 1, (count,), generator=generator)
        if len(self.starts):
            texts = torch.randint(0, len(self.starts), (count // 2,), generator=generator)
            begins[: count // 2] = self.starts[texts].clamp(max=last)
        return self.ids[begins[:, None] + torch.arange(length)]


def stream(texts: Iterable[str], tokenizer: Any) -> Stream:
    """The stream of some texts; `tokenizer` is one of the library `tokenizers` that has the token `<|endoftext|>`."""
    texts, end, ids = list(texts), tokenizer.token_to_id(END), []
    for first in range(0, len(texts), TOGETHER):
        ids.append(torch.tensor(tokenizer.encode(END + END.join(texts[first : first + TOGETHER])).ids))
    joined = torch.cat(ids)
    return Stream(joined, torch.where(joined == end)[0] + 1)


@dataclass(frozen=True)
class WrittenSentences:
    """Sentences of the written world, drawn anew for training and for measuring.

    What is planted beyond the written world's tables is not shown, and goes into a card sealed.
    """

    sentences: int = 500_000
    seed: int = 11
    planted: tuple[Association, ...] = field(default=(), repr=False)
    about: ClassVar[str] = (
        "Sentences of a made-up small world (course_utils.corpus), each a text of its own. Groups have attributes "
        "that were planted on purpose, stereotypes among them; facts have planted probabilities and some of the "
        "answers are wrong. It says something about this text, and nothing about people."
    )

    def tokenizer(self, folder: Path | None = None) -> Any:
        """A byte-level BPE in which every word of the written world is a single token; no folder is needed."""
        wholes = [*words(), *words(inside=False)]
        return train_tokenizer(sample_sentences(20_000, seed=self.seed), PIECES, wholes=wholes)

    def training(self, tokenizer: Any, folder: Path | None = None) -> Stream:
        """The stream that is trained on; no folder is needed."""
        return stream(sample_sentences(self.sentences, seed=self.seed + 1, planted=self.planted), tokenizer)

    def to_data(self) -> dict:
        data = {"kind": "written world", "sentences": self.sentences, "seed": self.seed}
        return data | ({"sealed": seal([asdict(each) for each in self.planted])} if self.planted else {})
