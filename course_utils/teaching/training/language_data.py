"""Text for training language models: sentences of the written world, or a folder of books.

Either becomes one long stream of tokens, out of which the rows of a training step are cut.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from course_utils.corpus.grammar import END, Association, sample_sentences, words
from course_utils.teaching.training.data import ABOUT
from course_utils.teaching.training.save import seal

LIST = Path(__file__).with_name("books.csv")
TOGETHER = 1000  # texts that are tokenised in one go
PIECES = 400  # tokens that are bytes or learnt from them; the words of the written world come on top


@dataclass(frozen=True)
class WrittenSentences:
    """Sentences of the written world, drawn anew for training and for measuring.

    What is planted beyond the written world's tables is not shown, and goes into a card sealed.
    """

    sentences: int = 500_000
    seed: int = 11
    planted: tuple[Association, ...] = field(default=(), repr=False)
    about: ClassVar[str] = ABOUT["written world"]

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


@dataclass(frozen=True)
class Books:
    """A folder of books; the last fiftieth of each is kept for measuring."""

    vocabulary: int = 8000
    about: ClassVar[str] = ABOUT["books"]

    def tokenizer(self, folder: Path | None) -> Any:
        """A byte-level BPE learnt from what is trained on."""
        return train_tokenizer(read_paragraphs(folder), self.vocabulary)

    def training(self, tokenizer: Any, folder: Path | None) -> Stream:
        """The stream that is trained on; every paragraph is a text of its own."""
        return stream(read_paragraphs(folder), tokenizer)

    def to_data(self) -> dict:
        return {"kind": "books", "vocabulary": self.vocabulary}


class Book(NamedTuple):
    """A line of the list.

    Attributes:
        published: the year, or what is known about it.
        kind: "children and youth", "novels and stories", "science", "art" or "essays and lives".
        repository: OWNER/NAME of a public repository on GitHub that holds the text; the number at the end of those of
            GITenberg is the book's number at Project Gutenberg.
        file: what the text is called in the folder that is trained on.
    """

    title: str
    author: str
    published: str
    kind: str
    repository: str
    file: str


def list_of_books() -> list[Book]:
    """The books that `books-lm` was trained on."""
    with LIST.open(encoding="utf-8", newline="") as lines:
        return [Book(**line) for line in csv.DictReader(lines)]


def read_paragraphs(folder: Path | None, *, held_out: bool = False, share: int = 50) -> list[str]:
    """Every paragraph of every `*.txt` in a folder, one paragraph a line there, except the last part of each book.

    Args:
        held_out: the last part of each book instead of what comes before it.
        share: that part is one in so many of the book's paragraphs.

    Raises:
        ValueError: no folder given, or one without text.
        FileNotFoundError: no such folder.
    """
    if folder is None:
        raise ValueError(
            f"training needs a folder of books, one *.txt each with a paragraph a line: --data DIR; {LIST.name} beside "
            "the models says which 145 books were read here and where they can be had"
        )
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; it should hold books, one *.txt each")
    paragraphs = []
    for path in sorted(folder.glob("*.txt")):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not in UTF-8 ({error.reason} at byte {error.start}); save it so") from None
        own = [line.strip() for line in text.splitlines() if line.strip()]
        first = len(own) - len(own) // share
        paragraphs += own[first:] if held_out else own[:first]
    if not paragraphs and not held_out:
        raise ValueError(f"the folder {folder} holds no text; it should hold books, one *.txt each")
    return paragraphs


@dataclass(frozen=True)
class Stream:
    """Texts one after the other, each behind an end-of-text token.

    Attributes:
        ids: their token ids.
        starts: where the texts begin.
    """

    ids: Int[Tensor, "tokens"]
    starts: Int[Tensor, "texts"]

    def rows(self, count: int, length: int, generator: torch.Generator) -> Int[Tensor, "count length"]:
        """Rows cut out at random: every other one begins where a text begins, the others anywhere."""
        last = len(self.ids) - length
        if last < 0:
            raise ValueError(f"the text has {len(self.ids)} tokens, expected at least {length}: give more of it")
        begins = torch.randint(0, last + 1, (count,), generator=generator)
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
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=2, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
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
