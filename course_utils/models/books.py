"""Books by their public list: what `books-lm` has read, and how a folder of them becomes text for training.

145 English books first published before 1930, in the public domain in the United States. The course ships the list and
a model that was trained on the texts, not the texts: each can be had from the public repository that the list names.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from course_utils.corpus.tokenizer import train_tokenizer
from course_utils.models.language_data import Stream, stream

LIST = Path(__file__).with_name("books.csv")


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
        own = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        first = len(own) - len(own) // share
        paragraphs += own[first:] if held_out else own[:first]
    if not paragraphs:
        raise ValueError(f"the folder {folder} holds no text; it should hold books, one *.txt each")
    return paragraphs


@dataclass(frozen=True)
class Books:
    """A folder of books; the last fiftieth of each is kept for measuring."""

    vocabulary: int = 8000
    about: ClassVar[str] = (
        "145 English books published before 1930, in the public domain in the United States: children's books, novels, "
        "science, art, essays (the list is books.csv). They are books of their time. What they say about girls and "
        "boys, about women's work, about race and empire is what was then printed, insults included; a model of them "
        "repeats it, and it is no statement about people."
    )

    def tokenizer(self, folder: Path | None) -> Any:
        """A byte-level BPE learnt from what is trained on."""
        return train_tokenizer(read_paragraphs(folder), self.vocabulary)

    def training(self, tokenizer: Any, folder: Path | None) -> Stream:
        """The stream that is trained on; every paragraph is a text of its own."""
        return stream(read_paragraphs(folder), tokenizer)

    def to_data(self) -> dict:
        return {"kind": "books", "vocabulary": self.vocabulary}
