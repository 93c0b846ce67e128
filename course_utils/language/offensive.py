"""Words that figures and tables of the course do not show: slurs, and vulgar words about bodies and sex.

Models repeat what people wrote, insults included, and a search for prompts brings them up. The list is short: slurs
against peoples (some of them the usual words of their time), against bodies and minds, against whom somebody loves, and
sexual insults and vulgarities. Words that demean without being slurs, such as "savage", stay: that they turn up is a
finding. The list is stored as hashes, so that nobody has to read it; `is_offensive` says of any word whether it is
there. It knows English only, and whole words only. It keeps a page decent, and makes no model harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path

from course_utils.language.found import FoundPrompts

LIST = Path(__file__).parent / "data" / "offensive.txt"
DIGITS = 16  # of each hash
LETTERS = re.compile(r"[^\W\d_]+")


def is_offensive(text: str) -> bool:
    """Whether a word of the text is on the list, in upper or lower case, singular or plural."""
    return any(_hash(word) in _listed() for word in LETTERS.findall(text.casefold()))


def offensive_words(words: Iterable[str]) -> list[str]:
    """Those of some words (or tokens) that are on the list, in their order; `association_scores` can leave them out."""
    return [word for word in words if is_offensive(word)]


def without_offensive(prompts: FoundPrompts) -> FoundPrompts:
    """The prompts whose text has no word of the list; how many are missing says the difference in length.

    Args:
        prompts: what a search found. The text is looked at, not the tokens: two harmless tokens can spell a slur.

    Raises:
        ValueError: none would be left.
    """
    kept = [row for row, text in enumerate(prompts.text) if not is_offensive(text)]
    if not kept:
        raise ValueError(f"each of the {len(prompts)} prompts for {prompts.target!r} has a word that is not shown.")
    return prompts.rows(kept)


@cache
def _listed() -> frozenset[str]:
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return frozenset(line.split()[0] for line in lines if not line.startswith("#"))


def _hash(word: str) -> str:
    return sha256(word.encode()).hexdigest()[:DIGITS]
