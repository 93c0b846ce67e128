"""What the check of chapter 8's pair of pieces looks at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from course_utils.learning.exercises import Mistake

# In each corpus one pair is the most frequent, and every usual mistake finds another one.
WORDS = {
    "each word counts as often as it occurs": {
        tuple("lo"): 9,
        tuple("newest"): 2,
        tuple("widest"): 2,
        tuple("nest"): 2,
    },
    "nothing stands side by side across two words": {tuple("a"): 9, tuple("bc"): 3, tuple("ef"): 5},
    "the order of the two matters": {tuple("ab"): 5, tuple("bac"): 3, tuple("cb"): 6, tuple("xbay"): 2},
    "only neighbours are a pair": {tuple("axb"): 3, tuple("ayb"): 3, tuple("azb"): 3, tuple("cd"): 4, tuple("a"): 50},
    "a pair may stand in a word twice": {tuple("papaya"): 4, tuple("day"): 3},
    "pieces may be longer than a letter": {("n", "ew", "est"): 6, ("wid", "est"): 5, ("l", "ow"): 4, ("ew", "est"): 1},
}


def check_pair(function: Callable, reference: Callable) -> None:
    """The right pair in corpora that tell the usual mistakes apart."""
    for words in WORDS.values():
        given = dict(words)
        found = function(given)
        if given != words:
            raise Mistake("your function changes the dictionary `words` that it was given: count in one of your own.")
        _require_pair(found)
        if found != reference(words):
            raise Mistake(_what_went_wrong(tuple(found), words))


def _require_pair(found: object) -> None:
    if isinstance(found, int):
        raise Mistake(f"your function returns {found}, which is a number of times: return the pair itself.")
    if isinstance(found, str):
        raise Mistake(f"your function returns the text {found!r}: return the two pieces as a tuple, not joined.")
    if isinstance(found, dict):
        raise Mistake("your function returns all counts: return the pair with the largest, `counts.most_common(1)`.")
    if isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], tuple):
        raise Mistake(f"your function returns {found!r}, a pair and its count: return the pair alone.")
    if not isinstance(found, tuple) or len(found) != 2 or not all(isinstance(piece, str) for piece in found):
        raise Mistake(f"your function returns {found!r}, expected a tuple of two pieces such as ('e', 's').")


def _what_went_wrong(found: tuple, words: dict) -> str:
    counts: Counter = Counter()
    for pieces, times in words.items():
        for pair in pairwise(pieces):
            counts[pair] += times
    once: Counter = Counter(pair for pieces in words for pair in pairwise(pieces))
    by_words: Counter = Counter()
    for pieces, times in words.items():
        for pair in set(pairwise(pieces)):
            by_words[pair] += times
    best, most = counts.most_common(1)[0]
    said = f"of {words} your function says {found!r}"
    if found not in counts:
        return f"{said}, which never stand side by side in a word in this order; the answer is {best!r}, {most} times."
    if counts[found] == min(counts.values()):
        return f"{said}, the rarest pair: take the largest count."
    if by_words[found] == max(by_words.values()) and by_words[found] > by_words[best]:
        return f"{said}: a pair that stands twice in a word counts twice, so {best!r} comes {most} times."
    if counts[found] + counts[found[::-1]] > most:
        return (
            f"{said}: ('a', 'b') and ('b', 'a') are two pairs, count them apart; the answer is {best!r}, {most} times."
        )
    if once[found] == max(once.values()) and once[found] > once[best]:
        return (
            f"{said}, which comes {counts[found]} times: each word counts as often as it occurs, {best!r} {most} times."
        )
    return f"{said}, which comes {counts[found]} times; {best!r} comes {most} times."
