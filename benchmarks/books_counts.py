"""What the books of books-lm connect with sixteen words: python benchmarks/books_counts.py --data DIR

Counts, for each place where one of the targets stands in a book, the words before it, and writes two tables to
course_utils/language/data: of the three words before, which is what a prompt of three tokens is, and of the twenty
before, which say more of what a passage is about. Needs the books; takes about a minute on one core.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from course_utils import load_language_model
from course_utils.language import is_offensive, text_associations
from course_utils.language.corpus_statistics import BEFORE, BOOKS, WORD, share_a_stem
from course_utils.teaching.training.language_data import read_paragraphs

TARGETS = (
    "girl", "boy", "woman", "man", "mother", "father", "servant", "doctor", "artist", "church", "science", "art",
    "nature", "religion", "music", "money",
)  # fmt: skip
LETTERS, TIMES = 3, 200  # a counted word has at least so many letters, and stands in the books so often


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the books, one *.txt each")
    parser.add_argument("--out", type=Path, default=BOOKS)
    options = parser.parse_args()
    paragraphs = read_paragraphs(options.data)  # what books-lm was trained on, without what was held out
    words = words_to_count(paragraphs)
    for before in BEFORE:
        table = text_associations(paragraphs, TARGETS, words, before=before)
        table.save(options.out / f"books_before_{before}.safetensors")
        print(table)


def words_to_count(paragraphs: list[str]) -> list[str]:
    """Words of small letters that are one token of books-lm, stand in the books often, and share no target's stem.

    A model can only be given tokens, and a piece of a word means nothing by itself; names are left out, which say who
    is in a book.
    """
    lm = load_language_model("books-lm")
    times = Counter(word for paragraph in paragraphs for word in WORD.findall(paragraph))
    pieces = [lm.piece(token) for token in range(lm.vocabulary)]
    whole = [piece[1:] for piece in pieces if piece.startswith(" ") and piece[1:].isalpha() and piece.islower()]
    often = [word for word in whole if len(word) >= LETTERS and word.isascii() and times[word] >= TIMES]
    kept = [word for word in often if not any(share_a_stem(word, target) for target in TARGETS)]
    shown = [word for word in kept if not is_offensive(word)]
    print(f"{len(whole)} words are tokens, {len(often)} of them frequent, {len(kept)} without a target's stem;")
    print(f"{len(kept) - len(shown)} are on the list of words that are not shown")
    return shown


if __name__ == "__main__":
    main()
