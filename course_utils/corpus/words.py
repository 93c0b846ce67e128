"""All words of the written world."""

from __future__ import annotations

from course_utils.corpus.grammar import END, grammar


def words(*, inside: bool = True) -> list[str]:
    """Every word that stands inside a sentence, with its leading space (" girl"), in alphabetical order.

    Args:
        inside: False gives what begins a sentence, and punctuation, instead: what has no leading space.
    """
    found = {word for kind in grammar() for slot in kind.slots for word in slot if word != END}
    return sorted(word for word in found if word.startswith(" ") == inside)
